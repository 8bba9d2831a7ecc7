package console

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"commerce-segment/infra/hub/deadletters"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/queue"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/tracking"
)

// RetryingPath is where the hub's commands read the retrying events of a tracking, and attempt
// them now. The name of the tracking follows.
const RetryingPath = "/deadletters/retrying/"

// Retried is the response of a POST request to RetryingPath.
type Retried struct {
	Retried int `json:"retried"`
}

// pageRows is how many events a page lists.
const pageRows = 50

// addRetrying adds why the events on the queues of this machine are retried, and when.
func (c *Console) addRetrying(all []queuedEvents) error {
	for i := range all {
		q := &all[i]
		retried := 0
		err := c.Machine.Queue(q.Tracking).EachWaiting(func(w queue.Waiting) {
			retried++
			at := slices.IndexFunc(q.Reasons, func(r retryReason) bool { return r.Reason == w.Reason })
			if at < 0 {
				at = len(q.Reasons)
				q.Reasons = append(q.Reasons, retryReason{
					Wait: executions.Wait{Tracking: q.Tracking.Name, Reason: w.Reason}, Do: c.Store.Named().Fix(w.Reason), Next: w.Next,
				})
			}
			q.Reasons[at].Count++
			if w.Next.Before(q.Reasons[at].Next) {
				q.Reasons[at].Next = w.Next
			}
		})
		if err != nil {
			return err
		}
		if others := q.Count - retried; others > 0 {
			q.Reasons = append(q.Reasons, retryReason{Wait: executions.Wait{Tracking: q.Tracking.Name, Count: others}})
		}
	}
	return nil
}

// retryingData is the data of the page of the retrying events.
type retryingData struct {
	Tracking string
	Reason   string
	Rows     []retryingRow
	Page     pageOf
}

// retryingRow is an event in the list.
type retryingRow struct {
	Tracking tracking.Tracking
	queue.Waiting
}

// Value identifies the event in a form.
func (r retryingRow) Value() string { return r.Tracking.Name + ":" + r.ID }

// retrying lists the events that are retried, with a button that attempts them now.
func (c *Console) retrying(w http.ResponseWriter, r *http.Request) {
	form := r.URL.Query()
	data := retryingData{Tracking: form.Get("tracking"), Reason: form.Get("reason")}
	_, count, err := c.retryingRows(data.Tracking, data.Reason, 0)
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	data.Page = paginate(r.URL, count)
	rows, _, err := c.retryingRows(data.Tracking, data.Reason, data.Page.To)
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	data.Rows = rows[min(data.Page.From-1, len(rows)):] // fewer if some were attempted meanwhile
	for i, row := range data.Rows {
		data.Rows[i].About = c.Machine.Queue(row.Tracking).Describe(row.ID)
	}
	c.show(w, r, http.StatusOK, "retrying", view{Title: "Retrying", Path: "/deadletters", Data: data})
}

// retryingRows returns the first events that are retried, at most limit: those with the earliest
// attempt. It counts all of them. An empty name or reason selects all.
func (c *Console) retryingRows(name, reason string, limit int) (rows []retryingRow, count int, err error) {
	for _, t := range tracking.All() {
		if name != "" && t.Name != name {
			continue
		}
		first, all, err := c.Machine.Queue(t).Waiting(limit, func(one queue.Waiting) bool { return reason == "" || one.Reason == reason })
		if err != nil {
			return nil, 0, err
		}
		count += all
		for _, one := range first {
			rows = append(rows, retryingRow{t, one})
		}
	}
	slices.SortStableFunc(rows, func(a, b retryingRow) int { return a.Next.Compare(b.Next) })
	return rows[:min(len(rows), limit)], count, nil
}

var errNoSelection = errors.New("no event is selected: select at least one, or use the button for all")

// retryNow attempts events now: the selected ones, or all with a tracking and a reason.
func (c *Console) retryNow(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		c.fail(w, r, http.StatusBadRequest, err)
		return
	}
	name, reason, selected := r.PostForm.Get("tracking"), r.PostForm.Get("reason"), r.PostForm["event"]
	if r.PostForm.Has("selected") && len(selected) == 0 {
		c.fail(w, r, http.StatusUnprocessableEntity, errNoSelection)
		return
	}
	total := 0
	for _, t := range tracking.All() {
		if name != "" && t.Name != name {
			continue
		}
		retried, err := c.Machine.Queue(t).RetryNow(r.Context(), func(one queue.Waiting) bool {
			if len(selected) > 0 {
				return slices.Contains(selected, retryingRow{t, one}.Value())
			}
			return reason == "" || one.Reason == reason
		})
		total += retried
		if err != nil {
			c.fail(w, r, http.StatusBadGateway, err)
			return
		}
	}
	c.done(w, r, "/deadletters", saysRetried(total))
}

// saysRetried describes what RetryNow did.
func saysRetried(n int) string {
	if n == 0 {
		return "No event was waiting for its next attempt any more."
	}
	return words.Count(n, "event") + " attempted now: the first few at once, the others within seconds."
}

// The fields of a command's request to RetryingPath.
const (
	FieldReasons   = "reason"
	FieldResources = "about"
	FieldLimit     = "limit" // of a GET request
)

// readSelection reads the tracking and the events that a hub's command selects, or answers with
// what is wrong.
func (c *Console) readSelection(w http.ResponseWriter, r *http.Request) (own deadletters.Local, s queue.Selection, ok bool) {
	t, err := tracking.ByName(r.PathValue("name"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return own, s, false
	}
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return own, s, false
	}
	return c.Machine.Queue(t), queue.Selection{Reasons: r.Form[FieldReasons], Resources: r.Form[FieldResources]}, true
}

// retryingEvents sends the retrying events that a hub's command selects.
func (c *Console) retryingEvents(w http.ResponseWriter, r *http.Request) {
	own, selection, ok := c.readSelection(w, r)
	if !ok {
		return
	}
	limit, err := strconv.Atoi(r.Form.Get(FieldLimit))
	if err != nil || limit < 0 {
		http.Error(w, FieldLimit+" is not a number", http.StatusBadRequest)
		return
	}
	found, err := own.Retrying(selection, limit)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeJSON(w, found)
}

// retryEvents attempts the events now that a hub's command selects.
func (c *Console) retryEvents(w http.ResponseWriter, r *http.Request) {
	own, selection, ok := c.readSelection(w, r)
	if !ok {
		return
	}
	retried := 0
	matches, _, err := own.Matching(selection)
	if err == nil {
		retried, err = own.RetryNow(r.Context(), matches)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeJSON(w, Retried{retried})
}

// until describes the time until a next attempt.
func until(t time.Time) string {
	d := time.Until(t)
	if d < time.Second {
		return "now"
	}
	return "in " + words.Age(d)
}
