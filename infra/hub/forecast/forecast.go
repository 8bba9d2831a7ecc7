// Package forecast finds out what the current settings make of events before they are sent
// again.
package forecast

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"commerce-segment/infra/hub/deadletters"
	"commerce-segment/infra/hub/render"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/deletion"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
)

// Forecast counts the results that a redrive of dead letters would have now.
type Forecast struct {
	Delivered int     `json:"delivered"`
	Skipped   int     `json:"skipped"` // the tracking is disabled, or the template filters them
	Unsure    int     `json:"unsure"`  // only an attempt shows it
	Fails     []Cause `json:"fails"`   // they would fail again, or be retried
}

// Cause is why some dead letters would fail again.
type Cause struct {
	Tracking string `json:"tracking"`
	Reason   string `json:"reason"`
	Detail   string `json:"detail"` // of the first of them; quotes nothing from the event
	Count    int    `json:"count"`
}

// Failing returns how many would fail again.
func (f Forecast) Failing() (count int) {
	for _, cause := range f.Fails {
		count += cause.Count
	}
	return count
}

// Of returns the forecast for dead letters with the store's current settings.
func Of(ctx context.Context, s store.Store, letters []deadletters.Letter) (Forecast, error) {
	var f Forecast
	judges := map[string]*judge{}
	for _, letter := range letters {
		if ctx.Err() != nil {
			return f, ctx.Err()
		}
		j := judges[letter.Tracking.Name]
		if j == nil {
			var err error
			if j, err = newJudge(ctx, s, letter.Tracking); err != nil {
				return f, err
			}
			judges[letter.Tracking.Name] = j
		}
		f.add(letter.Tracking, j.judge(ctx, letter))
	}
	slices.SortStableFunc(f.Fails, func(a, b Cause) int { return b.Count - a.Count })
	return f, nil
}

// Add adds another forecast.
func (f *Forecast) Add(other Forecast) {
	f.Delivered += other.Delivered
	f.Skipped += other.Skipped
	f.Unsure += other.Unsure
	f.Fails = append(f.Fails, other.Fails...)
}

func (f *Forecast) add(t tracking.Tracking, r result) {
	switch r.kind {
	case delivered:
		f.Delivered++
	case skipped:
		f.Skipped++
	case unsure:
		f.Unsure++
	default:
		i := slices.IndexFunc(f.Fails, func(c Cause) bool { return c.Tracking == t.Name && c.Reason == r.reason && c.Detail == r.detail })
		if i < 0 {
			i = len(f.Fails)
			f.Fails = append(f.Fails, Cause{Tracking: t.Name, Reason: r.reason, Detail: r.detail})
		}
		f.Fails[i].Count++
	}
}

// maxCauses is how many causes a sentence names.
const maxCauses = 3

// Says describes the forecast in a sentence.
func (f Forecast) Says() string {
	total := f.Delivered + f.Skipped + f.Unsure + f.Failing()
	parts := []string{fmt.Sprintf("%d of %s would be delivered now", f.Delivered, words.Count(total, "event"))}
	if f.Unsure > 0 {
		parts = append(parts, fmt.Sprintf("for %d only an attempt shows it", f.Unsure))
	}
	if f.Skipped > 0 {
		parts = append(parts, fmt.Sprintf("%d would be skipped", f.Skipped))
	}
	if n := f.Failing(); n > 0 {
		var causes []string
		for _, cause := range f.Fails[:min(len(f.Fails), maxCauses)] {
			causes = append(causes, cmp.Or(cause.Detail, cause.Reason))
		}
		if len(f.Fails) > maxCauses {
			causes = append(causes, "and other causes")
		}
		parts = append(parts, fmt.Sprintf("%d would fail again, because: %s", n, strings.Join(causes, "; ")))
	}
	return strings.Join(parts, ", ") + "."
}

type kind int

const (
	delivered kind = iota
	skipped
	unsure
	fails
)

// result is what would happen to one event.
type result struct {
	kind           kind
	reason, detail string
}

func failing(reason string, err error) result {
	return result{kind: fails, reason: reason, detail: strings.TrimRight(err.Error(), ".")}
}

// judge finds out what would happen to the events of a tracking.
type judge struct {
	tracking tracking.Tracking
	config   relay.Config
	invalid  error // why the settings cannot be used
	compiled *template.Template
	wrong    error   // why the template does not compile
	unsent   *result // what happens to every message, because a setting is missing; nil if none is
}

func newJudge(ctx context.Context, s store.Store, t tracking.Tracking) (*judge, error) {
	// Without the secrets, which the operator may not be allowed to read.
	parameters, err := s.Parameters(ctx, []string{settings.Enabled(t), settings.Events(t), settings.Template(t), settings.CommerceCurrencies})
	if err != nil {
		return nil, err
	}
	j := &judge{tracking: t}
	if j.config, j.invalid = settings.Parse(t, parameters); j.invalid == nil {
		j.compiled, j.wrong = store.CompileTemplate(t, t.Name, j.config.Template)
	}
	list, err := s.Settings(ctx)
	if err != nil {
		return nil, err
	}
	isSet := func(name string) bool {
		return slices.ContainsFunc(list, func(one store.Setting) bool { return one.Name == name && one.Set })
	}
	switch {
	case t.Call != tracking.Delete && !isSet(settings.SegmentWriteKey):
		j.unsent = &result{fails, "write_key_missing", "no write key is set in " + settings.SegmentWriteKey}
	case t.Call == tracking.Delete && s.Deployment == nil && !isSet(settings.SegmentHost):
		j.unsent = &result{fails, deletion.Inbox, "no user is deleted while messages go to the inbox of the hub"}
	case t.Call == tracking.Delete && !isSet(settings.SegmentAPIToken):
		j.unsent = &result{fails, deletion.NoToken, "no token of Segment's Public API is set in " + settings.SegmentAPIToken}
	}
	return j, nil
}

// judge returns what would happen to a dead letter. It does not ask Commerce or Segment.
func (j *judge) judge(ctx context.Context, letter deadletters.Letter) result {
	if j.invalid != nil {
		return failing("settings", j.invalid)
	}
	if letter.Err != nil {
		return failing("envelope_unreadable", letter.Err)
	}
	// Its key must be compared with the webhook secrets, or the list is so long that it has not
	// the webhook.
	if letter.Envelope.Presented != nil || letter.Envelope.Body == nil {
		return result{kind: unsure}
	}
	webhook, err := commerce.Parse(letter.Envelope.Body)
	switch {
	case err != nil:
		return failing(letter.Failure.Reason, err)
	case !j.config.Enabled, !slices.Contains(j.config.Events, webhook.Event):
		return result{kind: skipped}
	case j.wrong != nil:
		return failing("template", j.wrong)
	case settings.CallsCommerce(j.tracking, j.config.Template):
		return result{kind: unsure}
	}
	messages, err := render.Render(ctx, j.tracking, j.compiled.WithCurrencies(j.config.Currencies), nil, "", webhook, letter.Envelope.Received)
	switch {
	case err != nil:
		return failing(cmp.Or(letter.Failure.Reason, "template"), err)
	case len(messages) == 0:
		return result{kind: skipped}
	case j.unsent != nil:
		return *j.unsent
	case strings.HasPrefix(letter.Failure.Reason, "segment_"), deletion.IsReason(letter.Failure.Reason):
		return result{kind: unsure}
	default:
		return result{kind: delivered}
	}
}
