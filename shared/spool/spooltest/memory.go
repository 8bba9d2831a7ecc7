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

// memoryBytes is the capacity of a Memory, including the dead letters.
const memoryBytes = 64 << 20

// messageBytes is the approximate size of a message in addition to its text.
const messageBytes = 256

// ErrFull means that a Memory has reached its capacity.
var ErrFull = errors.New("the queue in memory is full")

// errStale means that the handle of an item is no longer valid.
var errStale = errors.New("the item was deleted or has been handed out again since")

// Memory is a queue in memory. It behaves as the queue in AWS does: it delivers at least
// once, and has a visibility timeout, a number of receives, and a redrive to the dead
// letters. It stores messages encoded, as the real queue does, so that the same messages
// fail. Unlike the real queue, it deletes nothing after 14 days.
type Memory struct {
	mu       sync.Mutex
	waiting  queue
	received map[string]*message // by the handle of the last receive
	dead     []stored
	bytes    int
	budget   int
	puts     int
	failed   int
	changed  chan struct{} // closed when a message may be visible earlier; nil while no Receive waits
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

// Receive hands out up to limit visible messages, or fewer if they are large. It waits for
// the first one, and returns none only if the context is done.
func (m *Memory) Receive(ctx context.Context, limit int) (items []relay.Item) {
	for size := 0; len(items) < limit && size < spool.BatchBytes && ctx.Err() == nil; {
		r, next, changed := m.take()
		switch {
		case changed == nil:
			item := spool.Open(r.handle, r.receives, r.text)
			item.Last = spool.IsLast(r.first, r.receives)
			items, size = append(items, item), size+len(item.Envelope.Body)
		case len(items) > 0:
			return items
		default:
			spool.Wait(ctx, next, changed)
		}
	}
	return items
}

// Retry implements relay.Spool.
func (m *Memory) Retry(_ context.Context, item relay.Item, next relay.Next) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	message, ok := m.received[item.Handle]
	if !ok {
		return fmt.Errorf("scheduling the retry of item %s: %w", item.Handle, errStale)
	}
	message.visible, message.unfinished = time.Now().Add(next.In), 0
	heap.Fix(&m.waiting, message.place)
	m.wake()
	return nil
}

// Delete deletes items, except those that have been handed out again since.
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

// Fail implements relay.Spool. Its error is a relay.ErrTooLarge or an ErrFull.
func (m *Memory) Fail(_ context.Context, e relay.Envelope, f relay.Failure) error {
	text, err := spool.Encode(e)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.charge(text); err != nil {
		return err
	}
	m.addDeadLetter(text, f, time.Now())
	return nil
}

// DeadLetters returns the dead letters, oldest first.
func (m *Memory) DeadLetters() []spool.DeadLetter {
	m.mu.Lock()
	dead := m.dead[:len(m.dead):len(m.dead)]
	m.mu.Unlock()

	letters := make([]spool.DeadLetter, len(dead))
	for i, d := range dead {
		item := spool.Open("", d.failure.Receives, d.text)
		letters[i] = spool.DeadLetter{ID: d.id, Envelope: item.Envelope, Err: item.Err, Failure: d.failure, FailedAt: d.failedAt}
	}
	return letters
}

// Redrive puts the dead letters that match back on the queue, as new messages with no
// receives. It returns how many it put back.
func (m *Memory) Redrive(matches func(spool.DeadLetter) bool) (moved int) {
	back := map[string]bool{}
	for _, letter := range m.DeadLetters() {
		back[letter.ID] = matches(letter)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var stay []stored
	for _, d := range m.dead {
		if !back[d.id] {
			stay = append(stay, d)
			continue
		}
		m.puts++
		heap.Push(&m.waiting, &message{text: d.text, put: m.puts, visible: time.Now()})
		moved++
	}
	m.dead = stay
	m.wake()
	return moved
}

// Counts has the numbers of messages of a Memory.
type Counts struct {
	Visible   int // can be received now
	Invisible int // being delivered, or retrying
	Dead      int
}

// Counts returns the current numbers of messages. It takes time in proportion to them.
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

// take hands out a visible message. If there is none, it returns the time when the next one
// becomes visible (zero for never), and a channel that is closed if that may change.
func (m *Memory) take() (r receipt, next time.Time, changed <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	for len(m.waiting) > 0 && !m.waiting[0].visible.After(now) {
		if m.waiting[0].unfinished < spool.MaxReceives {
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

// receive hands out one message with a new handle. The old handle becomes invalid.
func (m *Memory) receive(message *message, now time.Time) receipt {
	delete(m.received, message.handle())
	message.receives++
	message.unfinished++
	if message.first.IsZero() {
		message.first = now
	}
	message.visible = now.Add(spool.Visibility)
	heap.Fix(&m.waiting, message.place)
	m.received[message.handle()] = message
	return receipt{handle: message.handle(), receives: message.receives, first: message.first, text: message.text}
}

// redrive moves a message that was received too often to the dead letters, as the redrive
// policy of SQS does.
func (m *Memory) redrive(message *message, now time.Time) {
	delete(m.received, message.handle())
	heap.Remove(&m.waiting, message.place)
	m.addDeadLetter(message.text, spool.Exhausted(message.receives), now)
}

// addDeadLetter stores a dead letter with a unique id.
func (m *Memory) addDeadLetter(text string, f relay.Failure, now time.Time) {
	m.failed++
	m.dead = append(m.dead, stored{id: strconv.Itoa(m.failed), text: text, failure: f, failedAt: now})
}

// wake ends every wait.
func (m *Memory) wake() {
	if m.changed != nil {
		close(m.changed)
		m.changed = nil
	}
}

// charge adds the size of a message to m.bytes, or returns an ErrFull.
func (m *Memory) charge(text string) error {
	if m.bytes+len(text)+messageBytes > m.budget {
		return fmt.Errorf("%w: it holds %d of %d bytes", ErrFull, m.bytes, m.budget)
	}
	m.bytes += len(text) + messageBytes
	return nil
}

// stored is a dead letter as it is kept.
type stored struct {
	id       string
	text     string
	failure  relay.Failure
	failedAt time.Time
}

// receipt is a message that was handed out.
type receipt struct {
	handle   string
	receives int
	first    time.Time
	text     string
}

// message is a message on the queue.
type message struct {
	text       string
	put        int // a number in the order of Put, for messages that become visible at the same time
	visible    time.Time
	receives   int
	first      time.Time // when it was received first; zero before that
	unfinished int       // how often it was received since its last Retry
	place      int       // index in the heap
}

// handle returns the handle of the last receive, for example "17-3".
func (m *message) handle() string {
	return strconv.Itoa(m.put) + "-" + strconv.Itoa(m.receives)
}

// queue is a heap.Interface. The first message is the one that becomes visible first.
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
