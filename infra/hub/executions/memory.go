package executions

import (
	"context"
	"iter"
	"time"
)

// Memory is a log in memory.
type Memory struct {
	List   List
	Begins time.Time // as in Found
}

// Find implements Log.
func (m Memory) Find(_ context.Context, q Query, page Page) (Found, error) {
	found, err := m.List.Find(q, page, time.Now())
	found.Begins = m.Begins
	return found, err
}

// All implements Log.
func (m Memory) All(_ context.Context, q Query) iter.Seq2[Execution, error] {
	return func(yield func(Execution, error) bool) {
		for e := range m.List.Select(q, time.Now()).Seq() {
			if !yield(e, nil) {
				return
			}
		}
		if !m.Begins.IsZero() {
			yield(Execution{}, ErrCut{m.Begins})
		}
	}
}

// Remote is a log that reads all lines of a period for each question, which takes seconds and
// costs money.
type Remote interface {
	Log
	// Load reads what a query selects.
	Load(context.Context, Query) (Memory, error)
}

// Near returns a log for many questions about what a query selects. It loads a remote log once.
func Near(ctx context.Context, log Log, q Query) (Log, error) {
	if remote, ok := log.(Remote); ok {
		return remote.Load(ctx, q)
	}
	return log, nil
}

// Oldest returns some of the executions that a query selects, the newest first, with the oldest
// ones among them. The counters say where these are: they are exact, unless one minute has more
// than the number of rows.
func Oldest(ctx context.Context, log Log, q Query, rows int) ([]Execution, error) {
	for {
		found, err := log.Find(ctx, q, Page{Rows: rows, Summary: true})
		if err != nil || found.Next == "" || len(found.Summary.Parts) <= 1 {
			return found.Rows, err
		}
		start, end := found.Summary.first()
		if start.After(q.From) {
			q.From = start
		}
		if q.To.IsZero() || end.Before(q.To) {
			q.To = end
		}
	}
}

// first returns the start and the end of the first part with an execution.
func (s Summary) first() (start, end time.Time) {
	for _, part := range s.Parts {
		if part.Came() > 0 {
			return part.Start, s.next(part.Start)
		}
	}
	return time.Time{}, time.Time{}
}
