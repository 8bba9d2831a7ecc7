package console

import (
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// cache keeps for a moment what others were asked, by what it is about. Whoever wants to
// know the same at the same time waits for one answer; nobody waits for another's.
type cache[T any] struct {
	asking singleflight.Group

	mu    sync.Mutex // never held while anybody is asked
	known map[string]answer[T]
}

type answer[T any] struct {
	at    time.Time
	value T
}

// get gives what is known if it is not older than that, and otherwise asks.
func (l *cache[T]) get(about string, maxAge time.Duration, ask func() T) T {
	l.mu.Lock()
	last, found := l.known[about]
	l.mu.Unlock()
	if found && time.Since(last.at) < maxAge {
		return last.value
	}
	value, _, _ := l.asking.Do(about, func() (any, error) {
		value := ask()
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.known == nil {
			l.known = map[string]answer[T]{}
		}
		l.known[about] = answer[T]{time.Now(), value}
		return value, nil
	})
	return value.(T)
}
