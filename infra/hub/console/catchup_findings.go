package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"commerce-segment/infra/hub/backfill"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/tracking"
)

// catchUpJob is the reading and sending of past events, and the result of the last job.
type catchUpJob struct {
	jobs
	found finding
}

// finding is the result of a job. It is shown until the next job begins.
type finding struct {
	ID     string // the page's buttons send it, so that the user sends only what the page showed
	Plan   *planned
	Gaps   *compared
	Notice string
	Unsent unsent
	Alert  string
}

// Ended reports whether there is a notice or an alert about a job that has ended.
func (f finding) Ended() bool { return f.Notice != "" || f.Alert != "" }

// failed returns the result of a job that was stopped or failed. Progress describes what was
// done until then.
func failed(ctx context.Context, err error, progress string) finding {
	if ctx.Err() != nil {
		return finding{Notice: strings.TrimSpace("Stopped. " + progress)}
	}
	return finding{Alert: strings.TrimSpace(err.Error() + "\n" + progress)}
}

// begin starts a job unless one is running, and waits a moment for its end.
func (c *catchUpJob) begin(ctx context.Context, j job, run func(ctx context.Context, at func(done int)) finding) (begun bool) {
	return c.jobs.begin(ctx, j, func(ctx context.Context, at func(int)) func() {
		c.forget()
		found := run(ctx, at)
		found.ID = strconv.FormatInt(time.Now().UnixNano(), 36)
		return func() { c.found = found }
	})
}

// last returns the result of the last job.
func (c *catchUpJob) last() finding {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.found
}

// take returns and removes the result of the last job if it has that ID.
func (c *catchUpJob) take(id string) (found finding, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.found.ID == "" || c.found.ID != id {
		return finding{}, false
	}
	found, c.found = c.found, finding{}
	return found, true
}

// forget removes the result of the last job.
func (c *catchUpJob) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found = finding{}
}

// namedAtMost is how many missing or rejected events a page lists.
const namedAtMost = 20

// stoppedBackfill is a backfill that was stopped.
type stoppedBackfill struct{ *backfill.Position }

// ID returns the name of its file.
func (s stoppedBackfill) ID() string { return filepath.Base(s.File()) }

// Progress describes how much of it was sent.
func (s stoppedBackfill) Progress() string {
	return fmt.Sprintf("%d of %d events sent, for %s created from %s until %s", s.Sent, s.Events, s.Kind, words.Moment(s.Since), words.Moment(s.Until))
}

// planned is a backfill before it is sent.
type planned struct {
	backfill.Plan
	opened       store.Backfill
	form         catchUpForm
	Since, Until time.Time
	LogBegins    time.Time // when the records of webhooks begin
}

// Again reports whether what was sent before is sent again.
func (p planned) Again() bool { return p.opened.Again() }

// Cut reports whether the records of webhooks begin later than the period.
func (p planned) Cut() bool { return p.LogBegins.After(p.Since) }

func (p planned) Kind() backfill.Kind { return p.form.Kind }

func (p planned) Destination() string { return p.opened.Destination }

func (p planned) To() []string { return p.form.integrations() }

// Takes describes the estimated time of the backfill.
func (p planned) Takes() string {
	return words.Age(max(p.Plan.Takes(backfill.DefaultRate), time.Second))
}

// Rows returns the trackings that have events to send.
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

// Shown returns a sample of each tracking, without personal values.
func (p planned) Shown() (all []shown) {
	for _, sample := range p.Samples {
		var text bytes.Buffer
		_ = json.Indent(&text, sample.JSON, "", "  ") // it was made from JSON
		all = append(all, shown{titleOf(sample.Tracking), text.String()})
	}
	return all
}

// Unsent returns the events that Segment would drop.
func (p planned) Unsent() unsent { return unsent{p.Rejections, p.Rejected} }

// counted is the number of events of a tracking.
type counted struct {
	Title string
	Count int
}

// unsent is the events that were not sent. First has some of them.
type unsent struct {
	First []backfill.Rejection
	Count int
}

// More returns how many are not in First.
func (u unsent) More() int { return u.Count - len(u.First) }

// compared is the comparison of Commerce with the deliveries.
type compared struct {
	*backfill.Comparison
	opened      store.Backfill
	form        catchUpForm
	wantedSince time.Time // the time in the form
	Losses      []store.Loss
}

func (c compared) Destination() string { return c.opened.Destination }

// Cut reports whether the records of webhooks begin later than the wanted time.
func (c compared) Cut() bool { return c.Since.After(c.wantedSince) }

// outcomeRow is the result for one tracking.
type outcomeRow struct {
	Title string
	*backfill.OutcomeCounts
}

// cell is a number with the title of its column.
type cell struct {
	Title string
	Count int
	Bad   bool
}

// Cells returns the numbers of a row, in the order of the columns.
func (t outcomeRow) Cells() []cell {
	return []cell{
		{"Missing", t.Missing, t.Missing > 0}, {"Delivered", t.Delivered, false}, {"Backfilled", t.SentFromHere, false}, {"Retrying", t.Pending, false},
		{"Skipped", t.Skipped + t.Filtered, false}, {"Dead letters", t.DeadLettered, false}, {"Unknown", t.Unclear, false},
	}
}

// Rows returns the results by tracking.
func (c compared) Rows() (rows []outcomeRow) {
	for _, name := range c.opened.Sender.Trackings() {
		rows = append(rows, outcomeRow{titleOf(name), c.Outcomes[name]})
	}
	return rows
}

// Rejected counts the events that cannot be sent: the templates write messages that Segment
// would drop.
func (c compared) Rejected() (total int) {
	for _, counts := range c.Outcomes {
		total += counts.Rejected
	}
	return total
}

// Named returns the missing events that the page lists.
func (c compared) Named() []backfill.Missing { return c.Missing[:min(len(c.Missing), namedAtMost)] }

// More returns how many missing events the page does not list.
func (c compared) More() int { return len(c.Missing) - len(c.Named()) }

// titleOf returns the title of the tracking with that name.
func titleOf(name string) string {
	t, err := tracking.ByName(name)
	if err != nil {
		return name
	}
	return t.Title
}
