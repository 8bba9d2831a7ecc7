// Package deletion asks Segment to delete users. It takes the place of the client of Segment's
// HTTP API in the trackings whose call is delete: from their messages it makes regulations, with
// calls of the Public API.
//
// Segment deletes the users later, within 30 days. The operator's program follows that: the outcome
// of a message has the id of its regulation.
package deletion

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"commerce-segment/shared/publicapi"
	"commerce-segment/shared/segment"
)

// The reasons of outcomes without an answer. With an answer the reason is "deletion_<status>".
const (
	reasonNoToken     = "api_token_missing"
	reasonUnreachable = "deletion_unreachable"
	reasonUnreadable  = "deletion_unreadable"
)

// longestPause is the longest pause for which a request is not repeated, even if Segment asks for a
// longer one: a quota is for a month.
const longestPause = time.Hour

// Client requests a regulation for messages. It is safe for concurrent use.
type Client struct {
	transport http.RoundTripper

	mu   sync.Mutex
	of   publicapi.Credentials // those of the client
	open *publicapi.Client     // nil before the first request
}

// NewClient returns a client that sends its requests through the transport; nil means
// http.DefaultTransport.
func NewClient(transport http.RoundTripper) *Client { return &Client{transport: transport} }

// Close implements relay.Deliverer. The connections belong to the transport.
func (c *Client) Close() {}

// Deliver requests the deletion of the users of the messages, which segment.NewMessages made
// for a tracking with the call delete. It returns an outcome for each of them.
//
// All users with the same type of regulation are in one request. If Segment rejects it
// because of its contents, each of them is in a request of its own, so that one that Segment
// does not accept does not affect the others.
func (c *Client) Deliver(ctx context.Context, to segment.Endpoint, messages []segment.Message) []segment.Outcome {
	outcomes := make([]segment.Outcome, len(messages))
	client, err := c.client(publicapi.Credentials{URL: to.APIHost, Token: to.APIToken})
	if err != nil {
		missing := segment.Outcome{Verdict: segment.Retry, Operator: true, Reason: reasonNoToken,
			Detail: "set segment/api-token to a token of Segment's Public API that may delete users, unless messages go to the inbox of a hub: then no deletion is requested: " + err.Error()}
		return slices.Repeat([]segment.Outcome{missing}, len(messages))
	}
	users := map[publicapi.RegulationType][]user{}
	for i, message := range messages {
		d, err := segment.DeletionOf(message)
		if err != nil {
			outcomes[i] = segment.Outcome{Verdict: segment.Fail, Reason: reasonUnreadable, Detail: err.Error()}
			continue
		}
		users[d.RegulationType] = append(users[d.RegulationType], user{d.UserID, i})
	}
	for kind, all := range users {
		for part := range slices.Chunk(all, publicapi.MaxSubjects) {
			request(ctx, client, kind, part, outcomes)
		}
	}
	return outcomes
}

// client returns the client with these credentials, the same one as long as they are the same.
func (c *Client) client(credentials publicapi.Credentials) (*publicapi.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open != nil && c.of == credentials {
		return c.open, nil
	}
	client, err := publicapi.NewClient(credentials, c.transport)
	if err != nil {
		return nil, err
	}
	c.of, c.open = credentials, client
	return client, nil
}

// user is a user to delete, and the place of the message in its batch.
type user struct {
	id    string
	place int
}

// request requests the deletion of users, and sets the outcomes of their messages.
func request(ctx context.Context, client *publicapi.Client, kind publicapi.RegulationType, users []user, outcomes []segment.Outcome) {
	ids := make([]string, len(users))
	for i, u := range users {
		ids[i] = u.id
	}
	slices.Sort(ids)
	regulation, err := client.CreateRegulation(ctx, kind, slices.Compact(ids))
	outcome := outcomeOf(regulation, err)
	if outcome.Verdict == segment.Fail && len(users) > 1 {
		for _, u := range users {
			request(ctx, client, kind, []user{u}, outcomes)
		}
		return
	}
	for _, u := range users {
		outcomes[u.place] = outcome
	}
}

// outcomeOf returns the outcome of a request. As in segment.OutcomeOf, a wrong setting can cause some
// statuses, and then the operator must act. 400 and 422 are about the users.
func outcomeOf(regulation string, err error) segment.Outcome {
	var refused *publicapi.APIError
	switch {
	case err == nil:
		return segment.Outcome{Verdict: segment.Delivered, Regulation: regulation}
	case !errors.As(err, &refused) || refused.Status == 0:
		return segment.Outcome{Verdict: segment.Retry, Reason: reasonUnreachable, Detail: err.Error()}
	}
	outcome := segment.OutcomeOf(refused.Status)
	outcome.Reason, outcome.Detail = fmt.Sprintf("deletion_%d", refused.Status), err.Error()
	outcome.RetryAfter = min(refused.RetryAfter, longestPause)
	switch refused.Status {
	case http.StatusOK: // an answer that is not as described: Segment may have done it
		outcome.Verdict, outcome.Reason = segment.Retry, reasonUnreadable
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		outcome.Verdict, outcome.Operator = segment.Fail, false
	}
	return outcome
}
