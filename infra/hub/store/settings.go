package store

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// Setting is a parameter as `hub settings` shows it.
type Setting struct {
	Name     string     `json:"name"`
	Value    string     `json:"value,omitempty"` // empty for a secret
	Secret   bool       `json:"secret"`
	Set      bool       `json:"set"`
	Default  bool       `json:"default"`           // the value is the default, stored or not
	Unknown  bool       `json:"unknown,omitempty"` // nothing reads a parameter with this name
	Version  int64      `json:"version,omitempty"`
	Modified *time.Time `json:"modified,omitempty"`
}

// Settings returns all known parameters, and then the unknown parameters that are set. An
// unknown parameter is perhaps misspelled and its value can be a secret, so the value is
// not returned.
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
	names := append(namesOf(s.Trackings()), settings.WebhookAddress)
	if s.Deployment == nil {
		names = namesInDirectory()
	}
	for _, name := range names {
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

// withoutNested removes the parameters of another store whose prefix is below the prefix of
// this one, for example /shop/eu below /shop. It finds such a store by its Segment host,
// which every stack sets.
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

// Defaults returns the values that are in effect if a parameter is not set. On this machine
// there is no default host: the hub sends to its inbox.
func (s Store) Defaults() map[string]string {
	defaults := map[string]string{}
	if s.Deployment != nil {
		defaults[settings.SegmentHost], defaults[settings.SegmentPath] = settings.DefaultHost, settings.DefaultPath
	}
	for _, t := range tracking.All() {
		defaults[settings.Enabled(t)] = strconv.FormatBool(!t.Optional)
		defaults[settings.Paused(t)] = "false"
		defaults[settings.Events(t)] = strings.Join(t.Observes, ",")
		defaults[settings.Template(t)] = templates.Default(t.Name)
	}
	return defaults
}

// Enabled reports by name which trackings are enabled. A tracking with an invalid setting
// is reported as enabled: its events are retried.
func (s Store) Enabled(ctx context.Context) (map[string]bool, error) {
	var names []string
	for _, t := range s.Trackings() {
		names = append(names, settings.Enabled(t))
	}
	values, err := s.Parameters(ctx, names)
	if err != nil {
		return nil, err
	}
	enabled := map[string]bool{}
	for _, t := range s.Trackings() {
		value := strings.TrimSpace(values[settings.Enabled(t)])
		enabled[t.Name] = value != "false" && (value != "" || !t.Optional)
	}
	return enabled, nil
}

// SameText reports whether two texts are equal, except for the line ends after them. Editors
// add a line end, which the parameters in a directory do not have.
func SameText(one, other string) bool {
	return strings.TrimRight(one, "\r\n") == strings.TrimRight(other, "\r\n")
}
