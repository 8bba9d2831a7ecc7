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

// Nobody has to do anything about an outage: what came before it, during it and after
// it arrives by itself, and Segment is not hurried meanwhile.
func TestAtScaleAnOutageOfSegmentLosesNothing(t *testing.T) {
	ways := map[string]func(*http.Request) (*http.Response, error){
		"answers 503": func(*http.Request) (*http.Response, error) { return answering(503, ""), nil },
		"is not there": func(*http.Request) (*http.Response, error) {
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
					// They come from before it until after it.
					remote.serves(100**scale, long*12/10)
				})
			})
		}
	}
}

// In a storm Segment asks for a pause in every way there is, and in ways that there are
// not, and by and by takes more.
func TestAtScaleAStormOf429LosesNothingAndNobodyComesEarly(t *testing.T) {
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

// remote is Segment beyond a network, in a bubble's time. It notes who comes early.
type remote struct {
	t      *testing.T
	answer func(*http.Request) (*http.Response, error)

	mu     sync.Mutex
	orders map[string]*history
}

// history is what Segment knows of an order.
type history struct {
	attempts int
	earliest time.Time // when it may come again
	taken    int
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
			r.t.Errorf("attempt %d for an order comes %v early", order.attempts+1, early)
		}
	}
	r.mu.Unlock()

	response, err := r.answer(request)

	r.mu.Lock()
	defer r.mu.Unlock()
	for _, message := range body.Batch {
		order := r.orders[orderOf(message)]
		order.attempts++
		order.earliest = time.Now().Add(leastPause(order.attempts))
		if err == nil {
			if asked := askedFor(response); asked.After(order.earliest) {
				order.earliest = asked
			}
			if response.StatusCode == http.StatusOK {
				order.taken++
			}
		}
	}
	return response, err
}

// leastPause is the design's schedule, less the fifth that chance may take off it.
func leastPause(attempts int) time.Duration {
	return min(30*time.Second<<(attempts-1), time.Hour) * 8 / 10
}

// askedFor is the time until which an answer asks to stay away, five minutes at most.
func askedFor(response *http.Response) time.Time {
	header := response.Header.Get("Retry-After")
	if date, err := http.ParseTime(header); err == nil {
		return date
	}
	var seconds int
	if _, err := fmt.Sscanf(header+".", "%d.", &seconds); err != nil || strings.HasPrefix(header, "-") {
		return time.Time{} // it asks for nothing
	}
	return time.Now().Add(time.Duration(min(seconds, 300)) * time.Second)
}

// serves posts so many orders within that time, and waits until Segment has them all.
func (r *remote) serves(many int, within time.Duration) {
	r.t.Helper()
	w := newWorldOver(r)
	defer w.relay.Segment.Close()
	w.relay.Log = slog.New(slog.NewJSONHandler(io.Discard, nil))
	r.orders = map[string]*history{}
	ctx, stop := context.WithCancel(r.t.Context())
	var server sync.WaitGroup
	server.Go(func() { spool.Serve(ctx, w.spool, w.relay.Deliver) })
	defer server.Wait()
	defer stop()

	for i := range many {
		order := fmt.Sprint("order-", i)
		r.mu.Lock()
		r.orders[order] = &history{}
		r.mu.Unlock()
		if answer := w.accept(r.t, secret, webhook(order)); answer != accepted {
			r.t.Fatalf("order %d is answered %v", i, answer)
		}
		time.Sleep(within / time.Duration(many))
	}
	for waited := time.Duration(0); w.spool.Counts().Visible+w.spool.Counts().Invisible > 0; waited += time.Minute {
		if waited > 2*time.Hour {
			r.t.Fatalf("two hours after the last order these are still there: %+v", w.spool.Counts())
		}
		time.Sleep(time.Minute)
	}
	equal(r.t, "dead letters", w.spool.Counts().Dead, 0)
	attempts, most := 0, 0
	for name, order := range r.orders {
		if order.taken == 0 {
			r.t.Errorf("Segment has never taken %s", name)
		}
		attempts, most = attempts+order.attempts, max(most, order.attempts)
	}
	r.t.Logf("all %d orders are taken, after %d attempts and at most %d for one", many, attempts, most)
}
