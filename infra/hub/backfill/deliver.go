package backfill

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"commerce-segment/shared/apicall"
	"commerce-segment/shared/loggable"
	"commerce-segment/shared/segment"
)

// Rejection is a fact with a message that Segment rejected, or would drop.
type Rejection struct {
	Tracking, Resource string
	Reason             string // without personal data
}

func (r Rejection) String() string {
	return fmt.Sprintf("%s of %s: %s", r.Tracking, r.Resource, r.Reason)
}

const (
	// requestLength is the most messages in one request. It is small, so that messages do
	// not arrive in bursts.
	requestLength = 100
	// attempts is the number of attempts without progress, over about two minutes, after which
	// a backfill stops.
	attempts = 9
)

// deliver sends messages within the rate. It returns the number of messages that were
// sent, and the facts that were rejected. The error means that the operator must fix
// something, or that an outage lasts too long: then left has the facts with messages that
// were not sent.
func (s *Sender) deliver(ctx context.Context, all []written) (sent int, rejected []Rejection, left []fact, err error) {
	var messages []segment.Message
	owners := map[string]fact{}
	for _, w := range all {
		if w.invalid != nil {
			rejected = append(rejected, rejection(w.fact, w.invalid.Error()))
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
			rejected = append(rejected, rejection(owners[id], reason))
		}
		messages = slices.Concat(undone, messages[len(part):])
	}
	for _, message := range messages {
		left = append(left, owners[message.ID])
	}
	return sent, rejected, left, err
}

func rejection(f fact, reason string) Rejection {
	return Rejection{Tracking: f.by.Name, Resource: loggable.ID(f.resource.ID), Reason: reason}
}

// deliverAll sends messages until each is delivered or rejected. It returns the reasons for
// the rejected ones by their messageIds. If it returns an error, undone has the messages
// that are neither delivered nor rejected.
func (s *Sender) deliverAll(ctx context.Context, messages []segment.Message) (rejected map[string]string, undone []segment.Message, err error) {
	rejected = map[string]string{}
	for attempt := 1; ; attempt++ {
		if err := s.pace.Wait(ctx, len(messages)); err != nil {
			return rejected, messages, err
		}
		var left []segment.Message
		var last segment.Outcome
		var rejectsAll error
		for i, outcome := range s.segment.Deliver(ctx, s.endpoint, messages) {
			switch {
			case outcome.Verdict == segment.Delivered:
			case isAboutTheMessage(outcome):
				rejected[messages[i].ID] = outcome.Reason
			case outcome.Operator || outcome.Verdict == segment.Fail:
				left = append(left, messages[i])
				rejectsAll = fmt.Errorf("sending to Segment: every message is rejected (%s): check the write key, the host and the path of the source", why(outcome))
			default:
				left, last = append(left, messages[i]), outcome
			}
		}
		switch {
		case len(left) == 0:
			return rejected, nil, nil
		case rejectsAll != nil:
			return rejected, left, rejectsAll
		case ctx.Err() != nil:
			return rejected, left, ctx.Err()
		case len(left) < len(messages):
			attempt = 1 // some messages were delivered or rejected
		case attempt == attempts:
			return rejected, left, fmt.Errorf("sending to Segment: %d attempts failed (%s): try again later", attempts, why(last))
		}
		if err := apicall.Sleep(ctx, apicall.Backoff(attempt, last.RetryAfter)); err != nil {
			return rejected, left, err
		}
		messages = left
	}
}

// isAboutTheMessage reports whether Segment rejected only this message.
func isAboutTheMessage(o segment.Outcome) bool {
	return o.Verdict == segment.Fail &&
		(o.Status == http.StatusBadRequest || o.Status == http.StatusRequestEntityTooLarge)
}

// why returns the reason for an outcome, and its detail if there is one.
func why(o segment.Outcome) string {
	if o.Detail == "" {
		return o.Reason
	}
	return o.Reason + ", " + o.Detail
}
