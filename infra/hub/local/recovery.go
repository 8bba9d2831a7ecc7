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

	mu   sync.Mutex
	next int // how many the next success attempts
}

func newRecovery(t tracking.Tracking, q *queue.Queue, log *slog.Logger) *recovery {
	return &recovery{tracking: t, queue: q, log: log, next: firstRetried}
}

// watch returns a function that delivers events as deliver does, and notes the results.
func (r *recovery) watch(deliver func(context.Context, []relay.Item) (keep []string)) func(context.Context, []relay.Item) []string {
	return func(ctx context.Context, items []relay.Item) []string {
		keep := deliver(ctx, items)
		r.note(len(items)-len(keep), len(keep))
		return keep
	}
}

// note notes how many events of a batch are done, and how many are to be retried.
func (r *recovery) note(done, retrying int) {
	r.mu.Lock()
	if retrying > 0 {
		r.next = firstRetried
	}
	limit := r.next
	r.next = min(2*r.next, mostRetried)
	r.mu.Unlock()
	if done > 0 {
		r.retry(limit)
	}
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
	known := settingsOf(ctx, stable, recoveries)
	for first := true; ; {
		changed := stable.Changed()
		current := settingsOf(ctx, stable, recoveries)
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

// settingsOf returns the parameters that each tracking uses. They are empty while the files
// cannot be read.
func settingsOf(ctx context.Context, stable *settings.StableDir, recoveries map[string]*recovery) map[string]map[string]string {
	all := map[string]map[string]string{}
	for name, r := range recoveries {
		all[name], _ = stable.Parameters(ctx, slices.Concat(settings.Names(r.tracking), settings.CommerceNames(), []string{settings.Paused(r.tracking)}))
	}
	return all
}
