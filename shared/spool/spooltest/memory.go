// Package spooltest has a queue in memory, for tests that run in virtual time. It behaves as
// the queues on AWS and on the disk of a hub do.
package spooltest

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"commerce-segment/shared/relay"
	"commerce-segment/shared/spool"
)

// memoryBytes is how much a Memory holds, dead letters included.
const memoryBytes = 64 << 20

// messageBytes is what a message takes beside its text, roughly.
const messageBytes = 256

// ErrFull means that a Memory holds as much as it may.
var ErrFull = errors.New("the queue in memory is full")

// errStale means that somebody else has the item by now.
var errStale = errors.New("the item was deleted or has been handed out again since")

// Memory is the queue in memory, for a hub on a developer's machine and for
// tests. It behaves as the one in AWS does: at least once, a visibility timeout,
// a count of receives, and a redrive to the dead letters. It keeps messages as
// they are on the real queue, encoded, so that the same of them fail. It forgets
// everything when the process ends, but drops nothing after 14 days.
type Memory struct {
	mu       sync.Mutex
	waiting  queue
	received map[string]*message // by the handle of its last receive
	dead     []stored
	bytes    int
	budget   int
	puts     int
	failed   int
	changed  chan struct{} // closed when a message may be visible earlier; nil while nobody waits
}

var _ relay.Spool = (*Memory)(nil)

// NewMemory returns an empty queue that holds up to 64 MiB.
func NewMemory() *Memory {
	return &Memory{received: make(map[string]*message), budget: memoryBytes}
}

// Put implements relay.Spool. Its error is a relay.ErrTooLarge or an ErrFull.
func (m *Memory) Put(_ context.Context, e relay.Envelope) error {
	text, err := spool.Encode(e)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.charge(text); err != nil {
		return err
	}
	m.puts++
	heap.Push(&m.waiting, &message{text: text, put: m.puts, visible: time.Now()})
	m.wake()
	return nil
}

// Receive hands out up to that many visible messages, fewer where they are large, and at
// least one: it waits for the first. It gives none only when the context is done.
func (m *Memory) Receive(ctx context.Context, limit int) (items []relay.Item) {
	for size := 0; len(items) < limit && size < spool.BatchBytes && ctx.Err() == nil; {
		r, next, changed := m.take()
		switch {
		case changed == nil:
			item := spool.Open(r.handle, r.receives, r.text)
			items, size = append(items, item), size+len(item.Envelope.Body)
		case len(items) > 0:
			return items
		default:
			m.wait(ctx, next, changed)
		}
	}
	return items
}

// Postpone implements relay.Spool.
func (m *Memory) Retry(_ context.Context, item relay.Item, delay time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	message, ok := m.received[item.Handle]
	if !ok {
		return fmt.Errorf("postponing item %s: %w", item.Handle, errStale)
	}
	message.visible = time.Now().Add(delay)
	heap.Fix(&m.waiting, message.place)
	m.wake()
	return nil
}

// Delete ends items. It does nothing for one that has been handed out again since: what has
// it now decides.
func (m *Memory) Delete(handles ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, handle := range handles {
		if message, ok := m.received[handle]; ok {
			delete(m.received, handle)
			heap.Remove(&m.waiting, message.place)
			m.bytes -= len(message.text) + messageBytes
		}
	}
	return nil
}

// Bury implements relay.Spool. Its error is a relay.ErrTooLarge or an ErrFull.
func (m *Memory) Fail(_ context.Context, e relay.Envelope, b relay.Failure) error {
	text, err := spool.Encode(e)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.charge(text); err != nil {
		return err
	}
	m.addDeadLetter(text, b, time.Now())
	return nil
}

// DeadLetters lists what was given up, oldest first.
func (m *Memory) DeadLetters() []spool.DeadLetter {
	m.mu.Lock()
	dead := m.dead[:len(m.dead):len(m.dead)]
	m.mu.Unlock()

	letters := make([]spool.DeadLetter, len(dead))
	for i, g := range dead {
		item := spool.Open("", g.failure.Receives, g.text)
		letters[i] = spool.DeadLetter{ID: g.id, Envelope: item.Envelope, Err: item.Err, Failure: g.failure, FailedAt: g.failedAt}
	}
	return letters
}

