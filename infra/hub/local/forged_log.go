package local

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// forgedLog is a log handler that limits the lines about forged webhooks. In each
// forgedInterval it logs the first one, and at the end how many more there were. So clients
// without the secret cannot make the log grow.
type forgedLog struct {
	slog.Handler

	mu     sync.Mutex
	logged bool // the first one of this interval
	more   int  // forged webhooks that were not logged
}

// Handle implements slog.Handler.
func (f *forgedLog) Handle(ctx context.Context, record slog.Record) error {
	if isForged(record) && !f.allow() {
		return nil
	}
	return f.Handler.Handle(ctx, record)
}

// isForged reports whether a log line is about a forged webhook.
func isForged(record slog.Record) (forged bool) {
	record.Attrs(func(attr slog.Attr) bool {
		forged = attr.Key == "outcome" && attr.Value.String() == "forged"
		return !forged
	})
	return forged && record.Message == "accept"
}

// allow reports whether to log a forged webhook. If not, it counts it.
func (f *forgedLog) allow() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.logged {
		f.more++
		return false
	}
	f.logged = true
	time.AfterFunc(forgedInterval, f.summarize)
	return true
}

// summarize logs how many more forged webhooks there were, and ends the interval.
func (f *forgedLog) summarize() {
	f.mu.Lock()
	more := f.more
	f.logged, f.more = false, 0
	f.mu.Unlock()
	if more > 0 {
		slog.New(f.Handler).Warn("more webhooks with a wrong key, which are not logged", "count", more, "within", forgedInterval)
	}
}
