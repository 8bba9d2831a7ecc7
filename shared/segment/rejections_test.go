package segment

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// rejecting answers with the status if one of these messages is in the batch, as Segment does for
// the whole batch.
func rejecting(t testing.TB, status int, bad ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		for _, id := range idsIn(t, string(body)) {
			for _, refused := range bad {
				if id == refused {
					answering(status, "bad "+id)(w, r)
					return
				}
			}
		}
		success(w, r)
	}
}

// A bad message must not affect nine good ones.
func TestABadMessageIsFoundByHalvingItsBatch(t *testing.T) {
	const names = "abcdefghij"
	tests := []struct {
		name     string
		bad      string
		requests string
	}{
		{"the first one", "a", "[abcdefghij abcde ab a b cde fghij]"},
		{"one in the middle", "d", "[abcdefghij abcde ab cde c de d e fghij]"},
		{"the last one", "j", "[abcdefghij abcde fghij fg hij h ij i j]"},
		{"two next to each other", "ef", "[abcdefghij abcde ab cde c de d e fghij fg f g hij]"},
		{"all but one", "abcdeghij", "[abcdefghij abcde ab a b cde c de d e fghij fg f g hij h ij i j]"},
	}
	for _, status := range []int{400, 413} {
		for _, test := range tests {
			t.Run(fmt.Sprintf("%s, answered %d", test.name, status), func(t *testing.T) {
				segment := startSegment(t, rejecting(t, status, strings.Split(test.bad, "")...))
				outcomes := NewClient(nil).Deliver(t.Context(), segment.endpoint(), messagesNamed(strings.Split(names, "")...))
				if len(outcomes) != len(names) {
					t.Fatalf("got %d outcomes", len(outcomes))
				}
				for i, got := range outcomes {
					name := names[i : i+1]
					want := Outcome{Verdict: Delivered, Status: 200, Reason: "segment_200"}
					if strings.Contains(test.bad, name) {
						want = Outcome{Verdict: Fail, Status: status, Reason: fmt.Sprintf("segment_%d", status)}
					}
					if got != want {
						t.Errorf("message %s: got %+v, want %+v", name, got, want)
					}
				}
				var requests []string
				for _, batch := range segment.batches(t) {
					requests = append(requests, strings.Join(batch, ""))
				}
				if got := fmt.Sprint(requests); got != test.requests {
					t.Errorf("got requests  %s\nwant requests %s", got, test.requests)
				}
			})
		}
	}
	t.Run("a rejection for another reason is the outcome of the whole batch", func(t *testing.T) {
		segment := startSegment(t, answering(422, ""))
		outcomes := NewClient(nil).Deliver(context.Background(), segment.endpoint(), messagesNamed("a", "b"))
		if outcomes[0].Verdict != Fail || outcomes[1].Verdict != Fail || len(segment.received()) != 1 {
			t.Errorf("got %+v and %d requests", outcomes, len(segment.received()))
		}
	})
}

// Segment also answers 400 to a truncated write key. If rejected messages failed while none
// is accepted, a wrong setting would lose every event.
func TestMessagesThatAreRejectedWhileNoneIsAcceptedAreRetried(t *testing.T) {
	tests := []struct {
		name     string
		messages int
		answer   http.HandlerFunc
		requests int
	}{
		{"the only message", 1, answering(400, ""), 1},
		{"the only message, as too large", 1, answering(413, ""), 1},
		{"all of two", 2, answering(400, ""), 3},
		{"all of a function's batch", 10, answering(400, ""), 19},
		{"all of a whole request, of which only some are tried", 2500, answering(400, ""), 66},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			segment := startSegment(t, test.answer)
			outcomes := NewClient(nil).Deliver(t.Context(), segment.endpoint(), numbered(test.messages))
			if len(outcomes) != test.messages {
				t.Errorf("got %d outcomes for %d messages", len(outcomes), test.messages)
			}
			for i, got := range outcomes {
				if got.Verdict != Retry || !got.Operator {
					t.Fatalf("message %d: got %+v", i, got)
				}
			}
			if got := len(segment.received()); got > test.requests {
				t.Errorf("got %d requests, want %d at most", got, test.requests)
			}
		})
	}
	t.Run("also if an answer ends the delivery before a message is accepted", func(t *testing.T) {
		segment := startSegment(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if ids := idsIn(t, string(body)); ids[0] == "b" {
				w.WriteHeader(429)
			} else {
				w.WriteHeader(400)
			}
		})
		outcomes := NewClient(nil).Deliver(t.Context(), segment.endpoint(), messagesNamed("a", "b", "c"))
		if got := outcomes[0]; got.Verdict != Retry || !got.Operator || outcomes[1].Status != 429 || outcomes[2].Status != 429 {
			t.Errorf("got %+v", outcomes)
		}
	})
}

