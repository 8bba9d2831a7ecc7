package relay_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"commerce-segment/shared/relay"
)

// unkept is a queue that schedules retries of items which it did not hand out.
type unkept struct{ *spySpool }

func (u unkept) Retry(_ context.Context, _ relay.Item, next relay.Next) error {
	u.delays, u.notBefore = append(u.delays, next.In), append(u.notBefore, next.NotBefore)
	return nil
}

// fresh delivers one event that has not been attempted, and returns the number of requests.
func (b *breaking) fresh() (requests int) {
	b.t.Helper()
	before := b.requests
	batch := items(webhook("1"))
	batch[0].Fresh = true
	if keep := b.world.relay.Deliver(b.t.Context(), batch); len(keep) > 0 {
		b.t.Errorf("%v are kept", keep)
	}
	return b.requests - before
}

// breaking is a relay with a Segment that answers as configured.
type breaking struct {
	t        *testing.T
	world    *world
	requests int
	answer   func(*http.Request) (*http.Response, error)
}

// RoundTrip implements http.RoundTripper.
func (b *breaking) RoundTrip(request *http.Request) (*http.Response, error) {
	io.Copy(io.Discard, request.Body)
	b.requests++
	return b.answer(request)
}

func (b *breaking) answers(status int, retryAfter string) {
	b.answer = func(*http.Request) (*http.Response, error) { return answering(status, retryAfter), nil }
}

func inBreaker(t *testing.T, test func(*testing.T, *breaking)) {
	synctest.Test(t, func(t *testing.T) {
		b := &breaking{t: t}
		b.answers(200, "")
		b.world = newWorldOver(b)
		b.world.relay.Spool = unkept{b.world.spool}
		defer b.world.relay.Segment.Close()
		test(t, b)
	})
}

// Functions that wait for a Segment that hangs accept no webhooks: a small account runs only ten
// at a time.
func TestFreshEventsDoNotWaitForASegmentThatIsDown(t *testing.T) {
	hangs := func(request *http.Request) (*http.Response, error) {
		<-request.Context().Done()
		return nil, request.Context().Err()
	}
	for name, fails := range map[string]func(*http.Request) (*http.Response, error){
		"hangs":             hangs,
		"cannot be reached": func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") },
		"answers 503":       func(*http.Request) (*http.Response, error) { return answering(503, ""), nil },
	} {
		t.Run(name, func(t *testing.T) {
			inBreaker(t, func(t *testing.T, b *breaking) {
				b.answer = fails
				started := time.Now()
				equal(t, "requests", []int{b.fresh(), b.fresh(), b.fresh(), b.fresh()}, []int{1, 0, 0, 0})
				if took := time.Since(started); took > 1500*time.Millisecond {
					t.Errorf("a request took %v", took)
				}
				line := b.world.log.last(t, "deliver")
				if line.Outcome != "retrying" || !strings.HasPrefix(line.Reason, "segment_") || line.Receives != 0 || line.RetryIn != "1m0s" ||
					!strings.HasPrefix(line.Detail, "there was no request, because the last ones failed: ") || line.Resource != "1" || len(line.MessageIDs) != 1 {
					t.Errorf("the line is %+v", line)
				}
				time.Sleep(80 * time.Second)
				equal(t, "requests after a pause: one, to see whether it works", []int{b.fresh(), b.fresh()}, []int{1, 0})
				b.answers(200, "")
				time.Sleep(80 * time.Second)
				equal(t, "requests after the repair", []int{b.fresh(), b.fresh(), b.fresh()}, []int{1, 1, 1})
			})
		})
	}
}

func TestWhatStopsRequestsForFreshEvents(t *testing.T) {
	for _, c := range []struct {
		name       string
		status     int
		retryAfter string
		after      time.Duration
		requests   []int // of three events, and of a fourth after a time
	}{
		{"a success", 200, "", 0, []int{1, 1, 1, 1}},
		{"a failure", 500, "", 0, []int{1, 0, 0, 0}},
		{"a pause that Segment asks for", 429, "120", 119 * time.Second, []int{1, 0, 0, 0}},
		{"the end of that pause", 429, "120", 121 * time.Second, []int{1, 0, 0, 1}},
		{"429 without a pause", 429, "", 0, []int{1, 0, 0, 0}},
		// Segment works, and each event must show what is wrong with the settings.
		{"a wrong write key", 401, "", 0, []int{1, 1, 1, 1}},
		{"a rejected message", 400, "", 0, []int{1, 1, 1, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBreaker(t, func(t *testing.T, b *breaking) {
				b.answers(c.status, c.retryAfter)
				got := []int{b.fresh(), b.fresh(), b.fresh()}
				time.Sleep(c.after)
				equal(t, "requests", append(got, b.fresh()), c.requests)
			})
		})
	}
}

// mute answers no request.
type mute struct{}

// RoundTrip implements http.RoundTripper.
func (mute) RoundTrip(request *http.Request) (*http.Response, error) {
	<-request.Context().Done()
	return nil, request.Context().Err()
}

