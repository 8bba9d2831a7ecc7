package console

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"commerce-segment/infra/hub/console/chart"
	"commerce-segment/infra/hub/deadletters"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/order"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/tracking"
)

// rowsInPage is how many executions a page lists.
const rowsInPage = 50

var errNoLog = errors.New("what happened to webhooks is known by the hub that receives them. Start it with hub run, and open its console")

// executionsData is the data of the page Executions.
type executionsData struct {
	Query     executions.Query
	Since     string // as in the form
	From, To  string // as in the form, in the zone of this machine; both empty if Since is used
	Zone      string
	Outcome   executions.Outcome
	Tracking  string
	Filtered  bool // not only by time
	Found     executions.Found
	Says      string
	Chart     chart.Chart
	Backlog   *deadletters.Backlog // the queues on AWS
	Outcomes  []executions.Outcome
	Trackings []tracking.Tracking
	Events    []string
	Reasons   []string
	Sinces    []sinceChoice
	Older     string // the address of the next page; empty if this is the last one
	Newest    string // the address of the first page; empty if this is it
	Download  string // the address of the table
}

// HasNumbers reports whether an order on the page has a number.
func (d executionsData) HasNumbers() bool {
	return slices.ContainsFunc(d.Found.Rows, func(e executions.Execution) bool { return e.Number != "" })
}

// HasTotals reports whether the total of an order on the page is known.
func (d executionsData) HasTotals() bool {
	return slices.ContainsFunc(d.Found.Rows, func(e executions.Execution) bool { return e.Total != "" })
}

// sinceChoice is a choice of how far a page looks back.
type sinceChoice struct{ Value, Title string }

var sinceChoices = []sinceChoice{{"1h", "Last hour"}, {"6h", "Last 6 hours"}, {"24h", "Last 24 hours"}, {"7d", "Last 7 days"}, {"30d", "Last 30 days"}}

// The names of a page's fields in an address, in addition to those of its query.
const (
	fieldSince   = "since"
	FieldAfter   = "after"
	FieldRows    = "rows"
	FieldSummary = "summary"
)

// readQuery reads the query of a request, for the last day unless it has a period.
func readQuery(r *http.Request, now time.Time) (values url.Values, q executions.Query, err error) {
	values = r.URL.Query()
	values.Set(fieldSince, cmp.Or(values.Get(fieldSince), "24h"))
	q, err = executions.ParseQuery(values, now)
	return values, q, err
}

// executions lists the webhooks and their outcomes.
func (c *Console) executions(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	values, q, err := readQuery(r, now)
	if err != nil {
		c.fail(w, r, http.StatusBadRequest, err)
		return
	}
	log := c.log()
	if log == nil {
		c.fail(w, r, http.StatusNotFound, errNoLog)
		return
	}
	data := c.newExecutionsData(values, q)
	data.Found, err = log.Find(r.Context(), q, executions.Page{Rows: rowsInPage, After: values.Get(FieldAfter), Summary: true})
	if err == nil && c.Store.Deployment != nil {
		var backlog deadletters.Backlog
		backlog, err = c.Store.Deployment.Backlog(r.Context())
		data.Backlog = &backlog
	}
	if err != nil {
		c.fail(w, r, statusOf(err), err)
		return
	}
	data.addFound(values, now)
	c.show(w, r, http.StatusOK, "executions", view{Title: "Executions", Path: "/executions", Data: data})
}

// newExecutionsData returns the data of a page before its query was asked.
func (c *Console) newExecutionsData(values url.Values, q executions.Query) executionsData {
	data := executionsData{
		Query: q, Since: values.Get(fieldSince), Outcomes: executions.Outcomes, Trackings: c.Store.Trackings(), Zone: zone(q.From),
		Tracking: values.Get("tracking"), Outcome: executions.Outcome(values.Get("outcome")),
		Filtered: len(q.Outcomes)+len(q.Trackings) > 0 || q.Event+q.Reason+q.Text+q.ID != "",
	}
	for _, name := range []string{"from", "to"} {
		if values.Get(name) != "" {
			data.From = q.From.Local().Format(executions.MomentFormat)
			data.To = cmp.Or(values.Get("to"), data.To)
		}
	}
	if data.To != "" {
		data.To = q.To.Local().Format(executions.MomentFormat)
	}
	data.Sinces = sinces(data.Since)
	return data
}