// If there are many bad messages, each delivery finds some of them, and none fails before
// it was rejected alone.
func TestManyBadMessagesAreFoundInSeveralDeliveries(t *testing.T) {
	messages := numbered(1000)
	var bad []string
	for i := 0; i < len(messages); i += 7 {
		bad = append(bad, messages[i].ID)
	}
	segment := startSegment(t, rejecting(t, 400, bad...))
	client := NewClient(nil)
	failed, deliveries := []string{}, 0
	for ; len(messages) > 0 && deliveries < 100; deliveries++ {
		before := len(segment.received())
		var left []Message
		for i, outcome := range client.Deliver(t.Context(), segment.endpoint(), messages) {
			switch {
			case outcome.Verdict == Fail:
				failed = append(failed, messages[i].ID)
			case outcome.Verdict == Retry && outcome.Operator:
				t.Fatalf("a message is retried for the operator, although others are accepted: %+v", outcome)
			case outcome.Verdict == Retry:
				left = append(left, messages[i])
			}
		}
		if requests := len(segment.received()) - before; requests > 2*maxHalvings+1 {
			t.Fatalf("a delivery took %d requests", requests)
		}
		messages = left
	}
	slices.Sort(failed)
	slices.Sort(bad)
	if !slices.Equal(failed, bad) {
		t.Errorf("after %d deliveries %d are failed of %d bad ones, and %d are left", deliveries, len(failed), len(bad), len(messages))
	}
}

// numbered returns a number of small messages.
func numbered(count int) []Message {
	ids := make([]string, count)
	for i := range ids {
		ids[i] = fmt.Sprintf("m%04d", i)
	}
	return messagesNamed(ids...)
}

func TestOutcomesAfterAFailureInAHalvedBatch(t *testing.T) {
	tests := []struct {
		name     string
		answer   http.HandlerFunc // to message b alone
		verdicts []Verdict        // of a, b, c
		reasons  string
		requests string
	}{
		{"a 500 for one message does not delay those after it", answering(500, ""),
			[]Verdict{Delivered, Retry, Delivered}, "[segment_200 segment_500 segment_200]", "[[a b c] [a] [b c] [b] [c]]"},
		{"a 429 ends it: Segment asked for a pause", answering(429, ""),
			[]Verdict{Delivered, Retry, Retry}, "[segment_200 segment_429 segment_429]", "[[a b c] [a] [b c] [b]]"},
		{"a 503 with Retry-After ends it", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(503)
		}, []Verdict{Delivered, Retry, Retry}, "[segment_200 segment_503 segment_503]", "[[a b c] [a] [b c] [b]]"},
		{"a 401 ends it: the key is wrong for all", answering(401, ""),
			[]Verdict{Delivered, Retry, Retry}, "[segment_200 segment_401 segment_401]", "[[a b c] [a] [b c] [b]]"},
		{"no answer ends it", breakOff("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"),
			[]Verdict{Delivered, Retry, Retry}, "[segment_200 segment_unreachable segment_unreachable]", "[[a b c] [a] [b c] [b]]"},
		{"the end of the context ends it", hang,
			[]Verdict{Delivered, Retry, Retry}, "[segment_200 segment_timeout segment_timeout]", "[[a b c] [a] [b c] [b]]"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			segment := startSegment(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				switch ids := idsIn(t, string(body)); {
				case len(ids) > 1:
					w.WriteHeader(400)
				case ids[0] == "b":
					test.answer(w, r)
				default:
					success(w, r)
				}
			})
			ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
			defer cancel()
			outcomes := NewClient(nil).Deliver(ctx, segment.endpoint(), messagesNamed("a", "b", "c"))
			var verdicts []Verdict
			var reasons []string
			for _, outcome := range outcomes {
				verdicts, reasons = append(verdicts, outcome.Verdict), append(reasons, outcome.Reason)
			}
			if !reflect.DeepEqual(verdicts, test.verdicts) || fmt.Sprint(reasons) != test.reasons {
				t.Errorf("got %v %v, want %v %v", verdicts, reasons, test.verdicts, test.reasons)
			}
			if got := fmt.Sprint(segment.batches(t)); got != test.requests {
				t.Errorf("got requests %s, want %s", got, test.requests)
			}
		})
	}
}
