package segment

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"
)

// Every status over a real connection. The outcomes are written here a second time on
// purpose, independently of the code.
func TestEveryStatusHasItsVerdict(t *testing.T) {
	status := 0
	segment := startSegment(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
		if status >= 200 && status != 204 && status != 304 {
			fmt.Fprint(w, `{"message":"words"}`)
		}
	})
	client := NewClient(nil)
	retrying := []int{408, 410, 429, 460}
	for status = 200; status <= 599; status++ {
		want := Outcome{Status: status, Reason: fmt.Sprintf("segment_%d", status)}
		switch {
		case status <= 299:
			want.Verdict = Delivered
		case status <= 399, slices.Contains([]int{400, 401, 403, 404, 405, 413}, status):
			want.Verdict, want.Operator = Retry, true
		case status == 501, status == 505, status <= 499 && !slices.Contains(retrying, status):
			want.Verdict = Fail
		default:
			want.Verdict = Retry
		}
		if got := OutcomeOf(status); got != want {
			t.Errorf("OutcomeOf(%d): got %+v, want %+v", status, got, want)
		}
		before := len(segment.received())
		got := client.Deliver(context.Background(), segment.endpoint(), messagesNamed("a"))
		if len(got) != 1 || got[0] != want {
			t.Errorf("%d: got %+v, want %+v", status, got, want)
		}
		// The library alone would retry, and follow the Location.
		if attempts := len(segment.received()) - before; attempts != 1 {
			t.Errorf("%d: %d attempts, want exactly one", status, attempts)
		}
	}
	if n := segment.connections.Load(); n != 1 {
		t.Errorf("400 answers took %d connections, want 1", n)
	}
}

func TestOutcomeOfAStatusThatDoesNotAnswerABatch(t *testing.T) {
	for _, status := range []int{0, 100, 101, 103, 199} {
		if got := OutcomeOf(status); got.Verdict != Retry || !got.Operator {
			t.Errorf("%d: got %+v, want it retrying for the operator", status, got)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	tests := []struct {
		name, header string
		min, max     time.Duration
	}{
		{"seconds", "120", 120 * time.Second, 120 * time.Second},
		{"no seconds", "0", 0, 0},
		{"more seconds than five minutes", "301", 300 * time.Second, 300 * time.Second},
		{"more seconds than a number holds", "99999999999999999999", 300 * time.Second, 300 * time.Second},
		{"a date", time.Now().Add(100 * time.Second).UTC().Format(http.TimeFormat), 90 * time.Second, 100 * time.Second},
		{"a date in the old form", time.Now().Add(100 * time.Second).UTC().Format(time.RFC850), 90 * time.Second, 100 * time.Second},
		{"a date far away", "Fri, 31 Dec 2100 23:59:59 GMT", 300 * time.Second, 300 * time.Second},
		{"a date in the past", "Wed, 21 Oct 2015 07:28:00 GMT", 0, 0},
		{"a negative number", "-5", 0, 0},
		{"a number with a sign", "+5", 0, 0},
		{"a fraction", "1.5", 0, 0},
		{"a Go duration", "5m", 0, 0},
		{"junk", "soon", 0, 0},
		{"nothing", "", 0, 0},
	}
	header := ""
	segment := startSegment(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", header)
		w.WriteHeader(http.StatusTooManyRequests)
	})
	client := NewClient(nil)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			header = test.header
			got := client.Deliver(context.Background(), segment.endpoint(), messagesNamed("a"))[0]
			if got.Verdict != Retry || got.RetryAfter < test.min || got.RetryAfter > test.max {
				t.Errorf("got %+v, want between %s and %s", got, test.min, test.max)
			}
		})
	}
}
