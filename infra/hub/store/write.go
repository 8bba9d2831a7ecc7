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
	"time"

	"commerce-segment/shared/settings"
)

// Write writes what of wanted differs from current, after a look at all of it
// together. Who compares current with what others have made of it holds Saving. It returns the names of the parameters that it wrote, in order, also
// beside an error.
func (s Store) Write(ctx context.Context, current, wanted map[string]string) (written []string, err error) {
	if err := errors.Join(Check(together(current, wanted)), s.CheckKey(current, wanted)); err != nil {
		return nil, fmt.Errorf("nothing was written to %s: %w", s.Name, err)
	}
	names := writeOrder(AllNames())
	names = slices.DeleteFunc(names, func(name string) bool {
		value, asked := wanted[name]
		return !asked || value == strings.TrimSpace(current[name])
	})
	meanwhile := ""
	if directory, isHere := s.Backend.(Directory); isHere {
		if written, err = directory.putSegment(ctx, names, wanted); err != nil {
			return nil, fmt.Errorf("%w\nNothing was written to %s", err, s.Name)
		}
		names = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(written, name) })
	} else if slices.Contains(names, settings.SegmentHost) && slices.Contains(names, settings.SegmentWriteKey) && isSet(current[settings.SegmentWriteKey]) {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), changeWithin) // who leaves meanwhile leaves a host
		defer cancel()
		if err := s.Put(ctx, settings.SegmentHost, hostMeanwhile); err != nil {
			return nil, fmt.Errorf("%w\nNothing was written to %s", err, s.Name)
		}
		names = hostLast(names)
		meanwhile = ". Until then " + settings.SegmentHost + " names no host, and events wait"
	}
	for i, name := range names {
		if err := s.putConfigured(ctx, name, wanted[name]); err != nil {
			return slices.Concat(written, names[:i]), fmt.Errorf("%w\nWritten to %s: %s. Not written: %s%s. Run it again once that is mended: it writes what is left",
				err, s.Name, cmp.Or(strings.Join(slices.Concat(written, names[:i]), ", "), "nothing"), strings.Join(names[i:], ", "), meanwhile)
		}
	}
	return slices.Concat(written, names), nil
}

// putSegment writes those of the parameters that say together where messages go, at once.
func (d Directory) putSegment(ctx context.Context, names []string, wanted map[string]string) (written []string, err error) {
	values := map[string]string{}
	for _, name := range []string{settings.SegmentHost, settings.SegmentPath, settings.SegmentWriteKey} {
		if slices.Contains(names, name) {
			values[name], written = wanted[name], append(written, name)
		}
	}
	if len(written) == 0 {
		return nil, nil
	}
	return written, d.PutTogether(ctx, values)
}

// hostMeanwhile is no host while the host and its write key change in Parameter Store. A key belongs to one
// region, and the other takes its events all the same, and drops them. Two parameters are
// written one after the other, and a function may read in between: so that it finds no
// wrong pair, it finds one that is refused. Then the last good settings count on, or else
// events wait.
const hostMeanwhile = "being changed together with the write key"

// changeWithin bounds how long the host and its write key take to change.
const changeWithin = time.Minute

// hostLast moves Segment's host behind everything else.
func hostLast(names []string) []string {
	return append(slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == settings.SegmentHost }), settings.SegmentHost)
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
