package account_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"commerce-segment/infra/emulator/account"
)

// segment is a stand-in for Segment. It counts each event that it takes.
type segment struct {
	account random

	mu         sync.Mutex
	answer     func(context.Context) *http.Response // nil while Segment works
	broken     time.Time                            // when it last ceased to work
	repaired   time.Time                            // when it began to work again
	atOnce     int
	peak       int           // requests at the same time, since it works again
	inASecond  map[int64]int // requests, by the second since it works again
	requests   int
	taken      map[int]int // how often, by the number of the event
	posted     map[int]time.Time
	slowest    time.Duration // from the webhook to Segment, of events that were posted soonAfter the repair or later
	complete   time.Time     // when it last took an event that was posted before the repair
	duplicates int
}

// soonAfter is the time after a repair in which new events may still go to the waiting queue.
const soonAfter = 2 * time.Minute

// random returns a duration between two others.
type random func(shortest, longest time.Duration) time.Duration

func newSegment(r random) *segment {
	return &segment{account: r, taken: map[int]int{}, posted: map[int]time.Time{}, inASecond: map[int64]int{}}
}

// answers makes Segment answer like this from now on. Nil means that it works.
func (s *segment) answers(answer func(context.Context) *http.Response) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
	if answer != nil {
		s.broken = time.Now()
		return
	}
	s.repaired, s.peak, s.inASecond = time.Now(), 0, map[int64]int{}
}

// hangs is a Segment that takes a request and never answers.
func hangs(ctx context.Context) *http.Response {
	<-ctx.Done()
	return nil
}

// status is a Segment that answers every request with a status, after a time.
func status(after time.Duration, code int, retryAfter string) func(context.Context) *http.Response {
	return func(ctx context.Context) *http.Response {
		if account.Sleep(ctx, after) != nil {
			return nil
		}
		header := http.Header{}
		if retryAfter != "" {
			header.Set("Retry-After", retryAfter)
		}
		return &http.Response{StatusCode: code, Header: header, Body: http.NoBody}
	}
}

// connection is the transport of one instance of a function. Its first request opens a
// connection, and so does one after a minute without requests.
type connection struct {
	segment *segment
	mu      sync.Mutex
	used    time.Time
}

// RoundTrip implements http.RoundTripper.
func (c *connection) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx, s := request.Context(), c.segment
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	answer := s.begin()
	defer s.end()
	if answer != nil {
		response := answer(ctx)
		if response == nil {
			return nil, ctx.Err()
		}
		if response.StatusCode == http.StatusOK {
			s.take(body)
		}
		return response, nil
	}
	c.mu.Lock()
	isCold := time.Since(c.used) > time.Minute
	c.mu.Unlock()
	takes := s.account(90*time.Millisecond, 150*time.Millisecond)
	if isCold {
		takes += s.account(200*time.Millisecond, 700*time.Millisecond)
	}
	if err := account.Sleep(ctx, takes); err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.used = time.Now()
	c.mu.Unlock()
	s.take(body)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody}, nil
}

func (s *segment) begin() func(context.Context) *http.Response {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.atOnce++
	s.requests++
	s.peak = max(s.peak, s.atOnce)
	s.inASecond[int64(time.Since(s.repaired)/time.Second)]++
	return s.answer
}

func (s *segment) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.atOnce--
}

// take counts the events of a request.
func (s *segment) take(body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for rest := body; ; {
		_, after, found := bytes.Cut(rest, []byte(`"messageId":"`))
		if !found {
			return
		}
		rest = after
		number := numberOf(rest)
		s.taken[number]++
		if s.taken[number] > 1 {
			s.duplicates++
			continue
		}
		switch posted := s.posted[number]; {
		case posted.After(s.repaired.Add(soonAfter)):
			s.slowest = max(s.slowest, time.Since(posted))
		case !posted.After(s.repaired):
			s.complete = time.Now()
		}
	}
}

// resourcePrefix begins the id of the order or the customer of each event, which its
// messageId has in it.
const resourcePrefix = "00000000-0000-4000-8000-"

func numberOf(messageID []byte) int {
	_, after, _ := bytes.Cut(messageID, []byte(resourcePrefix))
	number, err := strconv.Atoi(string(after[:12]))
	if err != nil {
		panic(err)
	}
	return number
}

// busiestSecond returns the most requests in a second since Segment works again.
func (s *segment) busiestSecond() (second int64, requests int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at, many := range s.inASecond {
		if many > requests || many == requests && at < second {
			second, requests = at, many
		}
	}
	return second, requests
}

// missing returns how many events it has not taken.
func (s *segment) missing() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.posted) - len(s.taken)
}

// expect adds an event that Segment has to take.
func (s *segment) expect(number int, posted time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.posted[number] = posted
}

// forget removes an event that was not accepted.
func (s *segment) forget(number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.posted, number)
}