// addFound adds what the query found.
func (d *executionsData) addFound(values url.Values, now time.Time) {
	d.Chart = chart.Draw(d.Found.Summary)
	period := executions.Between(d.Query.From, d.Query.To)
	if d.From == "" {
		length, _ := executions.ParseSince(d.Since) // valid: readQuery parsed it
		period = executions.Lookback(length)
	}
	d.Says = d.Found.Summary.Says(period)
	if d.Filtered {
		d.Says += fmt.Sprintf(" The filters select %d of %d.", d.Found.Summary.Total.Came(), d.Found.All)
	}
	for _, kind := range d.Found.Summary.Kinds {
		d.Events, d.Reasons = append(d.Events, kind.Event), append(d.Reasons, kind.Reason)
	}
	d.Events, d.Reasons = eachOnce(d.Events), eachOnce(d.Reasons)
	shown := values.Get(FieldAfter)
	values.Del(FieldAfter)
	d.Download = "./executions.csv?" + values.Encode()
	if shown != "" {
		d.Newest = "./executions?" + values.Encode()
	}
	if d.Found.Next != "" {
		values.Set(FieldAfter, d.Found.Next)
		d.Older = "./executions?" + values.Encode()
	}
}

// eachOnce returns the values that are not empty, without repetition, sorted.
func eachOnce(values []string) []string {
	slices.Sort(values)
	return slices.DeleteFunc(slices.Compact(values), func(value string) bool { return value == "" })
}

// zone returns the name of this machine's time zone at a time.
func zone(at time.Time) string { return at.Local().Format("MST") }

// statusOf returns the HTTP status for an error: 404 if there is no such version of a template.
func statusOf(err error) int {
	switch {
	case errors.Is(err, store.ErrNoVersion):
		return http.StatusNotFound
	case errors.Is(err, executions.ErrPosition):
		return http.StatusBadRequest
	default:
		return http.StatusBadGateway
	}
}

// sinces returns the choices of a page, including the chosen one.
func sinces(chosen string) []sinceChoice {
	if slices.ContainsFunc(sinceChoices, func(s sinceChoice) bool { return s.Value == chosen }) {
		return sinceChoices
	}
	return append([]sinceChoice{{chosen, "Last " + chosen}}, sinceChoices...)
}

// log returns the log of the store's webhooks, or nil if there is none.
func (c *Console) log() executions.Log {
	switch {
	case c.Machine != nil:
		return c.Machine.Executions()
	case c.Store.Deployment != nil:
		return c.Store.Deployment.Logs()
	default:
		return nil
	}
}

// downloadExecutions sends the selected executions as a table.
func (c *Console) downloadExecutions(w http.ResponseWriter, r *http.Request) {
	_, q, err := readQuery(r, time.Now())
	if err != nil {
		c.fail(w, r, http.StatusBadRequest, err)
		return
	}
	log := c.log()
	if log == nil {
		c.fail(w, r, http.StatusNotFound, errNoLog)
		return
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="executions.csv"`)
	if err := executions.WriteCSV(w, withTime(w, log.All(r.Context(), q))); err != nil {
		c.Log.Warn("the table of executions could not be sent completely", "detail", err.Error())
		panic(http.ErrAbortHandler) // so that the browser shows that the file is not complete
	}
}

// readRowWithin is how long a browser may take to read one execution.
const readRowWithin = time.Minute

// withTime returns executions for an answer, and gives the browser time to read each of them.
// Otherwise the whole answer would have to be read within the server's WriteTimeout.
func withTime(w http.ResponseWriter, all iter.Seq2[executions.Execution, error]) iter.Seq2[executions.Execution, error] {
	answer := http.NewResponseController(w)
	return func(yield func(executions.Execution, error) bool) {
		for e, err := range all {
			if !yield(e, errors.Join(err, answer.SetWriteDeadline(time.Now().Add(readRowWithin)))) {
				return
			}
		}
	}
}

// ExecutionsPath is where the hub's commands read the executions of this hub.
const ExecutionsPath = "/executions/page"

// sendExecutions sends a page of executions to the hub's commands.
func (c *Console) sendExecutions(w http.ResponseWriter, r *http.Request) {
	values := r.URL.Query()
	q, err := executions.ParseQuery(values, time.Now())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	page := executions.Page{After: values.Get(FieldAfter), Summary: values.Get(FieldSummary) == "true"}
	if page.Rows, err = strconv.Atoi(values.Get(FieldRows)); err != nil {
		http.Error(w, "rows is not a number", http.StatusBadRequest)
		return
	}
	found, err := c.log().Find(r.Context(), q, page)
	if err != nil {
		http.Error(w, err.Error(), statusOf(err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(found); err != nil {
		c.Log.Warn("a page of executions could not be sent", "detail", err.Error())
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
	log := c.log()
	if data.Query != "" && log == nil {
		c.fail(w, r, http.StatusNotFound, errNoLog)
		return
	}
	if data.Query != "" {
		search := executions.Search{Resource: data.Query, Since: since, Now: time.Now(), Store: c.Store.Named()}
		story, err := order.Trace(r.Context(), c.Store, c.inboxURL(), log, search)
		if err != nil {
			c.fail(w, r, statusOf(err), err)
			return
		}
		data.Story = &story
	}
	c.show(w, r, http.StatusOK, "trace", view{Title: "Find an order or a customer", Path: "/trace", Data: data})
}
