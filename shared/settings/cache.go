package settings

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"commerce-segment/shared/relay"
	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
)

const (
	// maxAge is how long settings count before they are read again, give or take
	// a fifth, so that functions which started together do not stay together.
	maxAge = 60 * time.Second
	// retryAfter is how long a failure counts before the next attempt.
	retryAfter = 5 * time.Second
	// reloadEvery bounds what forged requests can make a Cache do.
	reloadEvery = 5 * time.Second
	// fetchWithin bounds one attempt. It is less than the 1.5 s that the relay gives
	// a verification: so whoever waits for an attempt that hangs hears of it, and
	// Commerce has its answer within 2 s.
	fetchWithin = 1400 * time.Millisecond
)

// Cache is the relay.Configuration of one tracking, read from a Source and kept
// for a minute. Settings that cannot be read, or that Parse refuses, do not
// replace the last good ones: these count on, whole, until better ones are read,
// and OnError hears of it with every attempt. (Mixing the good parts of the new
// with the rest of the old could send to one workspace with another one's key.)
//
// A Cache with its exported fields set is ready for use, by many goroutines. What
// it returns is shared between them: do not change it.
type Cache struct {
	Tracking tracking.Tracking
	Source   Source
	// OnError hears why an attempt to read the settings failed, at most every
	// few seconds. It must not call the Cache, which waits for it. Nil means that
	// slog's default logger does.
	OnError func(error)

	mu       sync.Mutex
	config   relay.Config  // the last good one
	good     bool          // there is one
	err      error         // why the last attempt failed; nil where it did not
	started  time.Time     // when the last attempt began
	due      time.Time     // when Current makes the next one
	fetching chan struct{} // closed when the attempt now under way ends; nil without one
}

var _ relay.Configuration = (*Cache)(nil)

// Current returns the last good settings, after reading them again if they are
// older than a minute. Where there have never been good ones it says why.
//
// It waits for an attempt as long as its context allows, and callers that come
// meanwhile wait for the same one. When the context ends first, the last good
// settings are the answer.
func (c *Cache) Current(ctx context.Context) (relay.Config, error) {
	err := c.refresh(ctx, func(now time.Time) bool { return !now.Before(c.due) })
	config, good := c.lastGood()
	if good {
		return config, nil
	}
	return relay.Config{}, err
}

// Reload reads the settings now, unless somebody has within the last few seconds,
// and returns the last good ones. Its error says that the last attempt failed:
// the settings beside it, if any, may be older than what is written, and nobody
// should be refused because of them.
func (c *Cache) Reload(ctx context.Context) (relay.Config, error) {
	err := c.refresh(ctx, func(now time.Time) bool {
		return c.fetching != nil || now.Sub(c.started) >= reloadEvery
	})
	config, _ := c.lastGood()
	return config, err
}

func (c *Cache) lastGood() (relay.Config, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.config, c.good
}

// refresh reads the settings if needed says so (which is asked with the lock
// held), together with everybody who needs them at the same time. It returns why
// the last attempt failed, or why it could not be waited for.
func (c *Cache) refresh(ctx context.Context, needed func(now time.Time) bool) error {
	c.mu.Lock()
	now := time.Now()
	if !needed(now) {
		defer c.mu.Unlock()
		return c.err
	}
	if c.fetching == nil {
		c.started = now
		c.fetching = make(chan struct{})
		// The attempt is everybody's: it does not end with the one who began it.
		go c.fetch(context.WithoutCancel(ctx))
	}
	fetched := c.fetching
	c.mu.Unlock()

	select {
	case <-fetched:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.err
	case <-ctx.Done():
		return fmt.Errorf("reading the settings of %s: %w", c.Tracking.Name, context.Cause(ctx))
	}
}

// fetch makes one attempt and keeps what came of it.
func (c *Cache) fetch(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, fetchWithin)
	defer cancel()
	config, err := c.read(ctx)
	if err != nil {
		// Before anybody goes on: Lambda freezes a function that has answered,
		// and what it has not logged by then it may never log.
		c.report(err)
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	if err == nil {
		c.config, c.good = config, true
		c.due = time.Now().Add(jitter(maxAge))
	} else {
		c.due = time.Now().Add(retryAfter)
	}
	close(c.fetching)
	c.fetching = nil
}

func (c *Cache) read(ctx context.Context) (relay.Config, error) {
	parameters, err := c.Source.Parameters(ctx, Names(c.Tracking))
	if err != nil {
		return relay.Config{}, fmt.Errorf("reading the settings of %s: %w", c.Tracking.Name, err)
	}
	config, err := Parse(c.Tracking, parameters)
	if err != nil {
		return relay.Config{}, fmt.Errorf("reading the settings of %s: %w", c.Tracking.Name, err)
	}
	if template.UsesCommerce(config.Template) && !ReadsCommerce(c.Tracking) {
		return relay.Config{}, fmt.Errorf("reading the settings of %s: parameter %s: %w", c.Tracking.Name, Template(c.Tracking), ErrMayNotAsk)
	}
	return config, nil
}

// ErrMayNotAsk means that a template calls $commerce and its function may not read the
// credentials for it. To send what such a template gives without would be worse than
// to wait.
var ErrMayNotAsk = errors.New("it calls $commerce, and this function may not read Commerce's credentials: " +
	"put the template into templates/ and deploy, which allows it")

// report tells OnError, and what it means for the events.
func (c *Cache) report(err error) {
	meaning := "events wait for settings"
	if _, good := c.lastGood(); good {
		meaning = "the last good settings count on"
	}
	err = fmt.Errorf("%w (%s)", err, meaning)
	if c.OnError != nil {
		c.OnError(err)
		return
	}
	slog.Error("settings cannot be read", "tracking", c.Tracking.Name, "error", err)
}

// jitter is a duration, give or take up to a fifth of it.
func jitter(d time.Duration) time.Duration {
	return d*4/5 + rand.N(d*2/5)
}
