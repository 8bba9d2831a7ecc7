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
)

// Write writes what of wanted differs from current, after a look at all of it
// together. Who compares current with what others have made of it holds Saving. It returns
// the names of the parameters that it wrote, in order, also with an error.
func (s Store) Write(ctx context.Context, current, wanted map[string]string) (written []string, err error) {
	if err := errors.Join(Check(together(current, wanted)), s.CheckKey(current, wanted)); err != nil {
		return nil, fmt.Errorf("nothing was written to %s: %w", s.Name, err)
	}
	names := slices.DeleteFunc(writeOrder(AllNames()), func(name string) bool {
		value, asked := wanted[name]
		return !asked || value == strings.TrimSpace(current[name])
	})
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settings.SaveWithin) // a person who leaves meanwhile leaves all of it
	defer cancel()
	values := map[string]string{}
	for _, name := range slices.Concat(settings.Together()...) {
		if slices.Contains(names, name) {
			values[name] = wanted[name]
		}
	}
	if len(values) > 0 {
		if err := s.PutTogether(ctx, values); err != nil {
			return nil, fmt.Errorf("%w\nNot written to %s: %s. Run it again once that is corrected: settings that belong together are never mixed", err, s.Name, strings.Join(names, ", "))
		}
	}
	left := slices.DeleteFunc(slices.Clone(names), func(name string) bool { _, done := values[name]; return done })
	for i, name := range left {
		if err := s.putConfigured(ctx, name, wanted[name]); err != nil {
			written = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(left[i:], name) })
			return written, fmt.Errorf("%w\nWritten to %s: %s. Not written: %s. Run it again once that is corrected: it writes what is left",
				err, s.Name, cmp.Or(strings.Join(written, ", "), "nothing"), strings.Join(left[i:], ", "))
		}
	}
	return names, nil
}

// CheckMeanwhile refuses to replace what others have changed since current was read.
func CheckMeanwhile(current, now, wanted map[string]string) error {
	var changed []string
	for _, name := range AllNames() {
		value, asked := wanted[name]
		if asked && now[name] != current[name] && strings.TrimSpace(now[name]) != value {
			changed = append(changed, name)
		}
	}
	if len(changed) > 0 {
		return fmt.Errorf("somebody has changed %s meanwhile: look at it with hub settings, and run this again to replace it", strings.Join(changed, ", "))
	}
	return nil
}

// PutSecrets writes the webhook secrets in the place of those that were looked at, in lines.
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
		return fmt.Errorf("somebody has changed %s meanwhile, and nothing was written: run this again", settings.WebhookSecret)
	}
	return s.Put(ctx, settings.WebhookSecret, strings.Join(secrets, "\n"))
}

// together returns the parameters as they will be after wanted is written.
func together(current, wanted map[string]string) map[string]string {
	all := maps.Clone(current)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, wanted)
	return all
}

func isSet(value string) bool { return strings.TrimSpace(value) != "" }

// CheckKey refuses another Segment host without its write key, where there is one that
// belongs to the host before.
func (s Store) CheckKey(current, wanted map[string]string) error {
	host := func(values map[string]string) string {
		return cmp.Or(strings.TrimRight(strings.TrimSpace(values[settings.SegmentHost]), "/"), s.Defaults()[settings.SegmentHost])
	}
	_, asked := wanted[settings.SegmentHost]
	if !asked || host(wanted) == "" || host(wanted) == host(current) || isSet(wanted[settings.SegmentWriteKey]) || !isSet(current[settings.SegmentWriteKey]) {
		return nil
	}
	return errors.New("parameter " + settings.SegmentWriteKey + ": the one that is set belongs to another host, and Segment takes the events of a key " +
		"that it does not know and drops them: give the key of the source there as well")
}

// KeepSecret makes a webhook secret where there is none, and refuses to replace one
// that Commerce sends: its webhooks would be refused, and lost.
func KeepSecret(current, wanted map[string]string) error {
	there := Lines(current[settings.WebhookSecret])
	asked := wanted[settings.WebhookSecret]
	switch {
	case len(there) == 0:
		wanted[settings.WebhookSecret] = cmp.Or(asked, NewSecret())
	case asked == "" || asked == there[0]:
		delete(wanted, settings.WebhookSecret)
	default:
		return errors.New("there is a webhook secret already, and to replace it at once would refuse the webhooks that Commerce sends with it: " +
			"unset COMMERCE_WEBHOOK_SECRET, or replace it with hub rotate, which takes it too. Nothing was written")
	}
	return nil
}

// Lines are the Lines of a text that are not blank.
func Lines(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}

// NewSecret is 32 random bytes in hex.
func NewSecret() string {
	random := make([]byte, 32)
	rand.Read(random) // never fails
	return hex.EncodeToString(random)
}

// putConfigured writes a parameter, but no webhook secret where there is one by now:
// there was none when this run looked, which may be many questions ago.
func (s Store) putConfigured(ctx context.Context, name, value string) error {
	if name == settings.WebhookSecret {
		now, err := s.Parameters(ctx, []string{name})
		if err != nil {
			return err
		}
		if len(Lines(now[name])) > 0 {
			return fmt.Errorf("parameter %s: somebody has set it meanwhile, and Commerce may send theirs already: it stays, and hub rotate replaces it", name)
		}
	}
	return s.Put(ctx, name, value)
}

// writeOrder moves the secrets to the end.
func writeOrder(names []string) []string {
	secrets := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !settings.IsSecret(name) })
	return append(slices.DeleteFunc(names, settings.IsSecret), secrets...)
}