// Segment is not the cause if another event of the batch used up the time.
func TestABatchWithoutTimeForSegmentDoesNotStopRequests(t *testing.T) {
	inBreaker(t, func(t *testing.T, b *breaking) {
		b.world.withStore(`{"event": "Order Completed", "properties": {"order_id": payload.data.id, "paid": payload.data.id = "slow" ? $commerce("/v2/orders/1")}}`)
		b.world.relay.CommerceTransport = mute{}
		batch := items(webhook("1"), webhook("slow"))
		batch[0].Fresh, batch[1].Fresh = true, true
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		b.world.relay.Deliver(ctx, batch)
		equal(t, "outcomes", outcomes(t, b.world), []string{"retrying out_of_time", "retrying out_of_time"})
		equal(t, "requests for the next event", b.fresh(), 1)
	})
}

// The pause that Segment asks for ends at the same time for all events.
func TestAnEventWithoutARequestRespectsThePause(t *testing.T) {
	inBreaker(t, func(t *testing.T, b *breaking) {
		b.answers(429, "120")
		b.fresh()
		time.Sleep(50 * time.Second)
		b.fresh()
		equal(t, "the pauses", b.world.spool.notBefore, []time.Duration{120 * time.Second, 70 * time.Second})
	})
}

// A fresh event is skipped or fails as if Segment worked.
func TestOnlyMessagesWaitForSegment(t *testing.T) {
	inBreaker(t, func(t *testing.T, b *breaking) {
		b.answers(500, "")
		b.fresh()
		b.fresh()
		b.world.settings.config.Enabled = false
		b.fresh()
		equal(t, "the outcome", b.world.log.last(t, "deliver").Outcome, "skipped")
	})
}

// Retried events show whether Segment works: they are not stopped.
func TestRetriedEventsAlwaysMakeARequest(t *testing.T) {
	inBreaker(t, func(t *testing.T, b *breaking) {
		b.answers(500, "")
		for range 4 {
			b.world.relay.Deliver(t.Context(), items(webhook("1")))
		}
		equal(t, "requests", b.requests, 4)
		equal(t, "requests for a fresh event", b.fresh(), 0)
		b.answers(200, "")
		b.world.relay.Deliver(t.Context(), items(webhook("1")))
		equal(t, "requests for a fresh event after a success", b.fresh(), 1)
	})
}

// A Segment that needs up to 8 s for each request works, if slowly.
func TestRetriedEventsHaveMoreTimeThanFreshOnes(t *testing.T) {
	inBreaker(t, func(t *testing.T, b *breaking) {
		b.answer = func(request *http.Request) (*http.Response, error) {
			select {
			case <-time.After(5 * time.Second):
				return answering(200, ""), nil
			case <-request.Context().Done():
				return nil, request.Context().Err()
			}
		}
		b.fresh()
		equal(t, "the reason", b.world.log.last(t, "deliver").Reason, "segment_timeout")
		equal(t, "kept", b.world.relay.Deliver(t.Context(), items(webhook("1"))), []string{})
	})
}

// An event on AWS is attempted with every tick for half an hour, and then less and less often: a
// repair reaches it within a share of the time for which Segment was down.
func TestTheDelayOfAWaitingEventGrowsWithItsAge(t *testing.T) {
	for _, c := range []struct {
		age  time.Duration
		want time.Duration
	}{{0, 15 * time.Second}, {30 * time.Minute, 15 * time.Second}, {time.Hour, 30 * time.Second}, {30 * time.Hour, 15 * time.Minute}, {13 * 24 * time.Hour, 15 * time.Minute}} {
		t.Run(c.age.String(), func(t *testing.T) {
			inBreaker(t, func(t *testing.T, b *breaking) {
				b.answers(500, "")
				batch := items(webhook("1"))
				batch[0].WaitingSince = time.Now().Add(-c.age)
				equal(t, "kept", b.world.relay.Deliver(t.Context(), batch), []string{"h0"})
				equal(t, "the delay", b.world.spool.delays, []time.Duration{c.want})
			})
		})
	}
}

func TestTheLastAttemptDecides(t *testing.T) {
	for _, c := range []struct {
		name    string
		status  int
		err     error
		outcome string
		detail  string
		kept    []string
	}{
		{"it fails", 503, nil, "failed segment_503", "no attempt succeeded, and this was the last", nil},
		{"it succeeds", 200, nil, "delivered", "", nil},
		// As a dead letter, no release could read it.
		{"its envelope is that of another release", 200, fmt.Errorf("version 9: %w", relay.ErrVersion), "retrying envelope_version", "version 9: written by another release", []string{"h0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBreaker(t, func(t *testing.T, b *breaking) {
				b.answers(c.status, "")
				batch := items(webhook("1"))
				batch[0].Last, batch[0].Err, batch[0].WaitingSince = true, c.err, time.Now()
				equal(t, "kept", b.world.relay.Deliver(t.Context(), batch), c.kept)
				equal(t, "the outcome", outcomes(t, b.world), []string{c.outcome})
				equal(t, "the detail", b.world.log.last(t, "deliver").Detail, c.detail)
			})
		})
	}
}
