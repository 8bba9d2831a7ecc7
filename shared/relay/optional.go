package relay

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/template"
)

const (
	// optionalWithin limits the time for which all optional calls of one batch wait for
	// Commerce. It comes in addition to LookupWithin, which few batches need.
	optionalWithin = template.MaxOptional
	// optionalPause is the time after a failure of Commerce in which optional calls fail at
	// once, unless Commerce asks for a longer one.
	optionalPause    = 5 * time.Second
	maxOptionalPause = time.Minute
)

// optionalLookups answers the optional calls of $commerce of one batch. The event is also sent
// without their answers. Like lookups, it must not be used by several goroutines at
// once.
type optionalLookups struct {
	batch   *lookups
	answers *optionalAnswers
	waited  time.Duration
}

// get returns the answer of Commerce at a path, or nil if it has nothing there. It waits until
// the context ends, but not longer than optionalWithin for all paths of the batch.
func (l *optionalLookups) get(ctx context.Context, path string) ([]byte, error) {
	if known, ok := l.batch.known[path]; ok {
		return known.body, known.err
	}
	ctx, cancel := context.WithTimeout(ctx, optionalWithin-l.waited)
	defer cancel()
	started := time.Now()
	body, err := l.answers.get(ctx, path)
	l.waited += time.Since(started)
	if err == nil {
		l.batch.keep(path, lookupResult{body: body})
	}
	return body, err
}

// optionalAnswers requests the answers to optional calls for all batches. It keeps those about
// the catalog for a time, and makes one request for concurrent equal calls. After a failure of
// Commerce it makes no requests for a while. So in an outage events do not wait for Commerce, and
// Commerce gets no more load.
type optionalAnswers struct {
	client *commerce.Client
	flight singleflight.Group

	mu      sync.Mutex
	kept    answerCache
	pause   error // the failure because of which no requests are made
	resumes time.Time
}

func (a *optionalAnswers) get(ctx context.Context, path string) ([]byte, error) {
	if body, known, err := a.known(path, time.Now()); known || err != nil {
		return body, err
	}
	if ctx.Err() != nil { // the batch has waited long enough
		return nil, &lookupError{outcome: retry("commerce_timeout", ctx.Err())}
	}
	// Not with the context of the caller: others may wait for the same answer, and it is kept for
	// later events if it comes too late for this one.
	answer := a.flight.DoChan(path, func() (any, error) { return a.request(context.WithoutCancel(ctx), path) })
	select {
	case got := <-answer:
		body, _ := got.Val.([]byte)
		return body, got.Err
	case <-ctx.Done():
		err := &lookupError{outcome: retry("commerce_timeout", ctx.Err())}
		a.stop(err, optionalPause)
		return nil, err
	}
}

// known returns a kept answer, or the error of a pause.
func (a *optionalAnswers) known(path string, now time.Time) (body []byte, known bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if body, known = a.kept.get(path, now); known {
		return body, true, nil
	}
	if now.Before(a.resumes) {
		return nil, false, a.pause
	}
	return nil, false, nil
}

// request makes the request for a path, and keeps its result.
func (a *optionalAnswers) request(ctx context.Context, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, optionalWithin)
	defer cancel()
	body, err := a.client.GetOnce(ctx, path)
	if isNotFound(err) {
		body, err = nil, nil
	}
	if err != nil {
		failed := newLookupError(err)
		var lookup *lookupError
		if errors.As(failed, &lookup) && (!lookup.outcome.operator || lookup.ofToken) {
			a.stop(failed, min(max(optionalPause, lookup.outcome.retryAfter), maxOptionalPause))
		}
		return nil, failed
	}
	if isCatalog(path) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.kept.put(path, body, time.Now())
	}
	return body, nil
}

// stop makes optional calls fail with an error for a time.
func (a *optionalAnswers) stop(err error, pause time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if until := time.Now().Round(0).Add(pause); until.After(a.resumes) {
		a.pause, a.resumes = err, until
	}
}

// isCatalog reports whether a path is about what a store sells. Only such answers are kept:
// they are the same for all shoppers and change rarely. Commerce itself keeps what it answers
// below /catalog for five minutes.
func isCatalog(path string) bool {
	return slices.ContainsFunc([]string{"/pcm", "/catalog", "/v2/currencies", "/v2/files"}, func(resource string) bool {
		rest, found := strings.CutPrefix(path, resource)
		return found && (rest == "" || rest[0] == '/' || rest[0] == '?')
	})
}

// Limits of an answerCache.
const (
	keptFor    = 5 * time.Minute
	maxKept    = 4 << 20 // bytes of paths and answers
	maxAnswers = 1000
)

// answerCache keeps answers by their paths. If it has no room for another one, it removes the
// oldest.
type answerCache struct {
	answers map[string][]byte
	order   []keptPath // oldest first
	size    int
}

type keptPath struct {
	path string
	ends time.Time
}

func (c *answerCache) get(path string, now time.Time) (body []byte, known bool) {
	for len(c.order) > 0 && !now.Before(c.order[0].ends) {
		c.removeOldest()
	}
	body, known = c.answers[path]
	return body, known
}

func (c *answerCache) put(path string, body []byte, now time.Time) {
	size := len(path) + len(body)
	if _, known := c.answers[path]; known || size > maxKept {
		return
	}
	for len(c.order) >= maxAnswers || c.size+size > maxKept {
		c.removeOldest()
	}
	if c.answers == nil {
		c.answers = map[string][]byte{}
	}
	c.answers[path] = body
	// Without the monotonic clock, which may stop while a Lambda function is frozen.
	c.order = append(c.order, keptPath{path, now.Round(0).Add(keptFor)})
	c.size += size
}

func (c *answerCache) removeOldest() {
	path := c.order[0].path
	c.size -= len(path) + len(c.answers[path])
	delete(c.answers, path)
	c.order = c.order[1:]
}

// LeftOut counts the optional calls of an event that had no answer.
type LeftOut struct {
	Calls  int
	Reason string // of the first one, such as "commerce_timeout"
}

// Add adds a call without an answer, with the error that WithOptional of a template gives.
func (l *LeftOut) Add(err error) {
	if l.Calls++; l.Calls == 1 {
		l.Reason = leftOutReason(err)
	}
}

// leftOutReason returns the reason of an optional call without an answer.
func leftOutReason(err error) string {
	var lookup *lookupError
	switch {
	case errors.As(err, &lookup):
		return lookup.outcome.reason
	case errors.Is(err, template.ErrNoCommerce):
		return "commerce_not_connected"
	case errors.Is(err, template.ErrLookups):
		return "commerce_calls"
	default:
		return "commerce_unreadable"
	}
}
