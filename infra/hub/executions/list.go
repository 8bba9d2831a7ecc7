package executions

import (
	"context"
	"iter"
	"slices"
	"time"
)

// List is executions in memory, the newest first.
type List []Execution

// Find returns a page of the executions in the list that a query selects.
func (l List) Find(q Query, page Page, now time.Time) (Found, error) {
	var after Execution
	if page.After != "" {
		var err error
		if after.Received, after.Tracking, err = ParsePosition(page.After); err != nil {
			return Found{}, err
		}
	}
	from, to := q.Bounds(now)
	found := Found{Summary: NewSummary(from, to)}
	for _, e := range l {
		if e.Received.Before(from) || !e.Received.Before(to) {
			continue
		}
		found.All++
		if !q.Selects(e.Kind()) || !q.SelectsAll(e) {
			continue
		}
		found.Summary.AddOne(e)
		switch {
		case page.After != "" && compare(after, e) >= 0:
		case len(found.Rows) < page.Rows:
			found.Rows = append(found.Rows, e)
		case len(found.Rows) > 0 && found.Next == "":
			last := found.Rows[len(found.Rows)-1]
			found.Next = Position(last.Received, last.Tracking)
		}
	}
	found.Summary.Conclude()
	return found, nil
}

// Seq returns the executions in the list.
func (l List) Seq() iter.Seq2[Execution, error] {
	return func(yield func(Execution, error) bool) {
		for _, e := range l {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// Pages returns all executions that a query selects, from pages with this number of rows.
func Pages(ctx context.Context, log Log, q Query, rows int) iter.Seq2[Execution, error] {
	return func(yield func(Execution, error) bool) {
		for page := (Page{Rows: rows}); ; {
			found, err := log.Find(ctx, q, page)
			if err != nil {
				yield(Execution{}, err)
				return
			}
			for _, e := range found.Rows {
				if !yield(e, nil) {
					return
				}
			}
			if page.After = found.Next; page.After == "" {
				return
			}
		}
	}
}

// Select returns the executions that a query selects.
func (l List) Select(q Query, now time.Time) List {
	from, to := q.Bounds(now)
	return slices.DeleteFunc(slices.Clone(l), func(e Execution) bool {
		return e.Received.Before(from) || !e.Received.Before(to) || !q.Selects(e.Kind()) || !q.SelectsAll(e)
	})
}
