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
	// maxAge is how long settings are in effect before they are read again. It varies by
	// up to a fifth, so that functions that start together do not all read together.
	maxAge = 60 * time.Second
	// retryAfter is the time between a failed attempt and the next one.
	retryAfter = 5 * time.Second
	// reloadEvery limits how often forged requests can make a Cache read its Source.
	reloadEvery = 5 * time.Second
	// fetchWithin limits one attempt. It is less than the 1.5 s that package relay allows
	// for a verification. So a caller gets the error of an attempt that hangs, and Commerce
	// has its answer within 2 s.
	fetchWithin = 1400 * time.Millisecond
)

// Cache is the relay.Configuration of one tracking. It reads the settings from a Source
// and keeps them for a minute. If settings cannot be read or parsed, the last good ones
// stay in effect, all of them, and OnError is called at every attempt. (A mixture of old
// and new settings could send events to one workspace with the key of another.)
//
// A Cache with its exported fields set is ready for use by many goroutines. They share the
// settings that it returns: do not change these.
type Cache struct {
	Tracking tracking.Tracking
	Source   Source
	// OnError is called with the error of each failed attempt, at most every few seconds.
	// It must not call the Cache, which waits for it. Nil means slog's default logger.
	OnError func(error)

	mu       sync.Mutex
	config   relay.Config  // the last good settings
	good     bool          // config is set
	err      error         // the error of the last attempt
	started  time.Time     // when the last attempt began
	due      time.Time     // when Current makes the next attempt
	fetching chan struct{} // closed when the attempt in progress ends; nil if there is none
}

var _ relay.Configuration = (*Cache)(nil)

// Current returns the last good settings. It reads them again first if they are older than
// a minute. If there have never been good settings, it returns the error of the last
// attempt.
//
// Concurrent callers wait for the same attempt. If the context ends before it, Current
// returns the last good settings.
func (c *Cache) Current(ctx context.Context) (relay.Config, error) {
	err := c.refresh(ctx, func(now time.Time) bool { return !now.Before(c.due) })
	config, good := c.lastGood()
	if good {
		return config, nil
	}
	return relay.Config{}, err
}

// Reload reads the settings now, unless they were read within the last few seconds, and
// returns the last good ones. If the last attempt failed, it returns its error and the last
// good settings, if any. These may be out of date, so do not reject a webhook because of
// them.
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

// refresh reads the settings if needed returns true. It calls needed while it holds the
// lock. Concurrent callers share one attempt. It returns the error of the last attempt, or
// the context's if that ends first.
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
		// All callers share the attempt, so it does not end with the first caller's context.
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

// fetch makes one attempt and stores its result.
func (c *Cache) fetch(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, fetchWithin)
	defer cancel()
	config, err := c.read(ctx)
	if err != nil {
		// Report before the callers continue: Lambda freezes a function that has
		// answered, so a later log line may be lost.
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
	if template.NeedsCommerce(config.Template) && !ReadsCommerce(c.Tracking) {
		return relay.Config{}, fmt.Errorf("reading the settings of %s: parameter %s: %w", c.Tracking.Name, Template(c.Tracking), ErrNoCommercePermission)
	}
	return config, nil
}

// ErrNoCommercePermission means that a template calls $commerce, and its function has no permission to
// read the credentials for it. Its events are retried, because messages without the answers
// of Commerce would be wrong. If all of its calls are optional, there is no error, and the
// fields are left out.
var ErrNoCommercePermission = errors.New("it calls $commerce, and this function may not read Commerce's credentials: " +
	"put the template into templates/ and deploy, which gives the permission")

// report calls OnError with an error that also says what it means for the events.
func (c *Cache) report(err error) {
	meaning := "events are retried until there are settings"
	if _, good := c.lastGood(); good {
		meaning = "the last good settings stay in effect"
	}
	err = fmt.Errorf("%w (%s)", err, meaning)
	if c.OnError != nil {
		c.OnError(err)
		return
	}
	slog.Error("settings cannot be read", "tracking", c.Tracking.Name, "error", err)
}

// jitter returns a duration that differs from d by up to a fifth.
func jitter(d time.Duration) time.Duration {
	return d*4/5 + rand.N(d*2/5)
}
