package forecast

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"commerce-segment/infra/hub/backfill"
	"commerce-segment/infra/hub/render"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/money"
	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// Compared is how many of the latest events a change of a template is tried on.
const Compared = 20

// Event is an event that a change of a template is tried on.
type Event struct {
	Name       string // of the sample; empty for a real event
	Body       []byte
	At         time.Time
	Fetch      template.Fetch // the answers of Commerce; nil for a real event
	Currencies money.Decimals
}

// Change is what a change of a template does to events.
type Change struct {
	Of      int      `json:"of"`      // how many events it was tried on
	Samples bool     `json:"samples"` // they are the bundled samples, because there are no real events
	Changed int      `json:"changed"` // how many have other messages
	Fails   int      `json:"fails"`   // how many fail only after the change
	Because string   `json:"because"` // why the first of them fails; quotes nothing from the event
	Fixed   int      `json:"fixed"`   // how many failed only before the change
	Empty   int      `json:"empty"`   // for how many nothing is sent only after the change
	Unasked bool     `json:"unasked"` // Commerce was not asked for what the template asks it for
	Fields  []string `json:"fields"`  // the members of the messages that differ
}

// Bad reports whether the change makes events fail, or sends nothing for some any more.
func (c Change) Bad() bool { return c.Fails > 0 || c.Empty > 0 }

// maxFields is how many members a sentence names.
const maxFields = 5

// Says describes the change in a sentence.
func (c Change) Says() string {
	of := "the last " + words.Count(c.Of, "event")
	if c.Samples {
		of = words.Count(c.Of, "sample")
	}
	var parts []string
	if c.Fails > 0 {
		parts = append(parts, fmt.Sprintf("%d of %s would fail: %s", c.Fails, of, strings.TrimRight(c.Because, ".")))
	}
	if c.Fixed > 0 {
		parts = append(parts, fmt.Sprintf("%d of %s would no longer fail", c.Fixed, of))
	}
	if c.Empty > 0 {
		parts = append(parts, fmt.Sprintf("for %d of %s nothing would be sent any more", c.Empty, of))
	}
	if c.Changed > 0 {
		fields := strings.Join(c.Fields[:min(len(c.Fields), maxFields)], ", ")
		if len(c.Fields) > maxFields {
			fields += " and others"
		}
		parts = append(parts, fmt.Sprintf("the messages of %d of %s change: %s", c.Changed, of, fields))
	}
	says := "No message of " + of + " changes."
	if len(parts) > 0 {
		says = words.Capital(strings.Join(parts, "; ") + ".")
	}
	if c.Unasked {
		says += " Commerce was not asked for this: what $commerce adds is not in it."
	}
	return says
}

// Compare tries two templates of a tracking on events.
func Compare(ctx context.Context, t tracking.Tracking, before, after string, events []Event) Change {
	old, oldErr := store.CompileTemplate(t, t.Name, before)
	now, nowErr := store.CompileTemplate(t, t.Name, after)
	c := Change{Of: len(events)}
	fields := map[string]bool{}
	for _, e := range events {
		c.Unasked = c.Unasked || e.Fetch == nil && template.UsesCommerce(after)
		was, wasErr := e.messagesIf(ctx, t, old, oldErr)
		is, isErr := e.messagesIf(ctx, t, now, nowErr)
		switch {
		case isErr != nil && wasErr == nil:
			if c.Fails == 0 {
				c.Because = isErr.Error()
			}
			c.Fails++
		case isErr != nil:
		case wasErr != nil:
			c.Fixed++
		case len(is) == 0 && len(was) > 0:
			c.Empty++
		case !reflect.DeepEqual(was, is):
			c.Changed++
			differing(fields, "", was, is)
		}
	}
	c.Fields = slices.Sorted(maps.Keys(fields))
	return c
}

// messagesIf returns the messages of the event if the template compiles, or why it does not.
func (e Event) messagesIf(ctx context.Context, t tracking.Tracking, compiled *template.Template, err error) ([]any, error) {
	if err != nil {
		return nil, err
	}
	return e.Messages(ctx, t, compiled)
}

// Messages returns the messages that a template writes for the event, decoded from JSON.
func (e Event) Messages(ctx context.Context, t tracking.Tracking, compiled *template.Template) (all []any, _ error) {
	webhook, err := commerce.Parse(e.Body)
	if err != nil {
		return nil, err
	}
	messages, err := render.Render(ctx, t, compiled.WithCurrencies(e.Currencies), e.Fetch, "", webhook, e.At)
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		var decoded any
		if err := json.Unmarshal(m.JSON, &decoded); err != nil {
			return nil, err
		}
		all = append(all, decoded)
	}
	return all, nil
}

// differing adds the names of the members that differ, such as properties.revenue. The members
// of the objects in a list have the name of the list.
func differing(fields map[string]bool, name string, was, is any) {
	before, isObject := was.(map[string]any)
	after, both := is.(map[string]any)
	if isObject && both {
		for key := range maps.Keys(before) {
			differing(fields, join(name, key), before[key], after[key])
		}
		for key := range maps.Keys(after) {
			if _, known := before[key]; !known {
				fields[join(name, key)] = true
			}
		}
		return
	}
	list, isList := was.([]any)
	other, bothLists := is.([]any)
	if isList && bothLists && len(list) == len(other) {
		for i := range list {
			differing(fields, name, list[i], other[i])
		}
		return
	}
	if !reflect.DeepEqual(was, is) {
		fields[orNumber(name)] = true
	}
}

// orNumber names the number of messages if a difference is in no member.
func orNumber(name string) string {
	if name == "" {
		return "the number of messages"
	}
	return name
}

func join(name, key string) string {
	if name == "" {
		return key
	}
	return name + "." + key
}

// SampleEvents returns the bundled samples of a tracking.
func SampleEvents(t tracking.Tracking) (events []Event) {
	for _, s := range templates.SamplesOf(t.Name) {
		events = append(events, Event{Name: s.Name, Body: s.Body, At: time.Now(), Fetch: s.Commerce, Currencies: s.Currencies})
	}
	return events
}

// LatestEvents returns the latest events of a tracking in Commerce; none if the store is not
// connected to it.
func LatestEvents(ctx context.Context, s store.Store, t tracking.Tracking) (events []Event, err error) {
	client, err := s.Commerce(ctx)
	if err != nil {
		return nil, err
	}
	currencies, err := s.Currencies(ctx)
	if err != nil {
		return nil, err
	}
	webhooks, err := backfill.Latest(ctx, client, t, t.Observes[0], Compared)
	for _, w := range webhooks {
		at, _ := time.Parse(time.RFC3339, w.UpdatedAt)
		events = append(events, Event{Body: w.Body, At: at, Currencies: currencies})
	}
	return events, err
}
