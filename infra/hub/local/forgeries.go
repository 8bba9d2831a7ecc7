package local

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// forgeries is a log handler that hands on of the lines about forged webhooks the first of
// each forgedEvery, and then how many others there were, so that no stranger makes the log
// grow. The lines are the functions', which say forged in outcome.
type forgeries struct {
	slog.Handler

	mu      sync.Mutex
	sampled bool // one has been handed on
	more    int  // that came since
}

// Handle implements slog.Handler.
func (f *forgeries) Handle(ctx context.Context, record slog.Record) error {
	if isForged(record) && !f.isFirst() {
		return nil
	}
	return f.Handler.Handle(ctx, record)
}

func isForged(record slog.Record) (forged bool) {
	record.Attrs(func(attr slog.Attr) bool {
		forged = attr.Key == "outcome" && attr.Value.String() == "forged"
		return !forged
	})
	return forged && record.Message == "accept"
}

// isFirst says that a forged webhook is the first for a while, and counts it where not.
func (f *forgeries) isFirst() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sampled {
		f.more++
		return false
	}
	f.sampled = true
	time.AfterFunc(forgedEvery, f.sum)
	return true
}

// sum logs how many others there were, and lets the next one be the first again.
func (f *forgeries) sum() {
	f.mu.Lock()
	more := f.more
	f.sampled, f.more = false, 0
	f.mu.Unlock()
	if more > 0 {
		slog.New(f.Handler).Warn("more webhooks with a wrong key, which are not in the log", "count", more, "within", forgedEvery)
	}
}
