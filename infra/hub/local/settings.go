package local

import (
	"context"
	"errors"
	"sync"

	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// liveConfiguration is the relay.Configuration of one tracking. A change in the directory is in
// effect within a second. Each webhook asks for the configuration several times, so the
// parameters are parsed only after a change.
type liveConfiguration struct {
	tracking tracking.Tracking
	settings *settings.StableDir
	inbox    string // the URL of the hub, which has the inbox

	mu      sync.Mutex
	changed <-chan struct{} // closed when config is out of date; nil before the first call
	config  relay.Config
	err     error
}

// Current implements relay.Configuration.
func (l *liveConfiguration) Current(ctx context.Context) (relay.Config, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.changed:
		l.changed = nil
	default:
	}
	if l.changed == nil {
		l.changed = l.settings.Changed() // before the parameters are read, so that no change is missed
		l.config, l.err = l.read(ctx)
	}
	return l.config, l.err
}

// read parses the parameters that are in effect.
func (l *liveConfiguration) read(ctx context.Context) (relay.Config, error) {
	parameters, err := l.settings.Parameters(ctx, store.AllNames())
	if err != nil {
		return relay.Config{}, err
	}
	return store.ConfigOf(l.tracking, parameters, l.inbox)
}

// Reload implements relay.Configuration. It waits for a change that is in progress.
func (l *liveConfiguration) Reload(ctx context.Context) (relay.Config, error) {
	settled := l.settings.Settle(ctx)
	config, err := l.Current(ctx)
	return config, errors.Join(settled, err)
}

// openSettings sets up the directory of a hub and returns its settings, which follow the
// changes there until the context ends. It waits for a file that is being written when the
// hub starts.
func openSettings(ctx context.Context, dir string) (store.Directory, *settings.StableDir, error) {
	directory, err := store.OpenDirectory(dir)
	if err != nil {
		return store.Directory{}, nil, err
	}
	stable := settings.NewStableDir(directory.Dir, append(store.AllNames(), store.PausedNames()...))
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := stable.Settle(starting); err != nil {
		return store.Directory{}, nil, err
	}
	if directory, err = store.SetUpDirectory(dir); err != nil {
		return store.Directory{}, nil, err
	}
	stable.Take() // the files that SetUpDirectory created
	if err := directory.Check(ctx); err != nil {
		return store.Directory{}, nil, err
	}
	go stable.Watch(ctx)
	return directory, stable, nil
}
