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

// Endpoint is the address of Segment's API, with the write key.
type Endpoint struct {
	Host     string // scheme and host, for example "https://api.segment.io"
	Path     string // for example "/v1/batch"
	WriteKey string
	// APIHost and APIToken are those of the Public API. Only a tracking whose call is delete has
	// them.
	APIHost, APIToken string
	// IsInbox means that messages go to the inbox of a hub. Segment is not asked to delete users then.
	IsInbox bool
}

// check returns the URL of the endpoint. If the settings are incomplete or invalid, it
// returns the outcome of every message instead.
func (e Endpoint) check() (*url.URL, *Outcome) {
	if strings.TrimSpace(e.WriteKey) == "" {
		return nil, &Outcome{Verdict: Retry, Operator: true, Reason: reasonNoKey,
			Detail: "no write key is set: set the write key of the Segment source"}
	}
	address, err := url.Parse(strings.TrimRight(e.Host, "/") + "/" + strings.TrimLeft(e.Path, "/"))
	if err != nil || address.Host == "" || address.Scheme != "http" && address.Scheme != "https" {
		return nil, &Outcome{Verdict: Retry, Operator: true, Reason: reasonNoEndpoint,
			Detail: "host and path make no URL: set the host to one like https://api.segment.io and the path to one like /v1/batch"}
	}
	return address, nil
}

// Client delivers batches through analytics-go, with one attempt each. It is safe for
// concurrent use.
type Client struct {
	senders senders
}

// NewClient returns a client. It keeps connections and some goroutines between batches, so
// the caller must close it after use. It sends its requests through the transport; nil
// means a default one.
func NewClient(transport http.RoundTripper) *Client {
	if transport == nil {
		transport = newTransport()
	}
	return &Client{senders: senders{below: loggable.Transport(transport)}}
}

// Close closes the idle clients of analytics-go. No delivery may be running.
func (c *Client) Close() { c.senders.close() }

// Deliver sends the messages and returns an outcome for each, in their order.
//
// It makes as many requests as Segment's limits require, one after the other. Each is tried
// once, for at most 8 s. If Segment rejects a batch because of its contents (400, 413), it
// is sent again in halves, so that a bad message does not affect the good ones: see
// judgeRejections. If the next request would get the same answer, or if the context ends,
// the other messages are not sent and get the verdict Retry.
func (c *Client) Deliver(ctx context.Context, to Endpoint, messages []Message) []Outcome {
	outcomes := make([]Outcome, 0, len(messages))
	address, missing := to.check()
	if missing != nil {
		return appendFor(messages, outcomes, *missing)
	}
	var alone []int // the indices of the messages that were rejected in a request of their own
	halvings := 0
	for parts := split(messages); len(parts) > 0; {
		part := parts[0]
		parts = parts[1:]
		outcome := c.send(ctx, to, address, part)
		switch {
		case outcome.rejectsBatch() && len(part) > 1 && halvings < maxHalvings:
			halvings++
			half := len(part) / 2
			parts = slices.Concat([][]Message{part[:half], part[half:]}, parts)
			continue
		case outcome.rejectsBatch() && len(part) == 1:
			alone = append(alone, len(outcomes))
		case outcome.endsDelivery():
			part, parts = messages[len(outcomes):], nil
		}
		outcomes = appendFor(part, outcomes, outcome)
	}
	judgeRejections(outcomes, alone)
	return outcomes
}

// maxHalvings limits how often the rejected batches of one delivery are halved. Finding one
// bad message among 2,500 takes twelve halvings, and sixteen messages that are all bad take
// fifteen. Messages that have not been isolated by then are retried in the next delivery.
const maxHalvings = 32

// judgeRejections decides what a rejection because of the contents (400, 413) means.
// Segment returns the same status for one bad message and, if the write key is truncated,
// for every message. So a message fails only if it was rejected alone and Segment accepted
// other messages of the same delivery. If none was accepted, the message may not be the
// cause: it is retried until the operator fixes something, even if it was the only one.
func judgeRejections(outcomes []Outcome, alone []int) {
	if !slices.ContainsFunc(outcomes, func(o Outcome) bool { return o.Verdict == Delivered }) {
		return // with the verdicts of OutcomeOf
	}
	for i := range outcomes {
		if outcomes[i].rejectsBatch() {
			outcomes[i].Operator = false
		}
	}
	for _, i := range alone {
		outcomes[i].Verdict = Fail
	}
}

// appendFor appends the same outcome for each of the messages.
func appendFor(messages []Message, outcomes []Outcome, outcome Outcome) []Outcome {
	return append(outcomes, slices.Repeat([]Outcome{outcome}, len(messages))...)
}

// attemptTimeout limits one request, from dialing to the last byte of the answer. It is
// shorter than the time-out of analytics-go, and than that of Commerce if Commerce waits
// for the delivery: both are 10 s.
const attemptTimeout = 8 * time.Second

// send sends the messages in one request, for which they must be small enough. It does not
// retry: the caller does.
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
