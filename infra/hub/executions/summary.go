package executions

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"commerce-segment/infra/hub/words"
)

// Summary summarizes a period: how many webhooks were received in each part of it, their
// outcomes, and how long the deliveries took.
type Summary struct {
	Total Period
	Parts []Period      // oldest first
	Step  time.Duration // an hour, or a day if the period is long
}

// Period counts the webhooks that were received within a period.
type Period struct {
	Start  time.Time
	Counts map[Outcome]int
	P50    Milliseconds // the median of the delays
	P95    Milliseconds

	delays []Milliseconds
}

// Count returns the number of webhooks with one of these outcomes.
func (p Period) Count(outcomes ...Outcome) (total int) {
	for _, o := range outcomes {
		total += p.Counts[o]
	}
	return total
}

// Taken returns the number of webhooks that were answered 202.
func (p Period) Taken() int { return p.Came() - p.Counts[Rejected] }

// Came returns the number of webhooks.
func (p Period) Came() int { return p.Count(Outcomes...) }

// Measured reports whether there are delays.
func (p Period) Measured() bool { return len(p.delays) > 0 }

// hoursUpTo is the longest period that is shown by the hour.
const hoursUpTo = 48 * time.Hour

// Summarize returns the summary of the period between two times.
func Summarize(all []Execution, from, to time.Time) Summary {
	s := Summary{Step: time.Hour, Total: newPeriod(from)}
	if to.Sub(from) > hoursUpTo {
		s.Step = 24 * time.Hour
	}
	for start := s.start(from); !start.After(to); start = s.next(start) {
		s.Parts = append(s.Parts, newPeriod(start))
	}
	for _, e := range all {
		s.Total.add(e)
		if i := s.part(e.Received); i >= 0 {
			s.Parts[i].add(e)
		}
	}
	s.Total.conclude()
	for i := range s.Parts {
		s.Parts[i].conclude()
	}
	return s
}

// start returns the start of the part that contains t.
func (s Summary) start(t time.Time) time.Time {
	if s.Step == time.Hour {
		return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), 0, 0, 0, t.Location())
	}
	return startOfDay(noon(t, 0))
}

// noon returns noon of the day that is a number of days after a moment. Clocks change
// at night.
func noon(t time.Time, after int) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day()+after, 12, 0, 0, 0, t.Location())
}

// startOfDay returns the first minute of the day of a noon. It is not midnight if
// clocks skip midnight on that day.
func startOfDay(noon time.Time) time.Time {
	before := sort.Search(24*60, func(minutes int) bool {
		return noon.Add(-time.Duration(minutes+1)*time.Minute).Day() != noon.Day()
	})
	return noon.Add(-time.Duration(before) * time.Minute)
}

// next returns the start of the next part. A day may not have 24 hours.
func (s Summary) next(start time.Time) time.Time {
	if s.Step == time.Hour {
		return start.Add(time.Hour)
	}
	return startOfDay(noon(start, 1))
}

// part returns the index of the part that contains t; -1 if t is before all of them, as for
// a webhook that was received earlier and retried in the period.
func (s Summary) part(t time.Time) int {
	i, found := slices.BinarySearchFunc(s.Parts, t, func(p Period, t time.Time) int { return p.Start.Compare(t) })
	if found {
		return i
	}
	return i - 1
}

func newPeriod(start time.Time) Period { return Period{Start: start, Counts: map[Outcome]int{}} }

func (p *Period) add(e Execution) {
	p.Counts[e.Outcome]++
	if e.Delay != nil {
		p.delays = append(p.delays, *e.Delay)
	}
}

func (p *Period) conclude() {
	slices.Sort(p.delays)
	p.P50, p.P95 = p.percentile(50), p.percentile(95)
}

// percentile returns the delay that this percentage of the delays does not exceed; 0 if
// there are none.
func (p *Period) percentile(percent int) Milliseconds {
	if len(p.delays) == 0 {
		return 0
	}
	rank := (len(p.delays)*percent + 99) / 100
	return p.delays[rank-1]
}

// Says describes the whole period in a few sentences.
func (s Summary) Says(lookback string) string {
	t := s.Total
	if t.Came() == 0 {
		return fmt.Sprintf("No webhooks in %s.", lookback)
	}
	text := fmt.Sprintf("%s in %s", words.Count(t.Came(), "webhook"), lookback)
	var parts []string
	for _, o := range Outcomes {
		if n := t.Count(o); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, o))
		}
	}
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, ", ")
	}
	text += "."
	if t.Measured() {
		text += fmt.Sprintf(" Event-to-Segment time: median %s, 95 %% within %s.", t.P50, t.P95)
	}
	return text
}
