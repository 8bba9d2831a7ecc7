package backfill

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"commerce-segment/shared/loggable"
	"commerce-segment/shared/segment"
)

// Refusal is a fact that Segment would not take, or did not.
type Refusal struct {
	Tracking, Resource string
	Reason             string // without personal data
}

func (r Refusal) String() string {
	return fmt.Sprintf("%s of %s: %s", r.Tracking, r.Resource, r.Reason)
}

const (
	// requestLength is how many messages go in one request, so that they do not come
	// in bursts.
	requestLength = 100
	// attempts is how often the same messages are tried, over two minutes.
	attempts    = 8
	longestWait = time.Minute
)

// deliver sends what was written, within the rate, and tells what was refused for good.
// Its error is what somebody must mend, or what did not end in time; then some facts are
// left, of which not everything was sent.
func (s *Sender) deliver(ctx context.Context, all []written) (sent int, refused []Refusal, left []fact, err error) {
	var messages []segment.Message
	owners := map[string]fact{}
	for _, w := range all {
		if w.invalid != nil {
			refused = append(refused, refusal(w.fact, w.invalid.Error()))
		}
		for _, message := range w.messages {
			messages = append(messages, message)
			owners[message.ID] = w.fact
		}
	}
	for len(messages) > 0 && err == nil {
		part := messages[:min(len(messages), requestLength)]
		var reasons map[string]string
		var undone []segment.Message
		reasons, undone, err = s.deliverAll(ctx, part)
		sent += len(part) - len(undone) - len(reasons)
		for id, reason := range reasons {
			refused = append(refused, refusal(owners[id], reason))
		}
		messages = slices.Concat(undone, messages[len(part):])
	}
	for _, message := range messages {
		left = append(left, owners[message.ID])
	}
	return sent, refused, left, err
}

func refusal(f fact, reason string) Refusal {
	return Refusal{Tracking: f.by.Name, Resource: loggable.ID(f.resource.ID), Reason: reason}
}

// deliverAll sends messages until each is delivered or refused, and gives the reasons for
// the refused ones by their ids. With its error go those that are neither.
func (s *Sender) deliverAll(ctx context.Context, messages []segment.Message) (refused map[string]string, undone []segment.Message, err error) {
	refused = map[string]string{}
	for attempt := 1; ; attempt++ {
		if err := s.pace.wait(ctx, len(messages)); err != nil {
			return refused, messages, err
		}
		var left []segment.Message
		var last segment.Outcome
		var refusesAll error
		for i, outcome := range s.segment.Deliver(ctx, s.endpoint, messages) {
			switch {
			case outcome.Verdict == segment.Delivered:
			case isAboutTheMessage(outcome):
				refused[messages[i].ID] = outcome.Reason
			case outcome.Operator || outcome.Verdict == segment.Fail:
				left = append(left, messages[i])
				refusesAll = fmt.Errorf("sending to Segment: it refuses everything (%s): check the write key, the host and the path of the source", why(outcome))
			default:
				left, last = append(left, messages[i]), outcome
			}
		}
		switch {
		case len(left) == 0:
			return refused, nil, nil
		case refusesAll != nil:
			return refused, left, refusesAll
		case ctx.Err() != nil:
			return refused, left, ctx.Err()
		case len(left) < len(messages):
			attempt = 1 // it goes on
		case attempt == attempts:
			return refused, left, fmt.Errorf("sending to Segment: %d attempts have failed (%s): try again later", attempts, why(last))
		}
		if err := sleep(ctx, max(backoff(attempt), last.RetryAfter)); err != nil {
			return refused, left, err
		}
		messages = left
	}
}

// isAboutTheMessage reports whether Segment refuses only this message.
func isAboutTheMessage(o segment.Outcome) bool {
	return o.Verdict == segment.Fail &&
		(o.Status == http.StatusBadRequest || o.Status == http.StatusRequestEntityTooLarge)
}

// why is what Segment answered, or what the network or the settings say.
func why(o segment.Outcome) string {
	if o.Detail == "" {
		return o.Reason
	}
	return o.Reason + ", " + o.Detail
}

func backoff(attempt int) time.Duration { return min(time.Second<<(attempt-1), longestWait) }

// pace spreads events, so many a second.
type pace struct {
	perSecond int
	next      time.Time
}

// wait waits until so many events may go out.
func (p *pace) wait(ctx context.Context, events int) error {
	now := time.Now()
	due := p.next
	if due.Before(now) {
		due = now
	}
	p.next = due.Add(time.Duration(events) * time.Second / time.Duration(p.perSecond))
	return sleep(ctx, due.Sub(now))
}

// sleep waits; its error is the context's, where that ends first.
func sleep(ctx context.Context, wait time.Duration) error {
	select {
	case <-time.After(max(wait, 0)):
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}
