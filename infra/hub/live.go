package main

import (
	"context"
	"sync"
	"time"

	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/tracking"
)

// live is the relay.Configuration of one tracking. Unlike settings.Cache, which
// spares Parameter Store, it shows what somebody has just written to the
// directory at once.
type live struct {
	tracking  tracking.Tracking
	directory store.Directory
	inbox     string // the hub's own URL

	mu     sync.Mutex
	read   time.Time
	config relay.Config
	err    error
}

const (
	liveFor = 200 * time.Millisecond
	// reloadEvery is how often it is read anew at most, however many forged keys come.
	reloadEvery = 5 * time.Millisecond
)

// Current implements relay.Configuration.
func (l *live) Current(ctx context.Context) (relay.Config, error) {
	return l.notOlderThan(ctx, time.Now().Add(-liveFor))
}

// Reload implements relay.Configuration. Of those who ask within reloadEvery, one reads for
// all of them.
func (l *live) Reload(ctx context.Context) (relay.Config, error) {
	asked := time.Now()
	l.mu.Lock()
	next := l.read.Add(reloadEvery)
	l.mu.Unlock()
	select {
	case <-time.After(time.Until(next)):
	case <-ctx.Done():
	}
	return l.notOlderThan(ctx, asked)
}

// notOlderThan is the configuration as it was at that time or later.
func (l *live) notOlderThan(ctx context.Context, at time.Time) (relay.Config, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.read.Before(at) {
		l.read = time.Now()
		l.config, l.err = l.directory.Config(ctx, l.tracking, l.inbox)
	}
	return l.config, l.err
}
