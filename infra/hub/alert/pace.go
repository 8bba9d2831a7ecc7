package alert

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"commerce-segment/infra/hub/health"
)

const (
	// degradedFor is how long a store must be degraded before an alert: many problems end
	// without an operator. A broken store causes an alert at once.
	degradedFor = 5 * time.Minute
	// atMostEvery is the least time between two alerts about the same problem.
	atMostEvery = time.Hour
)

// Message is an alert.
type Message struct{ Title, Text string }

// Pace decides when an alert is sent. It remembers the problems that it was shown.
type Pace struct {
	// Console is the address of the console.
	Console string

	seen map[string]*seen // by the key of the problem
	over []string         // what the problems say that caused an alert and are over
}

// seen is what is known of a problem.
type seen struct {
	since time.Time    // when it was first seen; zero if it is over
	sent  time.Time    // when the last alert about it was sent
	as    health.State // the state in that alert; empty if it is over
	says  string       // in that alert
}

// Next returns the message that is due, if one is. A problem causes an alert if it is new or
// became worse, but the same problem at most once an hour. When a problem that caused an alert
// is over, one message says so.
func (p *Pace) Next(j health.Judgement) (Message, bool) {
	if p.seen == nil {
		p.seen = map[string]*seen{}
	}
	var due []health.Problem
	now := map[string]bool{}
	for _, problem := range j.Problems {
		if problem.State == health.Working || now[problem.Key] {
			continue
		}
		now[problem.Key] = true
		s := p.seen[problem.Key]
		if s == nil {
			s = &seen{}
			p.seen[problem.Key] = s
		}
		if s.since.IsZero() {
			s.since = j.At
		}
		if s.due(problem.State, j.At) {
			s.as, s.sent, s.says = problem.State, j.At, problem.Says
			if problem.Since.IsZero() {
				problem.Since = s.since
			}
			due = append(due, problem)
		}
	}
	p.end(now, j.At)
	switch {
	case len(due) > 0:
		return p.trouble(j, due), true
	case len(p.over) > 0:
		return p.worksAgain(j), true
	default:
		return Message{}, false
	}
}

// due reports whether a problem causes an alert now.
func (s *seen) due(state health.State, now time.Time) bool {
	switch {
	case state == health.Degraded && now.Sub(s.since) < degradedFor:
		return false
	case s.as != "":
		return state.Worse(s.as)
	default:
		return s.sent.IsZero() || now.Sub(s.sent) >= atMostEvery
	}
}

// end notes which problems are over, and forgets those of which the last alert is old.
func (p *Pace) end(now map[string]bool, at time.Time) {
	for key, s := range p.seen {
		if now[key] {
			continue
		}
		if s.as != "" {
			p.over = append(p.over, s.says)
		}
		s.since, s.as = time.Time{}, ""
		if at.Sub(s.sent) >= atMostEvery {
			delete(p.seen, key)
		}
	}
}

// trouble returns the message about problems.
func (p *Pace) trouble(j health.Judgement, due []health.Problem) Message {
	var text []string
	for _, problem := range due {
		text = append(text, oneLine(problem.Says+" "+problem.Do), "Since: "+problem.Since.UTC().Format("2006-01-02 15:04 UTC"))
		if problem.Run != "" {
			text = append(text, "Run: "+problem.Run)
		}
		if problem.Path != "" {
			text = append(text, problem.Page+": "+p.Console+problem.Path)
		}
	}
	return Message{"commerce-segment is " + string(j.State), strings.Join(append(text, "Overview: "+p.Console+"/"), "\n")}
}

// worksAgain returns the message that problems are over.
func (p *Pace) worksAgain(j health.Judgement) Message {
	m := Message{Title: "commerce-segment works again"}
	if j.State != health.Working {
		m.Title = "commerce-segment: a problem is over, another one is left"
	}
	slices.Sort(p.over)
	for _, says := range p.over {
		m.Text += "This is over: " + oneLine(says) + "\n"
	}
	if j.Waiting > 0 {
		m.Text += fmt.Sprintf("Events that are queued or retried: %d.\n", j.Waiting)
	}
	m.Text += "Overview: " + p.Console + "/"
	p.over = nil
	return m
}

// oneLine returns a text as one line.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
