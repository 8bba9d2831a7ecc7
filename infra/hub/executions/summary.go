package executions

import (
	"cmp"
	"fmt"
	"maps"
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
	Step  time.Duration // of a part
	Kinds []KindCount   // by tracking, event, outcome and reason

	counts Counts
}

// KindCount is the number of executions of a kind, and when the last one was received.
type KindCount struct {
	Kind
	N    int
	Last time.Time
}

// Period counts the webhooks that were received within a period.
type Period struct {
	Start  time.Time
	Counts map[Outcome]int
	Timed  int          // how many have a delay
	P50    Milliseconds // the median of the delays
	P95    Milliseconds

	delays Delays
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
func (p Period) Measured() bool { return p.Timed > 0 }

// steps are the lengths of a part, each with the longest period that is shown in such parts.
// A longer period is shown by the day.
var steps = []struct{ step, upTo time.Duration }{
	{time.Minute, time.Hour + 2*time.Minute}, // the last hour, in whole minutes
	{5 * time.Minute, 6*time.Hour + 2*time.Minute},
	{time.Hour, 48*time.Hour + 2*time.Minute},
}

const day = 24 * time.Hour

// longestInParts is the longest period that has parts.
const longestInParts = 5 * 366 * day

// NewSummary returns the summary of the period between two times, without executions.
func NewSummary(from, to time.Time) Summary {
	s := Summary{Step: day, Total: newPeriod(from), counts: Counts{}}
	for _, each := range slices.Backward(steps) {
		if to.Sub(from) <= each.upTo {
			s.Step = each.step
		}
	}
	if to.Sub(from) > longestInParts {
		return s
	}
	for start := s.start(from); start.Before(to); start = s.next(start) {
		s.Parts = append(s.Parts, newPeriod(start))
	}
	return s
}

// Summarize returns the summary of the period between two times.
func Summarize(all []Execution, from, to time.Time) Summary {
	s := NewSummary(from, to)
	for _, e := range all {
		s.AddOne(e)
	}
	s.Conclude()
	return s
}

// AddOne counts an execution.
func (s *Summary) AddOne(e Execution) {
	s.add(s.Part(e.Received), e.Kind(), countOf(e))
}

// Add counts executions that were received in the part with this time.
func (s *Summary) Add(at time.Time, counts Counts) {
	i := s.Part(at)
	for kind, count := range counts {
		s.add(i, kind, count)
	}
}

// add counts executions that were received in the part with this index.
func (s *Summary) add(part int, k Kind, c Count) {
	s.counts.merge(k, c)
	s.Total.add(k, c)
	if part >= 0 {
		s.Parts[part].add(k, c)
	}
}

// Conclude computes what can only be known of all executions. Call it after the last Add.
func (s *Summary) Conclude() {
	for kind, count := range s.counts {
		s.Kinds = append(s.Kinds, KindCount{kind, count.N, count.Last})
	}
	slices.SortFunc(s.Kinds, func(a, b KindCount) int {
		return cmp.Or(cmp.Compare(a.Tracking, b.Tracking), cmp.Compare(a.Event, b.Event), cmp.Compare(a.Outcome, b.Outcome), cmp.Compare(a.Reason, b.Reason))
	})
	s.Total.conclude()
	for i := range s.Parts {
		s.Parts[i].conclude()
	}
}

// start returns the start of the part that contains t.
func (s Summary) start(t time.Time) time.Time {
	if s.Step < day {
		since := time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second + time.Duration(t.Nanosecond())
		return t.Add(-(since % s.Step))
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
	if s.Step < day {
		return start.Add(s.Step)
	}
	return startOfDay(noon(start, 1))
}

// Part returns the index of the part that contains t; -1 if t is before all of them.
func (s Summary) Part(t time.Time) int {
	i, found := slices.BinarySearchFunc(s.Parts, t, func(p Period, t time.Time) int { return p.Start.Compare(t) })
	if found {
		return i
	}
	return i - 1
}

func newPeriod(start time.Time) Period {
	return Period{Start: start, Counts: map[Outcome]int{}, delays: Delays{}}
}

func (p *Period) add(k Kind, c Count) {
	p.Counts[k.Outcome] += c.N
	p.delays.Add(c.Delays)
}

func (p *Period) conclude() {
	p.Timed, p.P50, p.P95 = p.delays.Len(), p.delays.percentile(50), p.delays.percentile(95)
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

// ByReason counts executions with an outcome by reason, without some reasons, as in "2
// message_invalid, 1 template". It is empty if there are none.
func ByReason(all []KindCount, outcome Outcome, without ...string) string {
	counts := map[string]int{}
	for _, kind := range all {
		if kind.Outcome == outcome && !slices.Contains(without, kind.Reason) {
			counts[kind.Reason] += kind.N
		}
	}
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[reason], reason))
	}
	return strings.Join(parts, ", ")
}
