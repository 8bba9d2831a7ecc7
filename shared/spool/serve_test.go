package spool_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"commerce-segment/shared/relay"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/spool/spooltest"
)

// A service manager gives a program 10 s to stop. An event whose delivery hangs must be
// back on the queue by then.
func TestABatchThatHangsGoesBackWhenTheQueueStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := spooltest.NewMemory()
		if err := m.Put(t.Context(), relay.Envelope{Body: []byte(`{}`)}); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		began := make(chan time.Time, 1)
		var stopped time.Time
		go func() {
			<-began
			stopped = time.Now()
			stop()
		}()
		spool.Serve(ctx, m, func(ctx context.Context, items []relay.Item) (keep []string) {
			began <- time.Now()
			<-ctx.Done()
			return []string{items[0].Handle}
		})
		if took := time.Since(stopped); took != 6*time.Second {
			t.Errorf("it ended %v after the stop, want %v", took, 6*time.Second)
		}
		if counts := m.Counts(); counts.Visible+counts.Invisible != 1 {
			t.Errorf("the event is lost: %+v", counts)
		}
	})
}
