// Package deadletters reads and redrives the dead letters of a store, and explains their
// reasons: what each means, and what to do before a redrive.
package deadletters

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"commerce-segment/infra/hub/queue"
	"commerce-segment/shared/deletion"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
)

// Queue is a tracking's dead-letter queue, and the queue to which a redrive puts its events.
type Queue interface {
	Count(context.Context) (int, error)
	CountWaiting(context.Context) (int, error)
	List(context.Context) ([]spool.DeadLetter, error)
	Redrive(ctx context.Context, matches func(spool.DeadLetter) bool, progress func(looked int)) (moved int, err error)
}

// Local is a dead-letter queue of the hub in this process.
type Local struct {
	*queue.Queue
	// Settle waits until changed settings are in effect.
	Settle func(context.Context) error
}

// Count implements Queue.
func (l Local) Count(context.Context) (int, error) { return l.Status().Failed, nil }

// CountWaiting implements Queue.
func (l Local) CountWaiting(context.Context) (int, error) {
	return l.Status().Waiting, nil
}

// listedBytes is the total size of the webhooks in the list of one queue.
const listedBytes = 8 << 20

// List implements Queue. Only the newest dead letters have their webhooks.
func (l Local) List(context.Context) ([]spool.DeadLetter, error) {
	return l.ListDeadLetters(listedBytes)
}

// Redrive implements Queue. Settings that were changed before it are in effect.
func (l Local) Redrive(ctx context.Context, matches func(spool.DeadLetter) bool, progress func(looked int)) (int, error) {
	if err := l.Settle(ctx); err != nil {
		return 0, err
	}
	looked := 0
	return l.Queue.Redrive(func(letter spool.DeadLetter) bool {
		looked++
		progress(looked)
		return matches(letter)
	})
}

// RedriveNamed puts the dead letters with these IDs back on the queue. Settings that were changed
// before it are in effect.
func (l Local) RedriveNamed(ctx context.Context, ids []string) (moved int, err error) {
	if err := l.Settle(ctx); err != nil {
		return 0, err
	}
	return l.Queue.RedriveNamed(ids)
}

// RetryNow attempts retrying events now. Settings that were changed before it are in effect.
func (l Local) RetryNow(ctx context.Context, matches func(queue.Waiting) bool) (retried int, err error) {
	if err := l.Settle(ctx); err != nil {
		return 0, err
	}
	return l.Queue.RetryNow(matches)
}

// Queues are the dead-letter queues of some trackings.
type Queues []TrackingQueue

// TrackingQueue is the dead-letter queue of one tracking.
type TrackingQueue struct {
	Tracking tracking.Tracking
	Queue    Queue
}

// Letter is a dead letter and its tracking. Its envelope contains personal data.
type Letter struct {
	Tracking tracking.Tracking
	spool.DeadLetter
}

// Summary describes a dead letter without its envelope.
type Summary struct {
	ID       string    `json:"id"` // unique within its tracking
	Tracking string    `json:"tracking"`
	Reason   string    `json:"reason"`
	Detail   string    `json:"detail,omitempty"`
	Resource string    `json:"resource,omitempty"`
	Receives int       `json:"receives"`
	FailedAt time.Time `json:"failed_at"`
	Received time.Time `json:"received,omitzero"` // the webhook
}

// Summary returns the dead letter's summary.
func (l Letter) Summary() Summary {
	f := l.Failure
	return Summary{l.ID, l.Tracking.Name, f.Reason, f.Detail, f.Resource, f.Receives, l.FailedAt, l.Envelope.Received}
}

// each calls ask for all queues concurrently, because one on AWS takes a second or more. The
// first error ends the others.
func (l Queues) each(ctx context.Context, ask func(ctx context.Context, i int, q TrackingQueue) error) error {
	asking, ctx := errgroup.WithContext(ctx)
	for i, q := range l {
		asking.Go(func() error {
			if err := ask(ctx, i, q); err != nil {
				return fmt.Errorf("%s: %w", q.Tracking.Name, err)
			}
			return nil
		})
	}
	return asking.Wait()
}

