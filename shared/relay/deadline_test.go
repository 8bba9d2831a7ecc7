package relay_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"commerce-segment/shared/relay"
)

// silent is a queue that takes nothing and says nothing.
type silent struct{ *spySpool }

func (silent) Retry(ctx context.Context, _ relay.Item, _ time.Duration) error {
	<-ctx.Done()
	return ctx.Err()
}

func (silent) Fail(ctx context.Context, _ relay.Envelope, _ relay.Failure) error {
	<-ctx.Done()
	return ctx.Err()
}

// Lambda cuts a function off that has not answered in time, and then brings the
// whole batch back, what was delivered too.
func TestWhatMustStayIsSaidInTimeWhereSettlingHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldOver(&inProcess{})
		defer w.relay.Segment.Close()
		w.relay.Spool = silent{w.spool}
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		started := time.Now()
		keep := w.relay.Deliver(ctx, items(webhook("1"), `not JSON`, webhook("3"), `{}`))
		equal(t, "kept", keep, []string{"h1", "h3"})
		if took := time.Since(started); took >= 9*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
