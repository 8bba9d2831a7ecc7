package alert

import (
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/health"
)

// start is minute 0 of the tests.
var start = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

// judged returns a judgement in a minute.
func judged(minute int, problems ...health.Problem) health.Judgement {
	j := health.Judgement{State: health.Working, At: start.Add(time.Duration(minute) * time.Minute), Problems: problems}
	for _, p := range problems {
		if p.State.Worse(j.State) {
			j.State = p.State
		}
	}
	return j
}

var (
	degraded = health.Problem{Key: "segment", State: health.Degraded, Says: "Segment fails.", Do: "Wait.", Run: "hub status", Path: "/executions", Page: "Executions"}
	broken   = health.Problem{Key: "template/x", State: health.Broken, Says: "The template fails."}
)

func TestPace(t *testing.T) {
	note := health.Problem{Key: "disabled", State: health.Working, Says: "x"}
	worse := degraded
	worse.State = health.Broken
	type step struct {
		minute   int
		problems []health.Problem
		says     string // in the title or the text of the message; empty if there is none
	}
	only := func(p ...health.Problem) []health.Problem { return p }
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"a store that works", []step{{0, nil, ""}, {60, only(note), ""}}},
		{"a broken store", []step{{0, only(broken), "commerce-segment is broken"}, {1, only(broken), ""}, {300, only(broken), ""}, {301, nil, "works again\nThis is over: The template fails."}, {302, nil, ""}}},
		{"a short outage", []step{{0, only(degraded), ""}, {4, only(degraded), ""}, {5, nil, ""}}},
		{"a long outage", []step{{0, only(degraded), ""}, {5, only(degraded), "Segment fails. Wait.\nSince: 2026-11-24 10:00 UTC\nRun: hub status\nExecutions: http://hub/executions\nOverview: http://hub/"}, {6, only(degraded), ""}, {9, nil, "works again"}}},
		{"two short outages", []step{{0, only(degraded), ""}, {3, nil, ""}, {4, only(degraded), ""}, {8, only(degraded), ""}, {9, only(degraded), "Segment fails"}}},
		{"it becomes worse", []step{{0, only(degraded), ""}, {5, only(degraded), "degraded"}, {6, only(worse), "broken"}, {7, only(degraded), ""}, {8, only(worse), ""}, {9, nil, "works again"}}},
		{"a second problem", []step{{0, only(broken), "broken"}, {1, only(broken, degraded), ""}, {6, only(broken, degraded), "Segment fails"}, {7, only(degraded), "a problem is over, another one is left\nThis is over: The template fails."}, {8, nil, "works again\nThis is over: Segment fails."}}},
		{"a second problem comes as the first one ends", []step{{0, only(degraded), ""}, {5, only(degraded), "degraded"}, {6, only(broken), "broken"}, {7, only(broken), "This is over: Segment fails."}, {8, only(broken), ""}}},
		{"the same problem again within the hour, and after it", []step{{0, only(broken), "broken"}, {1, nil, "again"}, {2, only(broken), ""}, {3, nil, ""}, {61, only(broken), "broken"}}},
		{"the same problem again, beyond the hour", []step{{0, only(broken), "broken"}, {1, nil, "again"}, {2, only(broken), ""}, {59, only(broken), ""}, {60, only(broken), "broken"}, {61, nil, "again"}}},
		{"a problem that comes back while another one lasts", []step{{0, only(broken, worse), "broken"}, {1, only(broken), "over"}, {90, only(broken, worse), "Segment fails"}, {91, only(broken), "over"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := Pace{Console: "http://hub"}
			for _, s := range c.steps {
				m, due := p.Next(judged(s.minute, s.problems...))
				if got := m.Title + "\n" + m.Text; due != (s.says != "") || !strings.Contains(got, s.says) {
					t.Errorf("in minute %d it sends %q, want %q", s.minute, got, s.says)
				}
			}
		})
	}
}

// The memory of the pace must not grow with the keys of problems that are over.
func TestPaceForgets(t *testing.T) {
	var p Pace
	p.Next(judged(0, degraded, broken))
	p.Next(judged(1))
	p.Next(judged(61))
	if len(p.seen) != 0 {
		t.Errorf("it remembers %d problems that are over", len(p.seen))
	}
}
