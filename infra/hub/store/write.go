package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// Write checks all parameters together and writes those of wanted that differ from current.
// It returns the names of the parameters that it wrote, in order, also with an error. Then it
// gives all parameters their tags and their key. A caller that must not replace the changes of
// other users holds Saving.
func (s Store) Write(ctx context.Context, current, wanted map[string]string) (written []string, err error) {
	if err := errors.Join(Check(Together(current, wanted)), s.CheckKey(current, wanted), s.checkSettings(wanted)); err != nil {
		return nil, fmt.Errorf("nothing was written to %s: %w", s.Name, err)
	}
	names := slices.DeleteFunc(writeOrder(AllNames()), func(name string) bool {
		value, asked := wanted[name]
		return !asked || value == strings.TrimSpace(current[name])
	})
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settings.SaveWithin) // a closed page must not stop the write halfway
	defer cancel()
	values := map[string]string{}
	for _, name := range slices.Concat(settings.Together()...) {
		if slices.Contains(names, name) {
			values[name] = wanted[name]
		}
	}
	if len(values) > 0 {
		if err := s.PutTogether(ctx, values); err != nil {
			return nil, fmt.Errorf("%w\nNot written to %s: %s. Fix this and run it again: settings that belong together are never mixed", err, s.Name, strings.Join(names, ", "))
		}
	}
	left := slices.DeleteFunc(slices.Clone(names), func(name string) bool { _, done := values[name]; return done })
	for i, name := range left {
		if err := s.putConfigured(ctx, name, wanted[name]); err != nil {
			written = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(left[i:], name) })
			return written, fmt.Errorf("%w\nWritten to %s: %s. Not written: %s. Fix this and run it again: it writes the remaining settings",
				err, s.Name, cmp.Or(strings.Join(written, ", "), "nothing"), strings.Join(left[i:], ", "))
		}
	}
	return names, s.ApplyTagsAndKey(ctx)
}

// CheckSetting returns an error if a parameter is of a tracking that the store does not have.
// It would have no effect, and a later deployment of the tracking would fail because it exists.
func (s Store) CheckSetting(name string) error {
	for _, t := range tracking.All() {
		if slices.ContainsFunc(ofTracking, func(of func(tracking.Tracking) string) bool { return of(t) == name }) {
			return s.CheckHas(t)
		}
	}
	return nil
}

// checkSettings returns the first error of CheckSetting for the parameters of wanted.
func (s Store) checkSettings(wanted map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if err := s.CheckSetting(name); err != nil {
			return err
		}
	}
	return nil
}

// CheckUnchanged returns an error if wanted would replace a setting that was changed after
// current was read.
func CheckUnchanged(current, now, wanted map[string]string) error {
	var changed []string
	for _, name := range AllNames() {
		value, asked := wanted[name]
		if asked && now[name] != current[name] && strings.TrimSpace(now[name]) != value {
			changed = append(changed, name)
		}
	}
	if len(changed) > 0 {
		return fmt.Errorf("%s was changed by someone else after it was read: see the current value with hub settings, and run this again to replace it", strings.Join(changed, ", "))
	}
	return nil
}

// PutSecrets replaces the webhook secrets, one on each line, if they are still equal to
// before.
func (s Store) PutSecrets(ctx context.Context, before, secrets []string) error {
	release, err := s.Saving(ctx)
	if err != nil {
		return err
	}
	defer release()
	now, err := s.webhookSecrets(ctx)
	if err != nil {
		return err
	}
	if !slices.Equal(now, before) {
		return fmt.Errorf("%s was changed by someone else after it was read. Nothing was written: run this again", settings.WebhookSecret)
	}
	return s.Put(ctx, settings.WebhookSecret, strings.Join(secrets, "\n"))
}

// Together returns the parameters as they will be after wanted is written.
func Together(current, wanted map[string]string) map[string]string {
	all := maps.Clone(current)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, wanted)
	return all
}

