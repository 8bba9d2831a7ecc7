package console

import (
	"bytes"
	"commerce-segment/infra/hub/backfill"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/tracking"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// catchUpJob is the reading and sending of past events, and the result of the last job.
type catchUpJob struct {
	jobs
	found finding
}

// finding is what a job has come to. It is shown until the next one begins.
type finding struct {
	ID     string // which a button names, so that nobody sends what he has not seen
	Plan   *planned
	Gaps   *compared
	Says   string
	Unsent refusals
	Alert  string
}

// Ended says that there is something to say of a job that has ended.
func (f finding) Ended() bool { return f.Says != "" || f.Alert != "" }

// failed is what there is to say of a job that has ended early.
func failed(ctx context.Context, err error, so string) finding {
	if ctx.Err() != nil {
		return finding{Says: strings.TrimSpace("Stopped. " + so)}
	}
	return finding{Alert: strings.TrimSpace(err.Error() + "\n" + so)}
}

// begin starts a job unless one is underway, and waits a moment for its end.
func (c *catchUpJob) begin(ctx context.Context, j job, run func(ctx context.Context, at func(done int)) finding) (begun bool) {
	return c.jobs.begin(ctx, j, func(ctx context.Context, at func(int)) func() {
		c.forget()
		found := run(ctx, at)
		found.ID = strconv.FormatInt(time.Now().UnixNano(), 36)
		return func() { c.found = found }
	})
}

// last is what the last job has come to.
func (c *catchUpJob) last() finding {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.found
}

// take gives what the last job has come to, once, to whoever names it.
func (c *catchUpJob) take(id string) (found finding, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.found.ID == "" || c.found.ID != id {
		return finding{}, false
	}
	found, c.found = c.found, finding{}
	return found, true
}

// forget forgets what the last job has come to.
func (c *catchUpJob) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found = finding{}
}

// namedAtMost bounds how many missing facts, or refused ones, a page names.
const namedAtMost = 20

// left is a backfill that was stopped.
type left struct{ *backfill.Position }

// ID names it.
func (l left) ID() string { return filepath.Base(l.File()) }

// Says is how far it had come.
func (l left) Says() string {
	return fmt.Sprintf("%d of %d events are sent, of %s that were created from %s until %s", l.Sent, l.Events, l.Kind, backfill.Moment(l.Since), backfill.Moment(l.Until))
}

// planned is a backfill before it is sent.
type planned struct {
	backfill.Plan
	opened       store.Backfill
	form         catchUpForm
	Since, Until time.Time
}

func (p planned) Kind() backfill.Kind { return p.form.Kind }

func (p planned) Destination() string { return p.opened.Destination }

func (p planned) To() []string { return p.form.integrations() }

func (p planned) Takes() string {
	return words.Age(max(p.Plan.Takes(backfill.DefaultRate), time.Second))
}

// Rows are the trackings of which there is something to send.
func (p planned) Rows() (rows []counted) {
	for _, name := range backfill.Trackings(p.form.Kind) {
		if n := p.Events[name]; n > 0 {
			rows = append(rows, counted{titleOf(name), n})
		}
	}
	return rows
}

// shown is a sample as the page shows it.
type shown struct{ Title, Text string }

// Shown is a sample of each tracking, without what may be personal.
func (p planned) Shown() (all []shown) {
	for _, sample := range p.Samples {
		var text bytes.Buffer
		_ = json.Indent(&text, sample.JSON, "", "  ") // it was made from JSON
		all = append(all, shown{titleOf(sample.Tracking), text.String()})
	}
	return all
}

// Unsent are the facts that Segment would drop.
func (p planned) Unsent() refusals { return refusals{p.Refusals, p.Rejected} }

// counted is how many there are of a tracking.
type counted struct {
	Title string
	Count int
}

// refusals are the first of the facts that were not sent.
type refusals struct {
	First []backfill.Refusal
	Count int
}

// More is how many are not named.
func (r refusals) More() int { return r.Count - len(r.First) }

// compared is what Commerce has beside what was delivered.
type compared struct {
	*backfill.Comparison
	opened store.Backfill
	form   catchUpForm
	asked  time.Time // since when it should have been compared
	Losses []store.Loss
}

func (c compared) Destination() string { return c.opened.Destination }

// Cut says that what is known does not go back as far as was asked.
func (c compared) Cut() bool { return c.Since.After(c.asked) }

// tallied is how a tracking compares.
type tallied struct {
	Title string
	*backfill.Tally
}

// cell is a figure below the title of its column.
type cell struct {
	Title string
	Count int
	Bad   bool
}

// Cells are the figures of a row, in the order of the columns.
func (t tallied) Cells() []cell {
	return []cell{
		{"Missing", t.Missing, t.Missing > 0}, {"Delivered", t.Delivered, false}, {"Sent from here", t.SentFromHere, false}, {"Waiting", t.Pending, false},
		{"Skipped", t.Skipped + t.Filtered, false}, {"Dead letters", t.DeadLettered, false}, {"Unclear", t.Unclear, false},
	}
}

func (c compared) Rows() (rows []tallied) {
	for _, name := range c.opened.Trackings() {
		rows = append(rows, tallied{titleOf(name), c.Tallies[name]})
	}
	return rows
}

// Refused counts what cannot be sent: of it the templates make what Segment would drop.
func (c compared) Rejected() (total int) {
	for _, tally := range c.Tallies {
		total += tally.Rejected
	}
	return total
}

// Named are the first of what is missing.
func (c compared) Named() []backfill.Missing { return c.Missing[:min(len(c.Missing), namedAtMost)] }

// More is how many are not named.
func (c compared) More() int { return len(c.Missing) - len(c.Named()) }

func titleOf(name string) string {
	t, err := tracking.ByName(name)
	if err != nil {
		return name
	}
	return t.Title
}
