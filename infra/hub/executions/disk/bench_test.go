package disk

import (
	"fmt"
	"testing"
	"time"

	"commerce-segment/infra/hub/executions"
)

// BenchmarkWrite writes webhooks with their two lines each to the disk.
func BenchmarkWrite(b *testing.B) {
	s, _ := opened(b, b.TempDir(), limits)
	now := time.Now()
	for n := range b.N {
		add(s, delivered(fmt.Sprintf("%08x-7d1f-4a94-8a39-94fbc7e2d1f0", uint32(n)*2654435761), now.Add(time.Duration(n)))...)
		if n%1000 == 999 {
			s.flush()
		}
	}
	s.flush()
	b.StopTimer()
	closed(b, s)
}

// BenchmarkRead reads what a page needs, from the executions of the last day.
func BenchmarkRead(b *testing.B) {
	for _, many := range []int{100_000, 1_000_000} {
		s, _ := stopped(b, b.TempDir(), limits)
		now := time.Now()
		start := now.Add(-23 * time.Hour)
		if err := s.begin(start); err != nil {
			b.Fatal(err)
		}
		for n := range many {
			at := start.Add(time.Duration(n) * (22 * time.Hour) / time.Duration(many))
			add(s, delivered(fmt.Sprintf("%08x-7d1f-4a94-8a39-94fbc7e2d1f0", uint32(n)*2654435761), at)...)
			if n%1000 == 999 {
				s.flush()
				if err := s.begin(at); err != nil { // a hub that had run at that time begins a new file here
					b.Fatal(err)
				}
			}
		}
		s.flush()
		day := executions.Query{From: now.Add(-24 * time.Hour)}
		with := func(change func(*executions.Query)) executions.Query {
			q := day
			change(&q)
			return q
		}
		for _, c := range []struct {
			name  string
			query executions.Query
			page  executions.Page
		}{
			{"overview", day, executions.Page{Summary: true}},
			{"first-page", day, executions.Page{Rows: 50, Summary: true}},
			{"middle-page", day, executions.Page{Rows: 50, Summary: true, After: executions.Position(now.Add(-12*time.Hour), "")}},
			{"rejected", with(func(q *executions.Query) { q.Outcomes = []executions.Outcome{executions.Rejected} }), executions.Page{Rows: 50, Summary: true}},
			{"text", with(func(q *executions.Query) { q.Text = "none of them" }), executions.Page{Rows: 50, Summary: true}},
			{"text-of-all", with(func(q *executions.Query) { q.Text = "7d1f" }), executions.Page{Rows: 50, Summary: true}},
			{"trace", with(func(q *executions.Query) { q.ID = "9e3779b1" }), executions.Page{Rows: 50}},
		} {
			b.Run(fmt.Sprintf("%d/%s", many, c.name), func(b *testing.B) {
				for b.Loop() {
					find(b, s, c.query, c.page)
				}
			})
		}
		closed(b, s)
	}
}
