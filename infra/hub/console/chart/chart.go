// Package chart draws the outcomes and delays of webhooks over time.
package chart

import (
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"commerce-segment/infra/hub/executions"
)

// The measures of the chart, in its own units. The page scales it.
const (
	chartWidth  = 760
	chartLeft   = 58              // where the bars begin; the numbers are left of it
	chartRight  = chartWidth - 16 // where the bars end; there is room for half a label
	countsTop   = 14
	countsHigh  = 130
	delaysTop   = countsTop + countsHigh + 40
	delaysHigh  = 80
	chartHeight = delaysTop + delaysHigh + 24
	leastHigh   = 1.5  // the smallest height of a bar, so that one of thousands is visible
	barShare    = 0.72 // the share of its room that a bar fills
	labelsAbout = 8    // about how many labels are below the chart
)

// layers are the parts of a bar, from the bottom: their titles, CSS classes and outcomes.
var layers = []layer{
	{"Delivered", "delivered", []executions.Outcome{executions.Delivered}},
	{"Skipped", "skipped", []executions.Outcome{executions.Skipped}},
	{"Retrying", "retrying", []executions.Outcome{executions.Accepted, executions.Retrying}},
	{"Dead letters", "failed", []executions.Outcome{executions.Failed}},
	{"Rejected", "rejected", []executions.Outcome{executions.Rejected}},
}

type layer struct {
	Title, Class string
	outcomes     []executions.Outcome
}

// Of returns the number of webhooks of a layer in a period.
func (l layer) Of(p executions.Period) int { return p.Count(l.outcomes...) }

// Chart is a picture of a summary: a bar for each part of the period, and below it the delays.
type Chart struct {
	Width, Height int
	Left, Right   int
	Layers        []layer
	Bars          []rect
	Labels        []label
	Rules         []rule
	Stacks        []stack // the bars of the counts alone
	Empty         bool
}

// stack is the bars of a part of the period, which link to its executions.
type stack struct {
	Title, Path string
	Bars        []rect
}

// CountsHeight is the height of the chart without the delays.
func (c Chart) CountsHeight() int { return delaysTop - 16 }

// CountRules are the lines behind the counts.
func (c Chart) CountRules() []rule { return c.Rules[len(c.Rules)-2:] }

// CountLabels are the labels below the chart without the delays.
func (c Chart) CountLabels() []label {
	labels := slices.Clone(c.Labels)
	for i := range labels {
		labels[i].Y = c.CountsHeight() - 6
	}
	return labels
}

type rect struct {
	X, Y, Width, Height float64
	Class, Title        string
}

type label struct {
	X    float64
	Y    int
	Text string
}

// rule is a horizontal line with a label.
type rule struct {
	Y    int
	Text string
}

// Draw draws the chart of a summary.
func Draw(s executions.Summary) Chart {
	c := Chart{Width: chartWidth, Height: chartHeight, Left: chartLeft, Right: chartRight, Layers: layers}
	most, longest := 0, executions.Milliseconds(0)
	for _, p := range s.Parts {
		most, longest = max(most, p.Came()), max(longest, p.P95)
	}
	c.Empty = most == 0
	room := float64(chartRight-chartLeft) / float64(max(len(s.Parts), 1))
	every := max((len(s.Parts)+labelsAbout-1)/labelsAbout, 1)
	for i, p := range s.Parts {
		x := chartLeft + room*float64(i) + room*(1-barShare)/2
		c.stack(p, s.Step, x, room*barShare, most)
		c.delays(p, x, room*barShare, longest)
		if i%every == 0 {
			c.Labels = append(c.Labels, label{x + room*barShare/2, chartHeight - 6, partName(p.Start, s.Step)})
		}
	}
	c.Rules = append(delayRules(longest), rule{countsTop, fmt.Sprint(most)}, rule{countsTop + countsHigh, "0"})
	return c
}

// delayRules returns the lines behind the delays: zero, the longest delay, and round values
// between them.
func delayRules(longest executions.Milliseconds) []rule {
	rules := []rule{{delaysTop, longest.String()}, {delaysTop + delaysHigh, "0"}}
	for _, unit := range []struct {
		ms   executions.Milliseconds
		text string
	}{{1000, "1 s"}, {60_000, "1 min"}, {3_600_000, "1 h"}, {86_400_000, "1 day"}} {
		if unit.ms*3 < longest {
			rules = append(rules, rule{delaysTop + delaysHigh - int(delayHeight(unit.ms, longest)), unit.text})
		}
	}
	return rules
}

// delayHeight returns the height of a delay's bar. The scale is logarithmic, so that one outage
// does not make all other delays invisible.
func delayHeight(delay, longest executions.Milliseconds) float64 {
	const shortest = 100 // milliseconds; shorter delays look almost the same
	scale := func(d executions.Milliseconds) float64 { return math.Log1p(float64(d) / shortest) }
	return max(delaysHigh*scale(delay)/scale(max(longest, 1)), leastHigh)
}

// stack draws the bar of a period.
func (c *Chart) stack(p executions.Period, step time.Duration, x, width float64, most int) {
	y := float64(countsTop + countsHigh)
	first := len(c.Bars)
	var says []string
	for _, l := range layers {
		n := l.Of(p)
		if n == 0 {
			continue
		}
		height := max(float64(countsHigh*n)/float64(most), leastHigh)
		says = append(says, fmt.Sprintf("%d %s", n, l.Title))
		y -= height
		c.Bars = append(c.Bars, rect{x, y, width, height, l.Class, fmt.Sprintf("%s: %d %s", p.Start.Format("2006-01-02 15:04"), n, l.Title)})
	}
	if len(says) > 0 {
		c.Stacks = append(c.Stacks, stack{
			Title: p.Start.Format("2006-01-02 15:04") + ": " + strings.Join(says, ", "),
			Path:  "/executions?" + url.Values{"from": {p.Start.Format(time.RFC3339)}, "to": {p.Start.Add(step).Format(time.RFC3339)}}.Encode(),
			Bars:  slices.Clone(c.Bars[first:]),
		})
	}
}

// delays draws the delays of a period: the bar of the 95th percentile, and the bar of the median
// in front of it.
func (c *Chart) delays(p executions.Period, x, width float64, longest executions.Milliseconds) {
	if !p.Measured() {
		return
	}
	title := fmt.Sprintf("%s: median delay %s, p95 %s", p.Start.Format("2006-01-02 15:04"), p.P50, p.P95)
	for _, d := range []struct {
		class string
		delay executions.Milliseconds
	}{{"p95", p.P95}, {"p50", p.P50}} {
		height := delayHeight(d.delay, longest)
		c.Bars = append(c.Bars, rect{x, float64(delaysTop+delaysHigh) - height, width, height, d.class, title})
	}
}

// partName returns the label of a part of the chart.
func partName(start time.Time, step time.Duration) string {
	if step < 24*time.Hour {
		return start.Format("15:04")
	}
	return start.Format("Jan 2")
}
