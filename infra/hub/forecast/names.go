package forecast

import (
	"context"
	"slices"

	"commerce-segment/infra/hub/render"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/tracking"
)

// EventNames are the names of the events that a template sends.
type EventNames struct {
	Known []string
	// Computed reports that there are others, which the template makes of the data of an order or a
	// customer.
	Computed bool
}

// EventNamesOf returns the names of the events that a template of a tracking sends for the bundled
// samples. It leaves out the samples for which the template fails, and returns the error if it fails
// for all of them.
func EventNamesOf(ctx context.Context, t tracking.Tracking, source string) (names EventNames, _ error) {
	compiled, err := store.CompileTemplate(t, t.Name, source)
	if err != nil {
		return names, err
	}
	var failed error
	works := false
	for _, e := range SampleEvents(t) {
		webhook, err := commerce.Parse(e.Body)
		if err != nil {
			return names, err
		}
		messages, err := render.Render(ctx, t, compiled.WithCurrencies(e.Currencies), e.Fetch, "", webhook, e.At)
		if err != nil {
			failed = err
			continue
		}
		works = true
		for _, call := range segment.CallsOf(messages, source) {
			switch {
			case call.Type != string(tracking.Track):
			case call.Event == segment.ComputedEvent, call.Event == segment.OtherEvents:
				names.Computed = true
			case !slices.Contains(names.Known, call.Event):
				names.Known = append(names.Known, call.Event)
			}
		}
	}
	if !works {
		return names, failed
	}
	slices.Sort(names.Known)
	return names, nil
}
