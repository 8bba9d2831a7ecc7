package executions

import "time"

// Kind is what executions are counted by.
type Kind struct {
	Tracking string  `json:"tracking"`
	Event    string  `json:"event,omitempty"`
	Outcome  Outcome `json:"outcome"`
	Reason   string  `json:"reason,omitempty"`
}

// Count counts the executions of a kind.
type Count struct {
	N      int
	Last   time.Time // when the last of them was received
	Delays Delays    // of those that were delivered
}

// Counts counts executions by kind.
type Counts map[Kind]Count

// Add counts an execution.
func (c Counts) Add(e Execution) { c.merge(e.Kind(), countOf(e)) }

// countOf returns the count of one execution.
func countOf(e Execution) Count {
	one := Count{N: 1, Last: e.Received}
	if e.Delay != nil {
		one.Delays = Delays{sizeOf(*e.Delay): 1}
	}
	return one
}

// Remove removes an execution that was added.
func (c Counts) Remove(e Execution) {
	count := c[e.Kind()]
	if count.N--; count.N <= 0 {
		delete(c, e.Kind())
		return
	}
	if e.Delay != nil {
		size := sizeOf(*e.Delay)
		if count.Delays[size]--; count.Delays[size] <= 0 {
			delete(count.Delays, size)
		}
	}
	c[e.Kind()] = count
}

// merge adds a count of a kind.
func (c Counts) merge(k Kind, more Count) {
	count, ok := c[k]
	if !ok {
		count.Delays = Delays{}
	}
	count.N += more.N
	if more.Last.After(count.Last) {
		count.Last = more.Last
	}
	count.Delays.Add(more.Delays)
	c[k] = count
}

// Of returns the number of executions of the kinds that a function selects.
func (c Counts) Of(selects func(Kind) bool) (n int) {
	for k, count := range c {
		if selects(k) {
			n += count.N
		}
	}
	return n
}
