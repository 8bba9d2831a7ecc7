package console

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"commerce-segment/infra/hub/console/chart"
	"commerce-segment/infra/hub/deadletters"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/tracking"
)

const (
	// LinesPath is where the hub's commands read the log lines of this hub.
	LinesPath = "/executions/lines"
	// LinesCut is a header: true if older lines were dropped.
	LinesCut = "Lines-Cut"
)

// rowsAtMost is how many executions a page lists.
const rowsAtMost = 200

var errNoLog = errors.New("the log of webhooks is in the memory of the hub that receives them. Start it with hub run, and open its console")

// executionsData is the data of the page Executions.
type executionsData struct {
	Since     string
	Outcome   executions.Outcome
	Tracking  string
	Text      string
	Rows      []executions.Execution
	More      int       // how many older executions are not in Rows
	Cut       time.Time // the time before which nothing was read; zero if all was read
	Says      string
	Chart     chart.Chart
	Summary   executions.Summary
	Backlog   *deadletters.Backlog // the queues on AWS
	Outcomes  []executions.Outcome
	Trackings []tracking.Tracking
	Sinces    []sinceChoice
}

// sinceChoice is a choice of how far a page looks back.
type sinceChoice struct{ Value, Title string }

var sinceChoices = []sinceChoice{{"1h", "Last hour"}, {"24h", "Last 24 hours"}, {"7d", "Last 7 days"}, {"30d", "Last 30 days"}}

// executions lists the webhooks and their outcomes.
func (c *Console) executions(w http.ResponseWriter, r *http.Request) {
	data, q, since, err := readFilters(r)
	if err != nil {
		c.fail(w, r, http.StatusBadRequest, err)
		return
	}
	now := time.Now()
	found, cut, err := c.readLog(r, q, now, since)
	if err == nil && c.Store.Deployment != nil {
		var backlog deadletters.Backlog
		backlog, err = c.Store.Deployment.Backlog(r.Context())
		data.Backlog = &backlog
	}
	if err != nil {
		c.fail(w, r, statusOf(err), err)
		return
	}
	if cut && len(found) > 0 {
		data.Cut = found[len(found)-1].Received
	}
	filter := executions.Filter{Text: data.Text}
	if data.Outcome != "" {
		filter.Outcomes = []executions.Outcome{data.Outcome}
	}
	found = filter.Of(found)
	data.Summary = executions.Summarize(found, now.Add(-since), now)
	data.Chart = chart.Draw(data.Summary)
	data.Says = data.Summary.Says(executions.Lookback(since))
	data.Rows = found[:min(len(found), rowsAtMost)]
	data.More = len(found) - len(data.Rows)
	c.show(w, r, http.StatusOK, "executions", view{Title: "Executions", Path: "/executions", Data: data})
}

// statusOf returns the HTTP status for an error: 404 if there is no log, or no such version of
// a template.
func statusOf(err error) int {
	if errors.Is(err, errNoLog) || errors.Is(err, store.ErrNoVersion) {
		return http.StatusNotFound
	}
	return http.StatusBadGateway
}

// readFilters reads the filters of a request.
func readFilters(r *http.Request) (data executionsData, q executions.Query, since time.Duration, err error) {
	form := r.URL.Query()
	data = executionsData{
		Since: cmp.Or(form.Get("since"), "24h"), Outcome: executions.Outcome(form.Get("outcome")),
		Tracking: form.Get("tracking"), Text: strings.TrimSpace(form.Get("q")),
		Outcomes: executions.Outcomes, Trackings: tracking.All(),
	}
	data.Sinces = sinces(data.Since)
	if since, err = executions.ParseSince(data.Since); err != nil {
		return data, q, since, err
	}
	if data.Outcome != "" {
		if _, err = executions.ParseOutcomes([]string{string(data.Outcome)}); err != nil {
			return data, q, since, err
		}
	}
	if data.Tracking != "" {
		var t tracking.Tracking
		t, err = tracking.ByName(data.Tracking)
		q.Trackings = []tracking.Tracking{t}
	}
	return data, q, since, err
}

// sinces returns the choices of a page, including the chosen one.
func sinces(chosen string) []sinceChoice {
	if slices.ContainsFunc(sinceChoices, func(s sinceChoice) bool { return s.Value == chosen }) {
		return sinceChoices
	}
	return append([]sinceChoice{{chosen, "Last " + chosen}}, sinceChoices...)
}

// readLog reads the executions that match a query.
func (c *Console) readLog(r *http.Request, q executions.Query, now time.Time, since time.Duration) (found []executions.Execution, cut bool, err error) {
	log := c.log()
	if log == nil {
		return nil, false, errNoLog
	}
	q.Since = now.Add(-since)
	reading, err := log.Read(r.Context(), q)
	if err != nil {
		return nil, false, err
	}
	return executions.Of(reading.Lines, now), reading.Cut, nil
}

// log returns the log of the store's webhooks, or nil if there is none.
func (c *Console) log() executions.Log {
	switch {
	case c.Machine != nil:
		return c.Machine.Lines()
	case c.Store.Deployment != nil:
		return c.Store.Deployment.Logs()
	default:
		return nil
	}
}

// traceData is the data of the page of a trace.
type traceData struct {
	Query, Since string
	Sinces       []sinceChoice
	Story        *executions.Story // nil without a query
}

// trace shows what happened to one order or customer.
func (c *Console) trace(w http.ResponseWriter, r *http.Request) {
	form := r.URL.Query()
	data := traceData{Query: strings.TrimSpace(form.Get("q")), Since: cmp.Or(form.Get("since"), "7d")}
	data.Sinces = sinces(data.Since)
	since, err := executions.ParseSince(data.Since)
	if err != nil {
		c.fail(w, r, http.StatusBadRequest, err)
		return
	}
	if data.Query != "" {
		now := time.Now()
		found, _, err := c.readLog(r, executions.Query{Resource: data.Query}, now, since)
		if err != nil {
			c.fail(w, r, statusOf(err), err)
			return
		}
		search := executions.Search{Resource: data.Query, Since: since, Now: now, Store: c.Store.Named()}
		story := search.Tell(found)
		data.Story = &story
	}
	c.show(w, r, http.StatusOK, "trace", view{Title: "Trace of an order or customer", Path: "/executions", Data: data})
}

// lines sends the log lines to the hub's commands.
func (c *Console) lines(w http.ResponseWriter, _ *http.Request) {
	texts, cut := c.Machine.Lines().Texts()
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set(LinesCut, strconv.FormatBool(cut))
	for _, text := range texts {
		w.Write(text)
	}
}
