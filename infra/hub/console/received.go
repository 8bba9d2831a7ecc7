package console

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"commerce-segment/infra/hub/received"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/settings"
)

// receivedLooksBack is for how long the pages compare what was sent with what Segment received.
const receivedLooksBack = 24 * time.Hour

// lastReceived returns the latest comparison of what was sent to Segment with what it received. It
// does not wait for Segment; it is nil if there is none yet. On this machine it begins a new one after a
// change of the settings with which Segment is asked, which a command may have written.
func (c *Console) lastReceived(ctx context.Context) *received.Report {
	if c.Store.Deployment == nil {
		if values, err := c.Store.Parameters(ctx, append(settings.PublicAPINames(), settings.SegmentWriteKey)); err == nil {
			c.received.ForgetUnless(fmt.Sprint(values))
		}
	}
	return c.received.Report(c.readLatest)
}

// WatchReceived makes that comparison again and again until the context is done.
func (c *Console) WatchReceived(ctx context.Context) { c.received.Watch(ctx, c.readLatest) }

// readLatest compares what was sent until now. A panic in it must not end the hub.
func (c *Console) readLatest(ctx context.Context) (r *received.Report) {
	defer func() {
		if value := recover(); value != nil {
			c.Log.Error("panic", "type", fmt.Sprintf("%T", value), "stack", string(debug.Stack()))
			r = &received.Report{At: time.Now(), Unknown: "the program has an error, which is in its log"}
		}
	}()
	now := time.Now()
	return c.readReceived(ctx, now.Add(-receivedLooksBack), now)
}

// receivedWithin limits the time of a comparison.
const receivedWithin = time.Minute

// readReceived compares what was sent in a period with what Segment received. If what was sent
// cannot be read, the report says so.
func (c *Console) readReceived(ctx context.Context, since, until time.Time) *received.Report {
	ctx, cancel := context.WithTimeout(ctx, receivedWithin)
	defer cancel()
	log, err := c.log(), errNoLog
	var r *received.Report
	if log != nil {
		r, err = received.Read(ctx, received.Options{Store: c.Store, Log: log, Inbox: c.inboxURL(), Since: since, Until: until}, time.Now())
	}
	if err != nil {
		r = &received.Report{At: time.Now(), Unknown: words.OneLine(err.Error())}
	}
	return r
}
