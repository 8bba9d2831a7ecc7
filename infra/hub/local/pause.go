package local

import (
	"context"

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
}

// Receive implements spool.Receiver. While the tracking is paused it waits, and no event is
// received: a pause uses up no attempt.
func (p pausable) Receive(ctx context.Context, limit int) []relay.Item {
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
func (p pausable) receiveUntil(ctx context.Context, changed <-chan struct{}, limit int) []relay.Item {
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

// paused reports whether the settings pause the tracking. If they cannot be read it is not
// paused: the relay reports that.
func (p pausable) paused(ctx context.Context) bool {
	parameters, err := p.settings.Parameters(ctx, []string{settings.Paused(p.tracking)})
	return err == nil && settings.IsPaused(p.tracking, parameters)
}
