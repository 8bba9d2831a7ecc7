package health

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/received"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/settings"
)

// Source is where the facts of a store are.
type Source struct {
	Store store.Store
	// Log has the executions. Without it, what became of the webhooks is not judged.
	Log executions.Log
	// Received returns the latest comparison of what was sent to Segment with what it received; nil if
	// there is none. Without it that is not judged.
	Received func() *received.Report
	// Hub is the hub that runs the store on this machine, if it is in this process.
	Hub Hub
}

// Hub is a running hub on this machine.
type Hub interface {
	// Queues counts its events.
	Queues() (waiting, deadLetters int, oldest time.Time)
	// Resources is what it knows about its disk and its memory.
	Resources() Machine
}

// Judge reads the facts of the store and judges them. A fact that cannot be read is a problem.
func (s Source) Judge(ctx context.Context, now time.Time) Judgement { return Judge(s.facts(ctx, now)) }

// facts reads the facts.
func (s Source) facts(ctx context.Context, now time.Time) Facts {
	f := Facts{Now: now, Flag: s.Store.Flag(), HubFlag: s.Store.Flag(), Deployed: s.Store.Deployment != nil}
	if s.Hub != nil {
		f.Waiting, f.DeadLetters, f.Oldest = s.Hub.Queues()
		f.Machine = s.Hub.Resources()
		if address := f.Machine.Address; address != defaultAddress {
			f.HubFlag += " --addr " + address
		}
	}
	if s.Received != nil {
		f.Received = s.Received()
	}
	for _, read := range []func(context.Context, *Facts) error{s.settings, s.pauses, s.templates, s.alarms, s.log, s.backlog} {
		if err := read(ctx, &f); err != nil {
			f.Unread = append(f.Unread, words.OneLine(err.Error()))
		}
	}
	return f
}

// defaultAddress is the address at which commands look for the hub.
const defaultAddress = "127.0.0.1:8080"

// settings reads what is wrong with the settings.
func (s Source) settings(ctx context.Context, f *Facts) error {
	values, err := s.Store.Parameters(ctx, store.AllNames())
	if err != nil {
		return err
	}
	if wrong := errors.Join(store.Missing(values), store.Check(values)); wrong != nil {
		f.Settings = words.OneLine(wrong.Error())
	}
	host := cmp.Or(strings.TrimSpace(values[settings.SegmentHost]), s.Store.Defaults()[settings.SegmentHost])
	f.InboxKey = host != "" && store.IsInboxKey(values[settings.SegmentWriteKey])
	if d, isHere := s.Store.Backend.(store.Directory); isHere {
		f.Unused, err = d.Unread()
	}
	return err
}

// pauses reads which trackings are paused.
func (s Source) pauses(ctx context.Context, f *Facts) (err error) {
	f.Paused, err = s.Store.Pauses(ctx)
	return err
}

// templates reads which trackings are disabled, and compiles the templates of the others.
func (s Source) templates(ctx context.Context, f *Facts) error {
	enabled, err := s.Store.Enabled(ctx)
	if err != nil {
		return err
	}
	list, err := s.Store.Templates(ctx, s.Store.Trackings()...)
	if err != nil {
		return err
	}
	for _, t := range list {
		if !enabled[t.Tracking.Name] {
			if !t.Tracking.Optional {
				f.Disabled = append(f.Disabled, t.Tracking.Name)
			}
			continue
		}
		if t.IsDefault() {
			continue // tests compile the defaults
		}
		if _, err := store.CompileTemplate(t.Tracking, t.Tracking.Name, t.Source); err != nil {
			f.Templates = append(f.Templates, BrokenTemplate{t.Tracking.Name, err.Error()})
		}
	}
	return nil
}

// log reads what became of the webhooks.
func (s Source) log(ctx context.Context, f *Facts) error {
	if s.Log == nil {
		return nil
	}
	var err error
	if f.Log, err = observe(ctx, s.Log, f.Now); err != nil {
		return err
	}
	count, since := s.acceptedHere, f.Log.silentSince(f.Now)
	if d := s.Store.Deployment; d != nil {
		count = acceptedOnAWS(d, since, f.Now)
	}
	f.Log.SameHours, err = sameHours(ctx, count, since, f.Now)
	return err
}

// countAccepted counts the webhooks that were accepted between two times.
type countAccepted func(ctx context.Context, from, to time.Time) (int, error)

// acceptedHere counts in the log of this machine, which has counters.
func (s Source) acceptedHere(ctx context.Context, from, to time.Time) (accepted int, err error) {
	found, err := s.Log.Find(ctx, executions.Query{From: from, To: to}, executions.Page{Summary: true})
	if err != nil {
		return 0, err
	}
	for _, k := range found.Summary.Kinds {
		if k.Outcome != executions.Rejected {
			accepted += k.N
		}
	}
	return accepted, nil
}

// acceptedOnAWS counts by the metric of the last days, which it reads once: a week of the log
// takes too long to read.
func acceptedOnAWS(d *store.Deployment, since, now time.Time) countAccepted {
	var read map[time.Time]int
	return func(ctx context.Context, from, to time.Time) (accepted int, err error) {
		if read == nil {
			if read, err = d.Accepted(ctx, since.Add(-silentDays*24*time.Hour), now); err != nil {
				return 0, err
			}
		}
		for at, n := range read {
			if !at.Before(from) && at.Before(to) {
				accepted += n
			}
		}
		return accepted, nil
	}
}

// silentSince returns when the last webhook was accepted, at most LogPeriod ago.
func (l Log) silentSince(now time.Time) time.Time { return later(l.LastAccepted, now.Add(-LogPeriod)) }

// sameHours counts the webhooks that were accepted on each of the last days between the same
// times.
func sameHours(ctx context.Context, count countAccepted, from, to time.Time) (counts []int, err error) {
	if to.Sub(from) < shortestSilence {
		return nil, nil
	}
	for day := 1; day <= silentDays; day++ {
		ago := -time.Duration(day) * 24 * time.Hour
		accepted, err := count(ctx, from.Add(ago), to.Add(ago))
		if err != nil {
			return nil, err
		}
		counts = append(counts, accepted)
	}
	return counts, nil
}

// alarms reads the alarms of a deployed store.
func (s Source) alarms(ctx context.Context, f *Facts) error {
	d := s.Store.Deployment
	if d == nil {
		return nil
	}
	alarms, err := d.Alarms(ctx)
	if err == nil {
		f.Alarms = &alarms
	}
	return err
}

// backlog reads the queues of a deployed store.
func (s Source) backlog(ctx context.Context, f *Facts) error {
	d := s.Store.Deployment
	if d == nil {
		return nil
	}
	backlog, err := d.Backlog(ctx)
	if err != nil {
		return err
	}
	f.Waiting, f.DeadLetters = backlog.Waiting, backlog.Dead
	for _, w := range f.Log.Waits {
		f.Oldest = earlier(f.Oldest, w.Oldest)
	}
	return nil
}
