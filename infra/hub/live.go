package main

import (
	"context"
	"sync"
	"time"

	"commerce-segment/infra/hub/site"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/tracking"
)

// live is the relay.Configuration of one tracking. Unlike settings.Cache, which
// spares Parameter Store, it shows what somebody has just written to the
// directory at once.
type live struct {
	tracking tracking.Tracking
	home     site.Home
	inbox    string // the hub's own URL

	mu     sync.Mutex
	read   time.Time
	config relay.Config
	err    error
}

const liveFor = 200 * time.Millisecond

// Current implements relay.Configuration.
func (l *live) Current(ctx context.Context) (relay.Config, error) {
	return l.notOlderThan(ctx, liveFor)
}

// Reload implements relay.Configuration.
func (l *live) Reload(ctx context.Context) (relay.Config, error) { return l.notOlderThan(ctx, 0) }

func (l *live) notOlderThan(ctx context.Context, age time.Duration) (relay.Config, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); l.read.IsZero() || now.Sub(l.read) >= age {
		l.config, l.err = l.home.Config(ctx, l.tracking, l.inbox)
		l.read = now
	}
	return l.config, l.err
}
