package account

import (
	"container/heap"
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Queue is a standard queue of SQS.
type Queue struct {
	account     *Account
	visibility  time.Duration
	deadLetters *Queue
	maxReceives int

	mu       sync.Mutex
	sent     int
	visible  []*message // those that can be received; the oldest first
	hidden   hidden     // those in flight and those with a delay
	received map[string]*message
	peak     int
	expired  int
	changed  chan struct{} // closed when a message may be visible earlier; nil if none waits
}

// The limits of every queue.
const (
	// quota is how many messages of a standard queue can be in flight: received, and neither
	// deleted nor visible again.
	quota     = 120_000
	retention = 14 * 24 * time.Hour
	longPoll  = 20 * time.Second
	unit      = 64 << 10 // one request is charged for each 64 KiB
)

type message struct {
	number     int
	text       string
	attributes map[string]types.MessageAttributeValue
	sent       time.Time
	due        time.Time // when it is visible again
	receives   int
	chain      int
	place      int // in hidden
}

func (m *message) handle() string { return strconv.Itoa(m.number) + "-" + strconv.Itoa(m.receives) }

// system returns the attributes that SQS itself adds.
func (m *message) system() map[string]string {
	return map[string]string{
		string(types.MessageSystemAttributeNameApproximateReceiveCount): strconv.Itoa(m.receives),
		string(types.MessageSystemAttributeNameSentTimestamp):           strconv.FormatInt(m.sent.UnixMilli(), 10),
	}
}

// Queue adds a queue. A message that was received maxReceives times becomes a dead letter,
// unless deadLetters is nil.
func (a *Account) Queue(visibility time.Duration, deadLetters *Queue, maxReceives int) *Queue {
	return &Queue{account: a, visibility: visibility, deadLetters: deadLetters, maxReceives: maxReceives,
		received: map[string]*message{}}
}

// Counts has the numbers of messages of a queue.
type Counts struct {
	Visible, InFlight, Delayed int
	PeakInFlight               int
	Expired                    int // deleted after 14 days
}

// Counts returns the current numbers.
func (q *Queue) Counts() Counts {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.advance(time.Now())
	return Counts{Visible: len(q.visible), InFlight: len(q.received), Delayed: len(q.hidden) - len(q.received), PeakInFlight: q.peak, Expired: q.expired}
}

func (q *Queue) add(m message, delay time.Duration) string {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sent++
	m.number = q.sent
	m.due = time.Now().Add(delay)
	if delay > 0 {
		heap.Push(&q.hidden, &m)
	} else {
		q.visible = append(q.visible, &m)
	}
	q.wake()
	return strconv.Itoa(m.number)
}

// receive hands out messages. It waits for the first one.
func (q *Queue) receive(ctx context.Context, limit int, wait time.Duration) []message {
	end := time.Now().Add(wait)
	for {
		messages, next, changed := q.take(limit)
		left := time.Until(end)
		if len(messages) > 0 || left <= 0 {
			return messages
		}
		if !next.IsZero() {
			left = min(left, time.Until(next))
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-changed:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return nil
		}
	}
}

// take hands out visible messages. If there are none, it returns when the next one is
// visible, and a channel that is closed if that may change.
func (q *Queue) take(limit int) (messages []message, next time.Time, changed <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	q.advance(now)
	for len(q.visible) > 0 && len(messages) < limit && len(q.received) < quota {
		m := q.visible[0]
		q.visible[0] = nil
		q.visible = q.visible[1:]
		switch {
		case now.Sub(m.sent) >= retention:
			q.expired++
		case q.deadLetters != nil && m.receives >= q.maxReceives:
			q.deadLetters.add(message{text: m.text, attributes: m.attributes, sent: m.sent}, 0)
		default:
			m.receives++
			m.due = now.Add(q.visibility)
			heap.Push(&q.hidden, m)
			q.received[m.handle()] = m
			messages = append(messages, *m)
		}
	}
	q.peak = max(q.peak, len(q.received))
	if len(messages) > 0 {
		return messages, time.Time{}, nil
	}
	if len(q.hidden) > 0 {
		next = q.hidden[0].due
	}
	if q.changed == nil {
		q.changed = make(chan struct{})
	}
	return nil, next, q.changed
}

// advance makes the messages visible that are due.
func (q *Queue) advance(now time.Time) {
	for len(q.hidden) > 0 && !q.hidden[0].due.After(now) {
		m := heap.Pop(&q.hidden).(*message)
		delete(q.received, m.handle())
		q.visible = append(q.visible, m)
	}
}

// postpone changes when a received message is visible again. It returns false if the handle
// is no longer valid.
func (q *Queue) postpone(handle string, visibility time.Duration) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	m, ok := q.received[handle]
	if ok {
		m.due = time.Now().Add(visibility)
		heap.Fix(&q.hidden, m.place)
		q.wake()
	}
	return ok
}

// remove deletes a received message, unless it is visible again.
func (q *Queue) remove(handle string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if m, ok := q.received[handle]; ok {
		delete(q.received, handle)
		heap.Remove(&q.hidden, m.place)
	}
	q.wake() // below the quota again
}

// wake ends every wait.
func (q *Queue) wake() {
	if q.changed != nil {
		close(q.changed)
		q.changed = nil
	}
}

// hidden is a heap.Interface. The first message is the one that is visible first.
type hidden []*message

func (h hidden) Len() int           { return len(h) }
func (h hidden) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h hidden) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *hidden) Push(x any) {
	m := x.(*message)
	m.place = len(*h)
	*h = append(*h, m)
}

func (h *hidden) Pop() any {
	last := len(*h) - 1
	m := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return m
}
