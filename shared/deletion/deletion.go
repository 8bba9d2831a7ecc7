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
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"commerce-segment/shared/publicapi"
	"commerce-segment/shared/segment"
)

// NoToken is the reason of a deletion that waits for a token of Segment's Public API.
const NoToken = "api_token_missing"

// Inbox is the reason of a deletion that waits for a host of Segment, because messages go to the inbox
// of a hub.
const Inbox = "inbox"

// QuotaUsedUp is the reason of a deletion that Segment did not accept because of its limits: per
// minute, and per month.
const QuotaUsedUp = prefix + "429"

// The reasons of outcomes with an answer are "deletion_<status>". The others are those without one.
const (
	prefix            = "deletion_"
	reasonUnreachable = prefix + "unreachable"
	reasonUnreadable  = prefix + "unreadable"
)

// IsReason reports whether a reason is that of a deletion.
func IsReason(reason string) bool { return isSetting(reason) || strings.HasPrefix(reason, prefix) }

// isSetting reports whether a reason means that the settings allow no request.
func isSetting(reason string) bool { return reason == NoToken || reason == Inbox }

// NeedsOperator reports whether the deletions that are retried for a reason wait until the operator
// fixes something.
func NeedsOperator(reason string) bool {
	status, answered := statusOf(reason)
	return isSetting(reason) || answered && verdictOn(status).Operator
}

// IsRejection reports whether a reason means that Segment did not accept the contents of a request.
// A wrong token or address is not the likely cause.
func IsRejection(reason string) bool {
	status, answered := statusOf(reason)
	return answered && isRejection(status)
}

// statusOf returns the status of the answer that a reason is about.
func statusOf(reason string) (status int, answered bool) {
	text, found := strings.CutPrefix(reason, prefix)
	status, err := strconv.Atoi(text)
	return status, found && err == nil
}

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
// does not accept does not affect the others: see judgeRejections.
func (c *Client) Deliver(ctx context.Context, to segment.Endpoint, messages []segment.Message) []segment.Outcome {
	outcomes := make([]segment.Outcome, len(messages))
	client, err := c.client(publicapi.Credentials{URL: to.APIHost, Token: to.APIToken})
	if to.IsInbox || err != nil {
		missing := segment.Outcome{Verdict: segment.Retry, Operator: true, Reason: NoToken,
			Detail: "set segment/api-token to a token of Segment's Public API that may delete users"}
		if to.IsInbox {
			missing.Reason, missing.Detail = Inbox, "Segment is not asked to delete users while messages go to the inbox of the hub"
		}
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
		judgeRejections(all, outcomes)
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
	if isRejection(outcome.Status) && len(users) > 1 {
		for _, u := range users {
			request(ctx, client, kind, []user{u}, outcomes)
		}
		return
	}
	for _, u := range users {
		outcomes[u.place] = outcome
	}
}

// judgeRejections decides what a rejection of users means who have the same type of regulation.
// Segment rejects one user whose id is not valid, and all of them while it replays data or if the
// workspace may not use the type. So a message fails only if Segment accepted another user of the
// same delivery. Otherwise it is retried until the operator fixes something, even if it is the only
// one: a deletion must not be lost, because the law may require it.
func judgeRejections(users []user, outcomes []segment.Outcome) {
	if !slices.ContainsFunc(users, func(u user) bool { return outcomes[u.place].Verdict == segment.Delivered }) {
		return
	}
	for _, u := range users {
		if o := &outcomes[u.place]; isRejection(o.Status) {
			o.Verdict, o.Operator = segment.Fail, false
		}
	}
}

// outcomeOf returns the outcome of a request.
func outcomeOf(regulation string, err error) segment.Outcome {
	var refused *publicapi.APIError
	switch {
	case err == nil:
		return segment.Outcome{Verdict: segment.Delivered, Regulation: regulation}
	case !errors.As(err, &refused) || refused.Status == 0:
		return segment.Outcome{Verdict: segment.Retry, Reason: reasonUnreachable, Detail: err.Error()}
	}
	outcome := verdictOn(refused.Status)
	outcome.Reason, outcome.Detail = prefix+strconv.Itoa(refused.Status), err.Error()
	outcome.RetryAfter = min(refused.RetryAfter, longestPause)
	if refused.Status == http.StatusOK { // an answer that is not as described: Segment may have done it
		outcome.Verdict, outcome.Reason = segment.Retry, reasonUnreadable
	}
	return outcome
}

// verdictOn returns the outcome of a request with this status, which is not about one user. As in
// segment.OutcomeOf, the operator must act on what a wrong setting can cause.
func verdictOn(status int) segment.Outcome {
	outcome := segment.OutcomeOf(status)
	if isRejection(status) {
		outcome.Verdict, outcome.Operator = segment.Retry, true
	}
	return outcome
}

// isRejection reports whether a status means that Segment does not accept the contents of a
// request: 400, 413, 422, and those of which segment.OutcomeOf knows no cause that passes.
func isRejection(status int) bool {
	return status == http.StatusBadRequest || status == http.StatusRequestEntityTooLarge || segment.OutcomeOf(status).Verdict == segment.Fail
}
