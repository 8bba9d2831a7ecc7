package local

import (
	"context"
	"sync/atomic"

	"commerce-segment/infra/hub/queue"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// pausable hands out the events of a queue while the settings do not pause its tracking.
type pausable struct {
	*queue.Queue
	tracking tracking.Tracking
	settings *settings.StableDir
	last     atomic.Bool // whether it was paused when the settings could be read
}

// Receive implements spool.Receiver. While the tracking is paused it waits, and no event is
// received: a pause uses up no attempt.
func (p *pausable) Receive(ctx context.Context, limit int) []relay.Item {
	for ctx.Err() == nil {
		changed := p.settings.Changed()
		if p.paused(ctx) {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		if items := p.receiveUntil(ctx, changed, limit); len(items) > 0 {
			return items
		}
	}
	return nil
}

// receiveUntil receives events until the settings change.
func (p *pausable) receiveUntil(ctx context.Context, changed <-chan struct{}, limit int) []relay.Item {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-changed:
			cancel()
		case <-ctx.Done():
		}
	}()
	return p.Queue.Receive(ctx, limit)
}

// paused reports whether the settings pause the tracking. While they cannot be read, a pause
// does not begin or end: the relay reports that.
func (p *pausable) paused(ctx context.Context) bool {
	if parameters, err := p.settings.Parameters(ctx, []string{settings.Paused(p.tracking)}); err == nil {
		p.last.Store(settings.IsPaused(p.tracking, parameters))
	}
	return p.last.Load()
}
