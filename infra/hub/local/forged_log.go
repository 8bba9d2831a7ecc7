package local

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// forgedLog is a log handler that limits the lines about forged webhooks. In each
// forgedInterval it logs the first one, and the first one after each accepted webhook: that one
// may show that Commerce has another secret from then on. At the end it logs how many more there
// were. So clients without the secret cannot make the log grow.
type forgedLog struct {
	slog.Handler

	mu       sync.Mutex
	counting bool // until the end of this interval
	logged   bool // a forged webhook of this interval, and none was accepted since
	more     int  // forged webhooks that were not logged
}

// Handle implements slog.Handler.
func (f *forgedLog) Handle(ctx context.Context, record slog.Record) error {
	switch acceptOutcome(record) {
	case "forged":
		if !f.allow() {
			return nil
		}
	case "accepted":
		f.accepted()
	}
	return f.Handler.Handle(ctx, record)
}

// acceptOutcome returns the outcome in a log line about the acceptance of a webhook; "" for any
// other line.
func acceptOutcome(record slog.Record) (outcome string) {
	if record.Message != "accept" {
		return ""
	}
	record.Attrs(func(attr slog.Attr) bool {
		if attr.Key == "outcome" {
			outcome = attr.Value.String()
		}
		return outcome == ""
	})
	return outcome
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
	if !f.counting {
		f.counting = true
		time.AfterFunc(forgedInterval, f.summarize)
	}
	return true
}

// accepted notes an accepted webhook: the next forged one is logged.
func (f *forgedLog) accepted() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.logged = false
}

// summarize logs how many more forged webhooks there were, and ends the interval.
func (f *forgedLog) summarize() {
	f.mu.Lock()
	more := f.more
	f.counting, f.logged, f.more = false, false, 0
	f.mu.Unlock()
	if more > 0 {
		slog.New(f.Handler).Warn("more webhooks with a wrong key, which are not logged", "count", more, "within", forgedInterval)
	}
}