// isSet reports whether a value is not blank.
func isSet(value string) bool { return strings.TrimSpace(value) != "" }

// CheckKey returns an error if wanted has another Segment host without its write key, and the
// current key belongs to the current host or to the inbox.
func (s Store) CheckKey(current, wanted map[string]string) error {
	host := func(values map[string]string) string {
		return cmp.Or(strings.TrimRight(strings.TrimSpace(values[settings.SegmentHost]), "/"), s.Defaults()[settings.SegmentHost])
	}
	_, asked := wanted[settings.SegmentHost]
	of := "another host"
	switch key := current[settings.SegmentWriteKey]; {
	case !asked || host(wanted) == "" || host(wanted) == host(current) || isSet(wanted[settings.SegmentWriteKey]) || !isSet(key):
		return nil
	case IsInboxKey(key):
		of = "the inbox of the hub on this machine"
	case host(current) == "":
		return nil // nothing was sent with the key yet
	}
	return errors.New("parameter " + settings.SegmentWriteKey + ": the current key belongs to " + of + ". Segment accepts events with an unknown key " +
		"and drops them: give the key of the source at the new host too")
}

// SendsToInbox reports whether the messages of a store with these parameters go to the inbox of
// the hub on this machine: it has no Segment host.
func (s Store) SendsToInbox(values map[string]string) bool {
	return s.Deployment == nil && !isSet(values[settings.SegmentHost])
}

// CanDelete reports whether a store with these parameters asks Segment to delete users: messages go
// to Segment, and there is a token of the Public API.
func (s Store) CanDelete(values map[string]string) bool {
	return !s.SendsToInbox(values) && isSet(values[settings.SegmentAPIToken])
}

// SetHost returns what to do so that messages go to Segment instead of the inbox. Flag names the
// store in a command.
func SetHost(flag string) string {
	return "set its host: hub configure" + flag + " --segment-host " + settings.DefaultHost + ", or for a workspace in the European Union " + settings.EUHost
}

// KeepSecret adds a new webhook secret to wanted if there is none. It returns an error if
// wanted would replace a secret that Commerce sends: its webhooks would be rejected and lost.
func KeepSecret(current, wanted map[string]string) error {
	there := Lines(current[settings.WebhookSecret])
	asked := wanted[settings.WebhookSecret]
	switch {
	case len(there) == 0:
		wanted[settings.WebhookSecret] = cmp.Or(asked, NewSecret())
	case asked == "" || asked == there[0]:
		delete(wanted, settings.WebhookSecret)
	default:
		return errors.New("there is already a webhook secret. Without a rotation, the webhooks that Commerce sends with it would be rejected: " +
			"unset COMMERCE_WEBHOOK_SECRET, or replace the secret with hub rotate, which reads COMMERCE_WEBHOOK_SECRET too. Nothing was written")
	}
	return nil
}

// Lines returns the lines of a text that are not blank, without white space around them.
func Lines(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}

// NewSecret returns 32 random bytes in hex.
func NewSecret() string {
	random := make([]byte, 32)
	rand.Read(random) // never fails
	return hex.EncodeToString(random)
}

// putConfigured writes a parameter. It returns an error instead of replacing a webhook secret
// that was set after this run read the settings, which can be many questions ago.
func (s Store) putConfigured(ctx context.Context, name, value string) error {
	if name == settings.WebhookSecret {
		now, err := s.Parameters(ctx, []string{name})
		if err != nil {
			return err
		}
		if len(Lines(now[name])) > 0 {
			return fmt.Errorf("parameter %s: it was set by someone else after it was read, and Commerce may already send that secret. It was not changed: replace it with hub rotate", name)
		}
	}
	return s.Put(ctx, name, value)
}

// writeOrder returns the names with the secrets at the end.
func writeOrder(names []string) []string {
	secrets := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !settings.IsSecret(name) })
	return append(slices.DeleteFunc(names, settings.IsSecret), secrets...)
}
