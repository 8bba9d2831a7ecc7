package received

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/infra/hub/workspace"
	"commerce-segment/shared/chars"
	"commerce-segment/shared/publicapi"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/tracking"
)

// Options say what to compare.
type Options struct {
	Store store.Store
	Log   executions.Log // of the store's deliveries
	Inbox string         // the URL to which a store on this machine sends without a Segment host
	// Since and Until limit the period, in whole hours. It begins LongestPeriod ago at most. A zero
	// Until stands for now.
	Since, Until time.Time
}

const (
	// LongestPeriod leaves a day of the 14 days for which the delivery overview counts by hour.
	LongestPeriod = 13 * 24 * time.Hour
	// deadLettersKept is how long after its webhook a dead letter may be replayed.
	deadLettersKept = 14 * 24 * time.Hour
	// lastMinute is what Segment may not have counted yet.
	lastMinute = time.Minute
)

// Read compares what the store has sent with what Segment received. If Segment cannot be asked, or
// its source is not known, the report says so. The error is that of reading what was sent.
func Read(ctx context.Context, o Options, now time.Time) (*Report, error) {
	r := &Report{At: now.UTC(), Events: []Total{}, Rows: []Row{}, Findings: []Finding{}}
	r.Since, r.Until = o.period(now)
	q, err := newQuery(ctx, o, r)
	if err != nil {
		r.Unknown = words.OneLine(err.Error())
		return r, nil
	}
	sent, err := o.sent(ctx, r, executions.RetriedFor)
	if err != nil {
		return nil, fmt.Errorf("reading what was sent to Segment: %w", err)
	}
	return r, q.compareWithSegment(ctx, sent)
}

// period returns the whole hours that are judged. A period until now is as long as asked for, and
// ends with the last of them.
func (o Options) period(now time.Time) (since, until time.Time) {
	since, until = o.Since, o.Until
	if settled := now.Add(-settle).Truncate(time.Hour); until.IsZero() || until.After(settled) {
		since, until = settled.Add(-now.Sub(since).Round(time.Minute)), settled // some time passes before this call
	}
	if longest := now.Add(-LongestPeriod); since.Before(longest) {
		since = longest
	}
	return since.UTC().Truncate(time.Hour), until.UTC().Truncate(time.Hour)
}

// query is what is asked about the source of a store.
type query struct {
	*Report
	options Options
	client  *publicapi.Client
	configs map[string]relay.Config
}

// newQuery reads the settings. If they are why Segment is not asked, the report says so too.
func newQuery(ctx context.Context, o Options, r *Report) (query, error) {
	q := query{Report: r, options: o}
	var err error
	if q.client, err = o.Store.PublicAPI(ctx); err != nil {
		r.NotAsked = errors.Is(err, store.ErrNoAPIToken)
		return q, err
	}
	if q.configs, err = o.Store.Configs(ctx, o.Inbox); err != nil {
		return q, err
	}
	switch to := q.endpoint(); {
	case to.Host == o.Inbox || store.IsInboxKey(to.WriteKey):
		r.NotAsked = true
		return q, errors.New("messages go to the inbox of the hub on this machine")
	case strings.TrimSpace(to.WriteKey) == "":
		r.NotAsked = true
		return q, errors.New("there is no write key")
	}
	return q, nil
}

// endpoint returns where messages are sent, which is the same for all trackings.
func (q query) endpoint() segment.Endpoint { return q.configs[tracking.OrderCompleted.Name].Segment }

// sent reads what was sent, from an hour before the period.
func (o Options) sent(ctx context.Context, r *Report, lookBack time.Duration) (*Sent, error) {
	withoutWebhook := func(since time.Time) ([]executions.Line, error) { return o.Store.SentSince(ctx, o.Inbox, since) }
	return ReadSent(ctx, o.Log, withoutWebhook, r.Since.Add(-time.Hour), lookBack)
}

// compareWithSegment asks Segment, and compares. If Segment received more than was sent, it looks
// further back for dead letters that were replayed in the period, unless the log has returned them
// already.
func (q query) compareWithSegment(ctx context.Context, sent *Sent) error {
	ours := q.ours(sent)
	source, ok := q.source(ctx, ours)
	if !ok {
		return nil
	}
	if !sent.Begins.Truncate(time.Hour).Before(q.Until) {
		q.Unknown = "the log begins at " + words.ClockMinutes(sent.Begins) + ", so no hour of this period can be compared"
		return nil
	}
	fromSegment, err := q.readSegment(ctx, source, ours)
	if err != nil {
		q.Unknown = words.OneLine(err.Error())
		return nil
	}
	before := *q.Report
	before.Findings = slices.Clone(before.Findings)
	compare(q.Report, sent, fromSegment, ours, q.options.Store.Flag())
	_, hasAll := q.options.Log.(executions.Remote)
	if hasAll || !slices.ContainsFunc(q.Findings, func(f Finding) bool { return strings.HasPrefix(f.Key, "more/") }) {
		return nil
	}
	if sent, err = q.options.sent(ctx, &before, deadLettersKept); err != nil {
		return fmt.Errorf("reading what was sent to Segment: %w", err)
	}
	*q.Report = before
	compare(q.Report, sent, fromSegment, ours, q.options.Store.Flag())
	return nil
}

