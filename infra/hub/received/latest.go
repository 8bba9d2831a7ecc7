package received

import (
	"context"
	"sync"
	"time"
)

// readEvery is how old a report becomes before a new one is made. A report takes some calls of the
// Public API, and the log of some days.
const readEvery = 10 * time.Minute

// knownFor is how old the latest report becomes before it is no longer true. It is longer than the
// time in which the next one is made.
const knownFor = 2 * readEvery

// Latest keeps the latest report, so that nothing waits for Segment.
type Latest struct {
	mu       sync.Mutex
	report   *Report
	made     time.Time // when the report was
	begun    time.Time // when the last call of read began
	settings string    // those of the last call of ForgetUnless
	cancel   context.CancelFunc
	reading  sync.WaitGroup
	ended    bool
}

// Report returns the latest report, which is nil if there is none or it is too old to be true. If the
// report is old, Report calls read in the background, whose result becomes the latest report.
func (l *Latest) Report(read func(context.Context) *Report) *Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cancel == nil && !l.ended && time.Since(l.begun) >= readEvery {
		l.begun = time.Now()
		var ctx context.Context
		ctx, l.cancel = context.WithCancel(context.Background())
		l.reading.Go(func() { l.keep(read(ctx)) })
	}
	if time.Since(l.made) >= knownFor {
		l.report = nil
	}
	return l.report
}

// keep makes a report the latest one. If there was no answer, the findings of the one before stay:
// they may still be true.
func (l *Latest) keep(report *Report) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cancel()
	if l.report != nil && report != nil && !report.Known() && !report.NotAsked && len(report.Findings) == 0 {
		report.Findings = l.report.Findings
	}
	l.report, l.made, l.cancel = report, time.Now(), nil
}

// Watch calls Report again and again until the context is done, so that there is a report without
// anyone who asks for it.
func (l *Latest) Watch(ctx context.Context, read func(context.Context) *Report) {
	ticks := time.NewTicker(time.Minute)
	defer ticks.Stop()
	for {
		l.Report(read)
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
	}
}

// ForgetUnless makes the next call of Report begin a new one if the settings are others than in the
// last call of ForgetUnless.
func (l *Latest) ForgetUnless(settings string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.settings != settings {
		l.settings, l.begun = settings, time.Time{}
	}
}

// Forget makes the next call of Report begin a new one: the settings were changed.
func (l *Latest) Forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begun = time.Time{}
}

// End cancels what runs in the background, and returns when it has ended.
func (l *Latest) End() {
	l.mu.Lock()
	l.ended = true
	if l.cancel != nil {
		l.cancel()
	}
	l.mu.Unlock()
	l.reading.Wait()
}
