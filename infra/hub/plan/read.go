package plan

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"commerce-segment/infra/hub/forecast"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/publicapi"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// Sent is what a store sends to Segment.
type Sent struct {
	Events []Event
	// Unread is why the latest events in Commerce were not read; then the events are made
	// of the bundled samples only.
	Unread error
}

// latestWithin limits the time for which Commerce is asked for the latest events.
const latestWithin = 15 * time.Second

// ReadSent returns what a store sends: the messages that the templates of its enabled trackings write
// for the bundled samples, and for the latest events in Commerce if the store is connected.
func ReadSent(ctx context.Context, s store.Store) (Sent, error) {
	bounded, cancel := context.WithTimeout(ctx, latestWithin)
	defer cancel()
	var sent Sent
	for _, t := range tracking.All() {
		// Without the secrets, which the operator may not be allowed to read.
		parameters, err := s.Parameters(ctx, []string{settings.Enabled(t), settings.Events(t), settings.Template(t), settings.CommerceCurrencies})
		if err != nil {
			return sent, err
		}
		config, err := settings.Parse(t, parameters)
		if err != nil {
			return sent, err
		}
		if !config.Enabled || t.Call == tracking.Delete { // a tracking plan has no rule for a deletion
			continue
		}
		compiled, err := store.CompileTemplate(t, t.Name, config.Template)
		if err != nil {
			return sent, err
		}
		tried := samplesFor(t, config.Events)
		if sent.Unread == nil {
			var latest []forecast.Event
			latest, sent.Unread = forecast.LatestEvents(bounded, s, t)
			tried = append(tried, latest...)
		}
		sent.Events, err = add(ctx, sent.Events, t, compiled, isUnasked(t, config.Template), tried)
		if err != nil {
			return sent, err
		}
	}
	sent.Events = finish(sent.Events)
	return sent, nil
}

// eventsOf returns what a template of a tracking writes for events.
func eventsOf(ctx context.Context, t tracking.Tracking, source string, tried []forecast.Event) ([]Event, error) {
	compiled, err := store.CompileTemplate(t, t.Name, source)
	if err != nil {
		return nil, err
	}
	events, err := add(ctx, nil, t, compiled, isUnasked(t, source), tried)
	return finish(events), err
}

// isUnasked reports whether messages of a template are written without answers of Commerce. The
// samples have those that a default template needs for each of its fields; of another template it is
// not known for what it asks.
func isUnasked(t tracking.Tracking, source string) bool {
	return template.UsesCommerce(source) && !store.SameText(source, templates.Default(t.Name))
}

// samplesFor returns the bundled samples of the resource of a tracking, such as all orders: a field
// that one order does not have can be missing in another one too. It leaves out the samples of
// deletions unless the tracking observes them.
func samplesFor(t tracking.Tracking, observed []string) (samples []forecast.Event) {
	for _, of := range tracking.All() {
		for _, sample := range forecast.SampleEvents(of) {
			webhook, err := commerce.Parse(sample.Body)
			isOf := err == nil && resourceOf(webhook.Event) == resourceOf(t.Observes[0])
			if isOf && (!tracking.AtDeletion(webhook.Event) || slices.Contains(observed, webhook.Event)) {
				samples = append(samples, sample)
			}
		}
	}
	return samples
}

// resourceOf returns the resource of an event of Commerce: "order" of "order.paid".
func resourceOf(event string) string {
	resource, _, _ := strings.Cut(event, ".")
	return resource
}

// add adds the messages of a template to events. It leaves out the samples for which the template
// fails, because nothing is sent for them, and returns the error if it fails for all of them.
func add(ctx context.Context, events []Event, t tracking.Tracking, compiled *template.Template, unasked bool, tried []forecast.Event) ([]Event, error) {
	var failed []error
	for _, e := range tried {
		messages, err := e.Messages(ctx, t, compiled)
		if err != nil {
			failed = append(failed, err)
		}
		for _, message := range messages {
			events = addMessage(events, value{message, sourceOf(e), unasked})
		}
	}
	if len(failed) > 0 && len(failed) == len(tried) {
		return events, failed[0]
	}
	return events, nil
}

// sourceOf names the sample or the event in Commerce.
func sourceOf(e forecast.Event) string {
	webhook, err := commerce.Parse(e.Body)
	if e.Name != "" || err != nil {
		return e.Name
	}
	return webhook.Event + " of " + webhook.ResourceID + " in Commerce"
}

// addMessage adds a message to its event. An alias call has no rule in a tracking plan.
func addMessage(events []Event, message value) []Event {
	fields := message.data.(map[string]any)
	of := Event{Type: strings.ToUpper(fields["type"].(string))}
	if of.Type == "ALIAS" {
		return events
	}
	if of.Type == publicapi.TrackRule {
		of.Key = fields["event"].(string)
	}
	i := slices.IndexFunc(events, func(e Event) bool { return e.Type == of.Type && e.Key == of.Key })
	if i < 0 {
		i = len(events)
		events = append(events, of)
	}
	events[i].messages = append(events[i].messages, message)
	return events
}

// finish sorts events by their type and name, so that a plan is always in the same order, and adds
// a message of a large order to each.
func finish(events []Event) []Event {
	slices.SortFunc(events, func(a, b Event) int { return strings.Compare(a.Type+"\n"+a.Key, b.Type+"\n"+b.Key) })
	for i := range events {
		if large, ok := largest(events[i].messages); ok {
			events[i].messages = append(events[i].messages, large)
		}
	}
	return events
}

// largest returns the first message with products in the form that it has if not all of them fit:
// segment.NewMessages then adds products_omitted. No sample is so large.
func largest(messages []value) (value, bool) {
	for _, message := range messages {
		fields := message.data.(map[string]any)
		properties, _ := fields["properties"].(map[string]any)
		if products, _ := properties["products"].([]any); len(products) > 0 {
			fields, properties = maps.Clone(fields), maps.Clone(properties)
			fields["properties"], properties["products_omitted"] = properties, 1.0
			return value{fields, "a large order", message.unasked}, true
		}
	}
	return value{}, false
}
