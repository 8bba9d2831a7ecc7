package console

import (
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// cache keeps answers for a short time, by key. Concurrent requests for the same key share
// one answer. Requests for different keys do not wait for each other.
type cache[T any] struct {
	asking singleflight.Group

	mu    sync.Mutex // not held during a request
	known map[string]answer[T]
}

type answer[T any] struct {
	at    time.Time
	value T
}

// get returns the cached answer if it is younger than maxAge. Otherwise it calls ask.
func (c *cache[T]) get(key string, maxAge time.Duration, ask func() T) T {
	c.mu.Lock()
	last, found := c.known[key]
	c.mu.Unlock()
	if found && time.Since(last.at) < maxAge {
		return last.value
	}
	value, _, _ := c.asking.Do(key, func() (any, error) {
		value := ask()
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.known == nil {
			c.known = map[string]answer[T]{}
		}
		c.known[key] = answer[T]{time.Now(), value}
		return value, nil
	})
	return value.(T)
}

// last returns the last answer, however old it is; the zero value if there is none.
func (c *cache[T]) last(key string) T {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known[key].value
}

// forget makes the next get ask again.
func (c *cache[T]) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known = nil
}
