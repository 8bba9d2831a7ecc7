package segment

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/analytics-go/v3"
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
		return nil, &Outcome{Verdict: Postpone, Operator: true, Reason: reasonNoKey,
			Detail: "no write key is set: set the one of the Segment source"}
	}
	address, err := url.Parse(strings.TrimRight(e.Host, "/") + "/" + strings.TrimLeft(e.Path, "/"))
	if err != nil || address.Host == "" || address.Scheme != "http" && address.Scheme != "https" {
		return nil, &Outcome{Verdict: Postpone, Operator: true, Reason: reasonNoEndpoint,
			Detail: "host and path make no URL: set the host to one like https://api.segment.io and the path to one like /v1/batch"}
	}
	return address, nil
}

// Client delivers batches, one attempt each, through analytics-go. It is safe
// for use by many goroutines at once.
type Client struct {
	transport http.RoundTripper
}

// NewClient returns a client that keeps its connections open between batches.
// The transport is the one to use below ours; nil means a default one.
func NewClient(transport http.RoundTripper) *Client {
	if transport == nil {
		transport = newTransport()
	}
	return &Client{transport: transport}
}

// Deliver sends the messages and returns an outcome for each, in their order.
//
// It takes as many requests as Segment's limits ask for, one after the other,
// each tried once and for 8 s at most. A batch that Segment refuses for its
// contents (400, 413) is sent again one by one, so that a bad message does not
// take the good ones with it. Where an answer says that the next request would
// meet the same, and where the context ends, the rest is postponed unsent.
func (c *Client) Deliver(ctx context.Context, to Endpoint, messages []Message) []Outcome {
	outcomes := make([]Outcome, 0, len(messages))
	address, missing := to.check()
	if missing != nil {
		return appendFor(messages, outcomes, *missing)
	}
	for parts := split(messages); len(parts) > 0; {
		part := parts[0]
		parts = parts[1:]
		outcome := c.send(ctx, to, address, part)
		if outcome.refusesBatch() && len(part) > 1 {
			parts = slices.Concat(slices.Collect(slices.Chunk(part, 1)), parts)
			continue
		}
		if outcome.endsDelivery() {
			return appendFor(messages[len(outcomes):], outcomes, outcome)
		}
		outcomes = appendFor(part, outcomes, outcome)
	}
	return outcomes
}

// appendFor appends the one outcome that all of these messages have.
func appendFor(messages []Message, outcomes []Outcome, outcome Outcome) []Outcome {
	return append(outcomes, slices.Repeat([]Outcome{outcome}, len(messages))...)
}

// attemptTimeout bounds one request from dialling to the answer's last byte. It
// is under the 10 s after which analytics-go gives up, and after which Commerce
// does where an event is delivered while it waits.
const attemptTimeout = 8 * time.Second

// never is longer than any client of analytics-go lives here.
const never = 24 * time.Hour

// send makes one request of the messages, which must fit into one.
//
// It opens and closes a client of analytics-go for it: left open, the library
// would retry every status from 300 up, and ignore Retry-After. Closed, it
// makes exactly one attempt and waits for it. The library gets a small stand-in
// for each message, because its own types would lose what a template wrote; the
// exchange puts the messages in their place.
func (c *Client) send(ctx context.Context, to Endpoint, address *url.URL, messages []Message) Outcome {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	if ctx.Err() != nil {
		return noAnswer(ctx, ctx.Err())
	}
	exchange := &exchange{
		ctx: ctx, below: c.transport, address: address, messages: messages,
		// The library swallows a panic below it: nothing may count as delivered then.
		outcome: noAnswer(ctx, errors.New("analytics-go came back without an answer")),
	}
	library, err := analytics.NewWithConfig(to.WriteKey, analytics.Config{
		Endpoint:   to.Host,
		Transport:  exchange,
		Logger:     silence{},
		Interval:   never,         // no timer may send half of the stand-ins …
		BatchSize:  len(messages), // … and the last one sends them all
		RetryAfter: func(int) time.Duration { return never },
	})
	if err != nil {
		return noAnswer(ctx, err)
	}
	for i := range messages {
		err = errors.Join(err, library.Enqueue(standIn(i)))
	}
	err = errors.Join(err, library.Close())
	outcome := exchange.outcome
	if err != nil {
		outcome = noAnswer(ctx, err)
	}
	outcome.Detail = presentable(outcome.Detail, to.WriteKey)
	return outcome
}

// standIn is what analytics-go gets to see of the message at a place. It is so
// small that 2,500 of them stay under the library's own limits.
func standIn(place int) analytics.Message {
	return analytics.Track{
		MessageId: strconv.Itoa(place), UserId: "-", Event: "-", Timestamp: time.Unix(0, 0).UTC(),
	}
}

// silence is the log of analytics-go, which would write whole messages.
type silence struct{}

func (silence) Logf(string, ...any)   {}
func (silence) Errorf(string, ...any) {}
