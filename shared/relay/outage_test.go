package relay_test

import (
	"commerce-segment/shared/spool"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// scale multiplies the events of the tests that have many.
var scale = flag.Int("scale", 1, "multiply the number of events in tests AtScale")

// An outage of Segment needs no action. Events from before, during and after it are
// delivered automatically, and no event is retried early.
func TestAtScaleAnOutageOfSegmentLosesNothing(t *testing.T) {
	ways := map[string]func(*http.Request) (*http.Response, error){
		"answers 503": func(*http.Request) (*http.Response, error) { return answering(503, ""), nil },
		"cannot be reached": func(*http.Request) (*http.Response, error) {
			return nil, errors.New("dial tcp: connect: connection refused")
		},
		"does not answer": func(request *http.Request) (*http.Response, error) {
			<-request.Context().Done()
			return nil, request.Context().Err()
		},
	}
	for way, fails := range ways {
		for name, long := range map[string]time.Duration{"an hour": time.Hour, "a day": 24 * time.Hour} {
			t.Run(way+" for "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var begin, end time.Time
					remote := &remote{t: t, answer: func(request *http.Request) (*http.Response, error) {
						if now := time.Now(); !now.Before(begin) && now.Before(end) {
							return fails(request)
						}
						return answering(200, ""), nil
					}}
					begin = time.Now().Add(long / 10)
					end = begin.Add(long)
					// The events come from before the outage until after it.
					remote.serves(100**scale, long*12/10)
				})
			})
		}
	}
}

// Segment answers 429 with every valid form of Retry-After and with invalid ones, and
// accepts more and more requests as time passes.
func TestAtScaleMany429LoseNothingAndNoEventIsRetriedEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		remote := &remote{t: t, answer: func(*http.Request) (*http.Response, error) {
			if rand.N(time.Hour) < time.Since(start) {
				return answering(200, ""), nil
			}
			pauses := []string{"1", "300", "3600", "", "0", "soon", "-1", "1e9", "12 monkeys",
				time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat), "Fri, 31 Dec 1999 23:59:59 GMT"}
			return answering(429, pauses[rand.N(len(pauses))]), nil
		}}
		remote.serves(100**scale, 10*time.Minute)
	})
}

func answering(status int, retryAfter string) *http.Response {
	header := http.Header{}
	if retryAfter != "" {
		header.Set("Retry-After", retryAfter)
	}
	return &http.Response{StatusCode: status, Header: header, Body: http.NoBody}
}

// remote is a Segment for tests in a synctest bubble. It reports events that are retried
// too early.
type remote struct {
	t      *testing.T
	answer func(*http.Request) (*http.Response, error)

	mu     sync.Mutex
	orders map[string]*attempts
}

// attempts are the requests to Segment about one order.
type attempts struct {
	count    int
	earliest time.Time // of the next attempt
	accepted int
}

// RoundTrip implements http.RoundTripper.
func (r *remote) RoundTrip(request *http.Request) (*http.Response, error) {
	var body struct{ Batch []json.RawMessage }
	text, err := io.ReadAll(request.Body)
	if err == nil {
		err = json.Unmarshal(text, &body)
	}
	if err != nil {
		r.t.Error(err)
	}
	r.mu.Lock()
	for _, message := range body.Batch {
		order := r.orders[orderOf(message)]
		if early := time.Until(order.earliest); early > 0 {
			r.t.Errorf("attempt %d for an order comes %v early", order.count+1, early)
		}
	}
	r.mu.Unlock()

	response, err := r.answer(request)

	r.mu.Lock()
	defer r.mu.Unlock()
	for _, message := range body.Batch {
		order := r.orders[orderOf(message)]
		order.count++
		order.earliest = time.Now().Add(leastPause(order.count))
		if err == nil {
			if asked := askedFor(response); asked.After(order.earliest) {
				order.earliest = asked
			}
			if response.StatusCode == http.StatusOK {
				order.accepted++
			}
		}
	}
	return response, err
}

// leastPause returns the delay of the retry schedule, less the 20 % of the jitter.
func leastPause(count int) time.Duration {
	return min(30*time.Second<<(count-1), time.Hour) * 8 / 10
}

// askedFor returns the time of the next attempt that an answer asks for, at most five minutes from now.
func askedFor(response *http.Response) time.Time {
	header := response.Header.Get("Retry-After")
	if date, err := http.ParseTime(header); err == nil {
		return date
	}
	var seconds int
	if _, err := fmt.Sscanf(header+".", "%d.", &seconds); err != nil || strings.HasPrefix(header, "-") {
		return time.Time{} // it asks for no pause
	}
	return time.Now().Add(time.Duration(min(seconds, 300)) * time.Second)
}

// serves posts webhooks about many orders within a time, and waits until Segment has them all.
func (r *remote) serves(many int, within time.Duration) {
	r.t.Helper()
	w := newWorldOver(r)
	defer w.relay.Segment.Close()
	w.relay.Log = slog.New(slog.NewJSONHandler(io.Discard, nil))
	r.orders = map[string]*attempts{}
	ctx, stop := context.WithCancel(r.t.Context())
	var server sync.WaitGroup
	server.Go(func() { spool.Serve(ctx, w.spool, w.relay.Deliver) })
	defer server.Wait()
	defer stop()

	for i := range many {
		order := fmt.Sprint("order-", i)
		r.mu.Lock()
		r.orders[order] = &attempts{}
		r.mu.Unlock()
		if answer := w.accept(r.t, secret, webhook(order)); answer != accepted {
			r.t.Fatalf("order %d is answered %v", i, answer)
		}
		time.Sleep(within / time.Duration(many))
	}
	for waited := time.Duration(0); w.spool.Counts().Visible+w.spool.Counts().Invisible > 0; waited += time.Minute {
		if waited > 2*time.Hour {
			r.t.Fatalf("two hours after the last order there are still events: %+v", w.spool.Counts())
		}
		time.Sleep(time.Minute)
	}
	equal(r.t, "dead letters", w.spool.Counts().Dead, 0)
	total, most := 0, 0
	for name, order := range r.orders {
		if order.accepted == 0 {
			r.t.Errorf("Segment has never accepted %s", name)
		}
		total, most = total+order.count, max(most, order.count)
	}
	r.t.Logf("Segment accepted all %d orders, after %d attempts and at most %d for one order", many, total, most)
}