// Redrive puts the dead letters that match back on the queue, as DeadLetterQueue does
// in AWS: from their first attempt on. It returns how many it put back.
func (m *Memory) Redrive(matches func(spool.DeadLetter) bool) (moved int) {
	back := map[string]bool{}
	for _, letter := range m.DeadLetters() {
		back[letter.ID] = matches(letter)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var stay []stored
	for _, g := range m.dead {
		if !back[g.id] {
			stay = append(stay, g)
			continue
		}
		m.puts++
		heap.Push(&m.waiting, &message{text: g.text, put: m.puts, visible: time.Now()})
		moved++
	}
	m.dead = stay
	m.wake()
	return moved
}

// Counts says how many messages a Memory holds.
type Counts struct {
	Visible   int // to be handed out now
	Invisible int // being delivered, or postponed
	Dead      int
}

// Counts counts the messages as they are now. It looks at each of them.
func (m *Memory) Counts() Counts {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	counts := Counts{Dead: len(m.dead)}
	for _, message := range m.waiting {
		if message.visible.After(now) {
			counts.Invisible++
		} else {
			counts.Visible++
		}
	}
	return counts
}

// take hands out a visible message. Where there is none it says when the next one will be
// visible, zero for never, and what to wait for meanwhile.
func (m *Memory) take() (r receipt, next time.Time, changed <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	for len(m.waiting) > 0 && !m.waiting[0].visible.After(now) {
		if m.waiting[0].receives < spool.MaxReceives {
			return m.receive(m.waiting[0], now), time.Time{}, nil
		}
		m.redrive(m.waiting[0], now)
	}
	if len(m.waiting) > 0 {
		next = m.waiting[0].visible
	}
	if m.changed == nil {
		m.changed = make(chan struct{})
	}
	return receipt{}, next, m.changed
}

// receive hands out one message under a new handle; the old one is void.
func (m *Memory) receive(message *message, now time.Time) receipt {
	delete(m.received, message.handle())
	message.receives++
	message.visible = now.Add(spool.Visibility)
	heap.Fix(&m.waiting, message.place)
	m.received[message.handle()] = message
	return receipt{handle: message.handle(), receives: message.receives, text: message.text}
}

// redrive moves a message to the dead letters, as SQS does by itself when it was
// handed out too often.
func (m *Memory) redrive(message *message, now time.Time) {
	delete(m.received, message.handle())
	heap.Remove(&m.waiting, message.place)
	m.addDeadLetter(message.text, spool.Exhausted(message.receives), now)
}

// addDeadLetter keeps a dead letter under an id that no other has.
func (m *Memory) addDeadLetter(text string, b relay.Failure, now time.Time) {
	m.failed++
	m.dead = append(m.dead, stored{id: strconv.Itoa(m.failed), text: text, failure: b, failedAt: now})
}

// wait returns when the next message becomes visible, when anything changed, or
// when the context is done.
func (m *Memory) wait(ctx context.Context, next time.Time, changed <-chan struct{}) {
	var due <-chan time.Time
	if !next.IsZero() {
		timer := time.NewTimer(time.Until(next))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-ctx.Done():
	case <-changed:
	case <-due:
	}
}

// wake ends every wait.
func (m *Memory) wake() {
	if m.changed != nil {
		close(m.changed)
		m.changed = nil
	}
}

// charge counts a message in, if there is room.
func (m *Memory) charge(text string) error {
	if m.bytes+len(text)+messageBytes > m.budget {
		return fmt.Errorf("%w: it holds %d of %d bytes", ErrFull, m.bytes, m.budget)
	}
	m.bytes += len(text) + messageBytes
	return nil
}

// grave is a dead letter as it is kept.
type stored struct {
	id       string
	text     string
	failure  relay.Failure
	failedAt time.Time
}

// receipt is a message as it was handed out.
type receipt struct {
	handle   string
	receives int
	text     string
}

// message is what the queue holds until it is deleted or dead.
type message struct {
	text     string
	put      int // its number, which breaks ties
	visible  time.Time
	receives int
	place    int // in the heap
}

// handle is the name of its last receive, for example "17-3".
func (m *message) handle() string {
	return strconv.Itoa(m.put) + "-" + strconv.Itoa(m.receives)
}

// queue is a heap.Interface: the message that is visible first, first.
type queue []*message

func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool {
	if !q[i].visible.Equal(q[j].visible) {
		return q[i].visible.Before(q[j].visible)
	}
	return q[i].put < q[j].put
}

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

func (q *queue) Push(x any) {
	m := x.(*message)
	m.place = len(*q)
	*q = append(*q, m)
}

func (q *queue) Pop() any {
	last := len(*q) - 1
	m := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return m
}
