package received

import (
	"context"
	"fmt"
	"slices"
	"time"

	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/chars"
	"commerce-segment/shared/publicapi"
)

// readSegment asks Segment how many messages of some events it received from a source. Only an error
// of the event volumes is returned: if the other figures are missing, less can be explained.
func (q query) readSegment(ctx context.Context, source publicapi.Source, ours []Event) (data segmentData, err error) {
	if data.Volume, err = q.volume(ctx, source, ours); err != nil {
		return data, err
	}
	unread := func(what string, err error) {
		if err != nil {
			data.Unread = append(data.Unread, fmt.Sprintf("%s is not known: %s.", what, words.OneLine(err.Error())))
		}
	}
	received, err := q.overview(ctx, source, ours, publicapi.SuccessfullyReceived)
	unread("Whether the event volumes are late", err)
	data.Overview = map[EventHour]int{}
	for _, d := range received {
		addSeries(data.Overview, eventOf(d.EventType, d.EventName), d.Series)
	}
	failed, err := q.overview(ctx, source, ours, publicapi.FailedOnIngest)
	unread("What failed on ingest", err)
	data.Failed = dropsOf(failed)
	blocked, err := q.overview(ctx, source, ours, publicapi.FilteredAtSource)
	unread("What was blocked at the source", err)
	data.Blocked = dropsOf(blocked)
	data.Consent, err = q.consent(ctx, source)
	unread("Whether the workspace uses consent", err)
	return data, nil
}

// eventOf returns an event as it is counted here: only a track call has a name.
func eventOf(callType, name string) Event {
	if callType != "track" {
		name = ""
	}
	return Event{Type: callType, Name: name}
}

// volume returns the number of valid messages of some events by hour.
func (q query) volume(ctx context.Context, source publicapi.Source, ours []Event) (map[EventHour]int, error) {
	counts := map[EventHour]int{}
	names, types := split(ours)
	for _, filter := range []struct{ names, types []string }{{names, []string{"track"}}, {nil, types}} {
		if len(filter.names) == 0 && (len(filter.types) == 0 || filter.types[0] == "track") {
			continue // it would ask for all events
		}
		volumes, err := q.client.EventVolumes(ctx, publicapi.VolumeQuery{
			Granularity: publicapi.Hour, From: q.Since.Add(-time.Hour), To: q.end(),
			GroupBy: []string{publicapi.ByEventName, publicapi.ByEventType}, SourceIDs: []string{source.ID}, EventNames: filter.names, EventTypes: filter.types,
		})
		if err != nil {
			return nil, err
		}
		for _, v := range volumes {
			addSeries(counts, eventOf(v.EventType, v.EventName), v.Series)
		}
	}
	return counts, nil
}

func addSeries(to map[EventHour]int, event Event, series []publicapi.Count) {
	for _, c := range series {
		if c.Count > 0 {
			to[EventHour{event, c.Time.UTC().Truncate(time.Hour)}] += int(c.Count)
		}
	}
}

// overview returns how many messages of some events were at a step.
func (q query) overview(ctx context.Context, source publicapi.Source, ours []Event, step publicapi.Step) ([]publicapi.Delivery, error) {
	groups := []string{publicapi.ByEventName, publicapi.ByEventType}
	if step != publicapi.SuccessfullyReceived {
		groups = append(groups, publicapi.ByDiscardReason)
	}
	all, err := q.client.DeliveryOverview(ctx, step, publicapi.DeliveryQuery{
		SourceID: source.ID, Granularity: publicapi.Hour, From: q.Since.Add(-time.Hour), To: q.end(), GroupBy: groups,
	})
	return slices.DeleteFunc(all, func(d publicapi.Delivery) bool { return !slices.Contains(ours, eventOf(d.EventType, d.EventName)) }), err
}

// dropsOf returns what was dropped, by event and reason, in each hour.
func dropsOf(all []publicapi.Delivery) (drops []Drop) {
	for _, d := range all {
		drop := Drop{Event: eventOf(d.EventType, d.EventName), Reason: d.DiscardReason, Hours: map[time.Time]int{}}
		for _, c := range d.Series {
			drop.Hours[c.Time.UTC().Truncate(time.Hour)] += int(c.Count)
		}
		drops = append(drops, drop)
	}
	return drops
}

// consentEvent is what Segment receives when a person changes the consent. A workspace that uses
// consent has it in each tracking plan.
const consentEvent = "Segment Consent Preference Updated"

// consentPeriod is how far back the consentEvent is looked for.
const consentPeriod = 7 * 24 * time.Hour

// consent returns why it is known that the workspace uses consent, or "". The Public API has no list
// of the categories.
func (q query) consent(ctx context.Context, source publicapi.Source) (string, error) {
	volumes, err := q.client.EventVolumes(ctx, publicapi.VolumeQuery{
		Granularity: publicapi.Day, From: q.At.Add(-consentPeriod), To: q.At.Add(-lastMinute), EventNames: []string{consentEvent},
	})
	if err != nil {
		return "", err
	}
	for _, v := range volumes {
		if v.Total > 0 {
			return fmt.Sprintf("it received the event %s in the last %d days", consentEvent, consentPeriod/(24*time.Hour)), nil
		}
	}
	detailed, err := q.client.Source(ctx, source.ID)
	if err != nil || detailed.TrackingPlanID == "" {
		return "", err
	}
	rules, err := q.client.Rules(ctx, detailed.TrackingPlanID)
	for _, rule := range rules {
		if rule.Key == consentEvent {
			return fmt.Sprintf("the tracking plan of the source %s has the rule %s", chars.Line(source.Title()), consentEvent), nil
		}
	}
	return "", err
}
