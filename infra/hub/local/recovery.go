package local

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"commerce-segment/infra/hub/queue"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

const (
	// firstRetried is how many retrying events are attempted early after the first success.
	firstRetried = 2
	// mostRetried limits how many are attempted early after one success.
	mostRetried = 64
)

// recovery attempts the retrying events of a tracking early when the cause of their failures
// may be gone: after a delivery succeeds, or after the settings of the tracking change. It
// begins with a few, and doubles their number while deliveries succeed. Without it, each event
// would be attempted at its own time, up to an hour later.
type recovery struct {
	tracking tracking.Tracking
	queue    *queue.Queue
	log      *slog.Logger

	mu        sync.Mutex
	next      int  // how many the next success attempts
	succeeded bool // a delivery succeeded, and that has attempted none yet
}

func newRecovery(t tracking.Tracking, q *queue.Queue, log *slog.Logger) *recovery {
	return &recovery{tracking: t, queue: q, log: log, next: firstRetried}
}

// measured notes the outcome of an attempt. Only one that Segment accepted shows that the
// cause of the failures may be gone: an event is also done if it is skipped, or a dead letter.
func (r *recovery) measured(m relay.Measurement) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch m.Outcome {
	case "delivered":
		r.succeeded = true
	case "retrying":
		r.next = firstRetried
	}
}

// watch returns a function that delivers events as deliver does. After a batch with a success
// it attempts retrying events.
func (r *recovery) watch(deliver func(context.Context, []relay.Item) (keep []string)) func(context.Context, []relay.Item) []string {
	return func(ctx context.Context, items []relay.Item) []string {
		keep := deliver(ctx, items)
		if limit := r.afterBatch(); limit > 0 {
			r.retry(limit)
		}
		return keep
	}
}

// afterBatch returns how many events to attempt early: none if no delivery has succeeded.
func (r *recovery) afterBatch() (limit int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.succeeded {
		return 0
	}
	r.succeeded = false
	limit = r.next
	r.next = min(2*r.next, mostRetried)
	return limit
}

// settingsChanged attempts a few events after a change of the settings.
func (r *recovery) settingsChanged() {
	r.mu.Lock()
	r.next = firstRetried
	r.mu.Unlock()
	if err := r.queue.ResetEarly(); err != nil {
		r.log.Warn("retrying events early", "tracking", r.tracking.Name, "detail", err.Error())
		return
	}
	r.retry(firstRetried)
}

func (r *recovery) retry(limit int) {
	retried, err := r.queue.RetrySome(limit)
	switch {
	case err != nil:
		r.log.Warn("retrying events early", "tracking", r.tracking.Name, "detail", err.Error())
	case retried > 0:
		r.log.Info("retrying events early, because the cause of their failures may be gone", "tracking", r.tracking.Name, "events", retried)
	}
}

// followSettings calls settingsChanged of the recovery of each tracking whose settings change,
// and logs which trackings are paused, until the context is done.
func followSettings(ctx context.Context, stable *settings.StableDir, recoveries map[string]*recovery) {
	known := settingsOf(ctx, stable, recoveries, nil)
	for first := true; ; {
		changed := stable.Changed()
		current := settingsOf(ctx, stable, recoveries, known)
		for name, r := range recoveries {
			if !maps.Equal(known[name], current[name]) {
				r.settingsChanged()
			}
			was, is := settings.IsPaused(r.tracking, known[name]), settings.IsPaused(r.tracking, current[name])
			switch {
			case is && (!was || first):
				r.log.Warn("delivery is paused: webhooks are accepted and kept, and nothing is sent until hub resume", "tracking", name)
			case was && !is:
				r.log.Info("delivery is resumed", "tracking", name)
			}
		}
		first = false
		known = current
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// settingsOf returns the parameters that each tracking uses. While the files cannot be read,
// those are the known ones.
func settingsOf(ctx context.Context, stable *settings.StableDir, recoveries map[string]*recovery, known map[string]map[string]string) map[string]map[string]string {
	all := map[string]map[string]string{}
	for name, r := range recoveries {
		parameters, err := stable.Parameters(ctx, slices.Concat(settings.Names(r.tracking), settings.CommerceNames(), []string{settings.Paused(r.tracking)}))
		if err != nil {
			parameters = known[name]
		}
		all[name] = parameters
	}
	return all
}