// List returns all dead letters, oldest first. On AWS, reading makes them invisible to other
// readers for a while.
func (l Queues) List(ctx context.Context) ([]Letter, error) {
	found := make([][]Letter, len(l))
	err := l.each(ctx, func(ctx context.Context, i int, q TrackingQueue) error {
		letters, err := q.Queue.List(ctx)
		for _, letter := range letters {
			found[i] = append(found[i], Letter{q.Tracking, letter})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	letters := slices.Concat(found...)
	slices.SortStableFunc(letters, func(a, b Letter) int { return a.FailedAt.Compare(b.FailedAt) })
	return letters, nil
}

// Redrive puts the dead letters that match back on their queues, all queues concurrently. An
// error of one queue does not stop the others. It calls progress with the number of dead
// letters that it has examined.
func (l Queues) Redrive(ctx context.Context, matches func(Letter) bool, progress func(looked int)) (moved int, err error) {
	var mu sync.Mutex
	var redriving sync.WaitGroup
	looked, failures := 0, make([]error, len(l))
	for i, q := range l {
		redriving.Go(func() {
			n, err := q.Queue.Redrive(ctx, func(letter spool.DeadLetter) bool { return matches(Letter{q.Tracking, letter}) }, func(int) {
				mu.Lock()
				defer mu.Unlock()
				looked++
				progress(looked)
			})
			mu.Lock()
			defer mu.Unlock()
			moved += n
			if err != nil {
				failures[i] = fmt.Errorf("%s: %w", q.Tracking.Name, err)
			}
		})
	}
	redriving.Wait()
	if err := errors.Join(failures...); err != nil {
		return moved, fmt.Errorf("%w (%d were put back on the queue; the list of dead letters shows what is left)", err, moved)
	}
	return moved, nil
}

// Backlog counts the events and dead letters of queues. On AWS the numbers are approximate.
type Backlog struct {
	Waiting, Dead int
}

// Backlogs returns the backlog of each queue.
func (l Queues) Backlogs(ctx context.Context) ([]Backlog, error) {
	counts := make([]Backlog, len(l))
	err := l.each(ctx, func(ctx context.Context, i int, q TrackingQueue) (err error) {
		if counts[i].Waiting, err = q.Queue.CountWaiting(ctx); err == nil {
			counts[i].Dead, err = q.Queue.Count(ctx)
		}
		return err
	})
	return counts, err
}

// Total returns the sum of backlogs.
func Total(counts []Backlog) (total Backlog) {
	for _, c := range counts {
		total.Waiting += c.Waiting
		total.Dead += c.Dead
	}
	return total
}

// Backlog returns the backlog of all queues together.
func (l Queues) Backlog(ctx context.Context) (Backlog, error) {
	counts, err := l.Backlogs(ctx)
	return Total(counts), err
}

// Group is the dead letters with the same tracking and reason.
type Group struct {
	Tracking tracking.Tracking
	Reason   string
	Letters  []Letter // the oldest first
}

// GroupByReason groups dead letters by tracking and reason, the largest group first.
func GroupByReason(letters []Letter) []Group {
	var all []Group
	for _, l := range letters {
		i := slices.IndexFunc(all, func(g Group) bool { return g.Has(l) })
		if i < 0 {
			i = len(all)
			all = append(all, Group{Tracking: l.Tracking, Reason: l.Failure.Reason})
		}
		all[i].Letters = append(all[i].Letters, l)
	}
	slices.SortFunc(all, func(a, b Group) int {
		return cmp.Or(len(b.Letters)-len(a.Letters), cmp.Compare(a.Tracking.Name, b.Tracking.Name), cmp.Compare(a.Reason, b.Reason))
	})
	return all
}

// Has reports whether a dead letter belongs to the group.
func (g Group) Has(l Letter) bool {
	return g.Tracking.Name == l.Tracking.Name && g.Reason == l.Failure.Reason
}

// Explanation explains a reason to the engineer on call.
type Explanation struct {
	Title string
	Says  string
	Do    string // what to do before a replay
}

// failedTooLong returns the explanation of a reason for which events are retried, if it lasts too long.
func failedTooLong(title, do string) Explanation {
	return Explanation{title, "No attempt succeeded within 30 hours.", do + " Then replay them."}
}

// Explain returns the explanation of a reason.
func Explain(reason string) Explanation {
	switch reason {
	case "message_invalid":
		return Explanation{"The template makes messages that Segment would drop",
			"Segment answers 200 to a message without a user or an event name, or with more than 32,000 bytes, but drops it.",
			"Fix the template, or restore an older version of it. Then replay them."}
	case "forged":
		return Explanation{"The webhook secret is wrong",
			"These webhooks were received while no webhook secret was set, and their secret is not one of those that are in effect now.",
			"If they have an old secret of yours, put it below the new one in commerce/webhook-secret, wait 75 seconds, and replay them. If Commerce did not send them, leave them."}
	case "receives_exhausted":
		return Explanation{"Their attempts had no outcome",
			"The program was stopped or crashed at the last attempts, or could not reach its queues. In an earlier release it also means that each attempt failed.",
			"hub trace with the order's id shows the attempts. When the cause is fixed, replay them."}
	case "template":
		return failedTooLong("Their template fails", "Fix the template, or restore an older version of it.")
	case "write_key_missing", "unverified", "settings":
		return failedTooLong("Settings are missing", "Set the missing values with hub configure.")
	case deletion.NoToken:
		return failedTooLong("There is no token to delete users with", "Set a token of Segment's Public API that may delete users, with hub configure.")
	case deletion.Inbox:
		return failedTooLong("Messages go to the inbox", "Segment is not asked to delete users then. To delete them, set a Segment host and a token of Segment's Public API that may delete users, with hub configure.")
	case "internal":
		return failedTooLong("The program has a bug", "The log line of an attempt has the stack trace. Deploy a release without the bug.")
	case "out_of_time":
		return failedTooLong("Their delivery takes too long", "Make the template faster, or its calls of Commerce fewer.")
	case "segment_unreachable", "segment_timeout":
		return failedTooLong("Segment did not answer", "Check that the address in segment/host is right and Segment works.")
	case "segment_400", "segment_413":
		return Explanation{"Segment rejected the messages",
			"The reason is their content, so it would reject them again.",
			"Segment's answer is not kept, because it may quote an event. Open a dead letter in the console to see its message, and fix the template if it is wrong. Then replay them."}
	case "not_json", "not_webhook", "too_deep", "too_many_values":
		return Explanation{"They are not webhooks about a Commerce event",
			"They have the right secret, though.",
			"Find out which integration in Commerce or which other program sends them with this secret. To replay them does not help: they would fail again."}
	case "input":
		return Explanation{"Templates cannot process their data",
			"They contain a number that is out of range, a name that is too long, or too much nesting.",
			"Correct the data in Commerce, which then sends a new event. To replay them does not help: they would fail again."}
	case "envelope_unreadable":
		return Explanation{"The stored event cannot be read",
			"It is damaged, or another program put it on the queue.",
			"Look at one of them. To replay them does not help: they would fail again."}
	}
	if deletion.IsReason(reason) {
		return explainDeletion(reason)
	}
	if strings.HasPrefix(reason, "commerce_") {
		return failedTooLong("Commerce did not answer their template", "Check that Commerce works, and its credentials with hub doctor.")
	}
	if status, isSegment := strings.CutPrefix(reason, "segment_"); isSegment {
		status, _ := strconv.Atoi(status)
		switch outcome := segment.OutcomeOf(status); {
		case outcome.Verdict == segment.Retry && outcome.Operator:
			return failedTooLong("Segment rejected the settings", "Check segment/write-key, segment/host and segment/path.")
		case outcome.Verdict == segment.Retry:
			return failedTooLong("Segment did not accept them in time", "Wait until Segment works again.")
		}
		return Explanation{"Segment's address is wrong",
			"The answer means that the address is wrong, not the message.",
			"Correct segment/host and segment/path. Then replay them."}
	}
	return Explanation{"This version does not know this reason",
		"Another release made them dead letters.",
		"The detail describes the problem. Fix it, then replay them."}
}

// explainDeletion explains why Segment's Public API did not accept a request to delete a user.
func explainDeletion(reason string) Explanation {
	switch {
	case reason == deletion.QuotaUsedUp:
		return failedTooLong("Segment's quota of deletions is used up", "Wait for the next month, or ask Segment's support for a higher quota. SQS deletes dead letters after 14 days: keep those of a deployed store with hub export.")
	case deletion.IsRejection(reason):
		return Explanation{"Segment rejected the users",
			"It rejected them alone and accepted others, or it rejected them for 30 hours.",
			"Segment accepts no deletion while it replays data. Otherwise open a dead letter in the console to see the id, and fix the template if the id or the regulationType is wrong. Then replay them."}
	case deletion.NeedsOperator(reason):
		return failedTooLong("The token may not delete users", "Set a token of Segment's Public API that may delete users, with hub configure.")
	}
	return failedTooLong("Segment's Public API did not answer", "Wait until it works again.")
}