// end returns the end of what Segment is asked: that of the period, and what may come later.
func (q query) end() time.Time {
	end := q.At.Add(-lastMinute)
	if late := q.Until.Add(2 * time.Hour); late.Before(end) {
		return late
	}
	return end
}

// ours returns the events that were sent, and those of the enabled trackings that sent none: under
// their default names.
func (q query) ours(sent *Sent) (events []Event) {
	for _, t := range tracking.All() {
		own := sent.byTracking[t.Name]
		if len(own) == 0 && isCounted(t.Name) && q.configs[t.Name].Enabled {
			own = []Event{{Type: string(t.Call), Name: t.Title}}
			if t.Call != tracking.Track {
				own[0].Name = ""
			}
		}
		for _, event := range own {
			if !slices.Contains(events, event) {
				events = append(events, event)
			}
		}
	}
	slices.SortFunc(events, compareEvents)
	return events
}

// source returns the source that has the write key. Otherwise it adds to the report why not.
func (q query) source(ctx context.Context, ours []Event) (source publicapi.Source, ok bool) {
	flag := q.options.Store.Flag()
	l, err := workspace.LookUp(ctx, q.client, q.endpoint().WriteKey)
	switch {
	case err != nil:
		q.Unknown = words.OneLine(err.Error())
		return source, false
	case l.NoSourceHasKey():
		q.Unknown = l.Says()
		q.Findings = append(append(q.Findings, q.wrongKey(l)), q.deleted(ctx, l, ours)...)
		return source, false
	case l.Source == nil:
		q.Unknown = l.Says() + ". To know it, " + l.WhatToDo(flag)
		return source, false
	case !l.Source.Enabled:
		q.Findings = append(q.Findings, Finding{Key: FindingSourceDisabled, Severity: Fault,
			Says: words.Capital(l.Says()) + ".", Do: words.Capital(l.WhatToDo(flag)) + ". " + resendAll("the source was disabled", flag)})
	}
	q.Source = chars.Line(l.Source.Title())
	return *l.Source, true
}

// wrongKey reports that no source has the write key.
func (q query) wrongKey(l workspace.Lookup) Finding {
	flag := q.options.Store.Flag()
	return Finding{Key: FindingWrongKey, Severity: Fault, Says: words.Capital(l.Says()) + ".",
		Do: words.Capital(l.WhatToDo(flag)) + ". " + resendAll("the wrong key was set", flag)}
}

// deleted reports a source that no longer exists and received events with the names that this store
// sends: perhaps it had the write key. It returns nothing if there is none, or Segment does not say.
func (q query) deleted(ctx context.Context, l workspace.Lookup, ours []Event) []Finding {
	names, _ := split(ours)
	if len(names) == 0 {
		return nil // Segment would count all events
	}
	volumes, err := q.client.EventVolumes(ctx, publicapi.VolumeQuery{
		Granularity: publicapi.Hour, From: q.Since.Add(-time.Hour), To: q.end(), GroupBy: []string{publicapi.BySource}, EventNames: names,
	})
	if err != nil {
		return nil // it only adds to what is known
	}
	for _, v := range volumes {
		exists := slices.ContainsFunc(l.Sources, func(s publicapi.Source) bool { return s.ID == v.Source.ID })
		if v.Source.ID == "" || exists {
			continue
		}
		says := "Perhaps a deleted source had the write key: a source that no longer exists received events with the names that this store sends"
		if last := lastOf(v.Series); !last.IsZero() {
			says += ", the last in the hour from " + words.ClockMinutes(last)
		}
		return []Finding{{Key: "deleted", Severity: Note, Says: says + ".",
			Do: "If so, create a source and use its key: hub sources create NAME --use" + q.options.Store.Flag()}}
	}
	return nil
}

// lastOf returns the last hour with an event; zero if there is none.
func lastOf(series []publicapi.Count) (last time.Time) {
	for _, c := range series {
		if c.Count > 0 && c.Time.After(last) {
			last = c.Time
		}
	}
	return last
}

// split returns the names of the track calls, and the types of the other calls.
func split(events []Event) (names, types []string) {
	for _, e := range events {
		switch {
		case e.Type != "track":
			types = append(types, e.Type)
		case e.hasName():
			names = append(names, e.Name)
		}
	}
	return names, types
}
