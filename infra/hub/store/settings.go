package store

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// Setting is a parameter as hub settings shows it.
type Setting struct {
	Name     string     `json:"name"`
	Value    string     `json:"value,omitempty"` // empty for a secret
	Secret   bool       `json:"secret"`
	Set      bool       `json:"set"`
	Default  bool       `json:"default"`           // the value is the default, written or not
	Unknown  bool       `json:"unknown,omitempty"` // nothing reads a parameter of that name
	Version  int64      `json:"version,omitempty"`
	Modified *time.Time `json:"modified,omitempty"`
}

// Settings are all parameters that there are, and those that are set besides. These
// are perhaps misspelled, and what they hold is perhaps a secret.
func (s Store) Settings(ctx context.Context) ([]Setting, error) {
	list, err := s.List(ctx)
	if err != nil {
		return nil, err
	}
	stored := make(map[string]settings.Stored, len(list))
	for _, parameter := range list {
		stored[parameter.Name] = parameter
	}
	var all []Setting
	defaults := s.Defaults()
	for _, name := range AllNames() {
		parameter, set := stored[name]
		delete(stored, name)
		all = append(all, settingOf(name, parameter, set, defaults[name]))
	}
	for _, name := range withoutNested(slices.Sorted(maps.Keys(stored))) {
		unknown := settingOf(name, stored[name], true, "")
		unknown.Value, unknown.Unknown = "", true
		all = append(all, unknown)
	}
	return all, nil
}

// withoutNested leaves out what belongs to a store whose prefix is longer than this
// one's: /shop/eu below /shop. Such a store is known by the host that its stack has set.
func withoutNested(unknown []string) []string {
	var nested []string
	for _, name := range unknown {
		if store, is := strings.CutSuffix(name, "/"+settings.SegmentHost); is {
			nested = append(nested, store+"/")
		}
	}
	return slices.DeleteFunc(unknown, func(name string) bool {
		return slices.ContainsFunc(nested, func(store string) bool { return strings.HasPrefix(name, store) })
	})
}

func settingOf(name string, stored settings.Stored, set bool, standard string) Setting {
	one := Setting{Name: name, Secret: settings.IsSecret(name), Set: set, Version: stored.Version}
	if set {
		one.Modified = &stored.Modified
	}
	if one.Secret {
		return one
	}
	one.Value = stored.Value
	if strings.TrimSpace(one.Value) == "" {
		one.Value = standard
	}
	one.Default = standard != "" && SameText(one.Value, standard)
	return one
}

// Defaults are what counts where a parameter is not set. On this machine there is no
// host then: the hub sends to its inbox.
func (s Store) Defaults() map[string]string {
	defaults := map[string]string{}
	if s.Deployment != nil {
		defaults[settings.SegmentHost], defaults[settings.SegmentPath] = settings.DefaultHost, settings.DefaultPath
	}
	for _, t := range tracking.All() {
		defaults[settings.Enabled(t)] = "true"
		defaults[settings.Events(t)] = strings.Join(t.Observes, ",")
		defaults[settings.Template(t)] = templates.Default(t.Name)
	}
	return defaults
}

// Enabled says which trackings are, by their names. One whose setting cannot be read does
// wait, and counts as one that is.
func (s Store) Enabled(ctx context.Context) (map[string]bool, error) {
	var names []string
	for _, t := range tracking.All() {
		names = append(names, settings.Enabled(t))
	}
	values, err := s.Parameters(ctx, names)
	if err != nil {
		return nil, err
	}
	enabled := map[string]bool{}
	for _, t := range tracking.All() {
		enabled[t.Name] = strings.TrimSpace(values[settings.Enabled(t)]) != "false"
	}
	return enabled, nil
}

// SameText compares texts but for the line ends after them, which editors put there
// and a directory's parameters do not have.
func SameText(one, other string) bool {
	return strings.TrimRight(one, "\r\n") == strings.TrimRight(other, "\r\n")
}
