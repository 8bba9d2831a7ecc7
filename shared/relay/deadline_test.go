package relay_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"commerce-segment/shared/relay"
)

// silent is a queue whose calls wait until their context ends.
type silent struct{ *spySpool }

func (silent) Retry(ctx context.Context, _ relay.Item, _ relay.Next) error {
	<-ctx.Done()
	return ctx.Err()
}

func (silent) Fail(ctx context.Context, _ relay.Envelope, _ relay.Failure) error {
	<-ctx.Done()
	return ctx.Err()
}

// Lambda stops a function that has not answered in time, and then its queue hands out the
// whole batch again, including the delivered events.
func TestTheItemsThatMustStayAreReturnedInTimeIfSettlingHangs(t *testing.T) {
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
