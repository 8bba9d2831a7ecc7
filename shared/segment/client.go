package segment

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"commerce-segment/shared/loggable"
)

// Endpoint is where messages go.
type Endpoint struct {
	Host     string // scheme and host, for example "https://api.segment.io"
	Path     string // for example "/v1/batch"
	WriteKey string
}

// check gives the endpoint's address, or what to say of every message where the
// settings make none.
func (e Endpoint) check() (*url.URL, *Outcome) {
	if strings.TrimSpace(e.WriteKey) == "" {
		return nil, &Outcome{Verdict: Retry, Operator: true, Reason: reasonNoKey,
			Detail: "no write key is set: set the one of the Segment source"}
	}
	address, err := url.Parse(strings.TrimRight(e.Host, "/") + "/" + strings.TrimLeft(e.Path, "/"))
	if err != nil || address.Host == "" || address.Scheme != "http" && address.Scheme != "https" {
		return nil, &Outcome{Verdict: Retry, Operator: true, Reason: reasonNoEndpoint,
			Detail: "host and path make no URL: set the host to one like https://api.segment.io and the path to one like /v1/batch"}
	}
	return address, nil
}

// Client delivers batches, one attempt each, through analytics-go. It is safe
// for use by many goroutines at once.
type Client struct {
	senders senders
}

// NewClient returns a client that keeps its connections open between batches, and
// some goroutines with them: whoever needs it no longer closes it.
// The transport is the one to use below ours; nil means a default one.
func NewClient(transport http.RoundTripper) *Client {
	if transport == nil {
		transport = newTransport()
	}
	return &Client{senders: senders{below: loggable.Transport(transport)}}
}

// Close ends what the client keeps open, once no delivery runs any more.
func (c *Client) Close() { c.senders.close() }

// Deliver sends the messages and returns an outcome for each, in their order.
//
// It takes as many requests as Segment's limits ask for, one after the other,
// each tried once and for 8 s at most. A batch that Segment refuses for its
// contents (400, 413) is sent again in halves, so that a bad message does not
// take the good ones with it: see judgeRefusals. Where an answer says that the next
// request would meet the same, and where the context ends, the rest is postponed unsent.
func (c *Client) Deliver(ctx context.Context, to Endpoint, messages []Message) []Outcome {
	outcomes := make([]Outcome, 0, len(messages))
	address, missing := to.check()
	if missing != nil {
		return appendFor(messages, outcomes, *missing)
	}
	var alone []int // the places of the messages that were refused by themselves
	halvings := 0
	for parts := split(messages); len(parts) > 0; {
		part := parts[0]
		parts = parts[1:]
		outcome := c.send(ctx, to, address, part)
		switch {
		case outcome.refusesBatch() && len(part) > 1 && halvings < maxHalvings:
			halvings++
			half := len(part) / 2
			parts = slices.Concat([][]Message{part[:half], part[half:]}, parts)
			continue
		case outcome.refusesBatch() && len(part) == 1:
			alone = append(alone, len(outcomes))
		case outcome.endsDelivery():
			part, parts = messages[len(outcomes):], nil
		}
		outcomes = appendFor(part, outcomes, outcome)
	}
	judgeRefusals(outcomes, alone)
	return outcomes
}

// maxHalvings limits how often the refused batches of one delivery are halved. One bad
// message among 2,500 takes twelve times, and sixteen that are all bad take fifteen.
// Messages that are not examined by then are postponed to the next delivery.
const maxHalvings = 32

// judgeRefusals decides what a refusal because of the contents (400, 413) means.
// Segment returns the same status for one message and, to a truncated write key, for
// everything. So a message becomes a dead letter only if it was refused alone and the
// same delivery had other messages accepted. If none was accepted, nothing shows that
// the message is the cause: it waits for the operator, even if it was the only one.
func judgeRefusals(outcomes []Outcome, alone []int) {
	if !slices.ContainsFunc(outcomes, func(o Outcome) bool { return o.Verdict == Delivered }) {
		return // as OutcomeOf has it
	}
	for i := range outcomes {
		if outcomes[i].refusesBatch() {
			outcomes[i].Operator = false
		}
	}
	for _, i := range alone {
		outcomes[i].Verdict = Fail
	}
}

// appendFor appends the one outcome that all of these messages have.
func appendFor(messages []Message, outcomes []Outcome, outcome Outcome) []Outcome {
	return append(outcomes, slices.Repeat([]Outcome{outcome}, len(messages))...)
}

// attemptTimeout bounds one request from dialling to the answer's last byte. It
// is under the 10 s after which analytics-go gives up, and after which Commerce
// does where an event is delivered while it waits.
const attemptTimeout = 8 * time.Second

// send makes one request of the messages, which must fit into one. It is tried
// once: the retry is the caller's.
func (c *Client) send(ctx context.Context, to Endpoint, address *url.URL, messages []Message) Outcome {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	x := newExchange(ctx, address, messages)
	if ctx.Err() != nil {
		return noAnswer(ctx, ctx.Err())
	}
	sender, err := c.senders.take(to.WriteKey)
	if err != nil {
		return noAnswer(ctx, err)
	}
	if err := sender.send(x); err != nil {
		return noAnswer(ctx, err)
	}
	c.senders.put(sender)
	return x.outcome
}
