package console

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"commerce-segment/infra/hub/deadletters"
	"commerce-segment/infra/hub/forecast"
	"commerce-segment/infra/hub/redact"
	"commerce-segment/shared/tracking"
)

// letterFilter selects dead letters. Empty fields select all.
type letterFilter struct {
	Tracking, Reason string
	Text             string   // in the id of the order or customer, the reason, the detail or the tracking
	Letters          []string // the selected ones: see letterName
}

// letterName identifies a dead letter in a form.
func letterName(l deadletters.Letter) string { return l.Tracking.Name + ":" + l.ID }

func readLetterFilter(form url.Values) letterFilter {
	f := letterFilter{Tracking: form.Get("tracking"), Reason: form.Get("reason"), Text: strings.TrimSpace(form.Get("q")), Letters: form["letter"]}
	if id := form.Get("id"); id != "" {
		f.Letters = append(f.Letters, f.Tracking+":"+id)
	}
	return f
}

func (f letterFilter) matches(l deadletters.Letter) bool {
	text := strings.ToLower(f.Text)
	says := func(part string) bool { return strings.Contains(strings.ToLower(part), text) }
	return (f.Tracking == "" || l.Tracking.Name == f.Tracking) &&
		(f.Reason == "" || l.Failure.Reason == f.Reason) &&
		(text == "" || slices.ContainsFunc([]string{l.Failure.Resource, l.Failure.Reason, l.Failure.Detail, l.Tracking.Name}, says)) &&
		(len(f.Letters) == 0 || slices.Contains(f.Letters, letterName(l)))
}

// lettersData is the data of the page that lists dead letters.
type lettersData struct {
	letterFilter
	Rows      []letterRow
	Page      pageOf
	Reasons   []string
	Trackings []tracking.Tracking
}

type letterRow struct {
	listedLetter
	Tracking tracking.Tracking
	Reason   string
	Name     string // in the form
}

// pageOf is a page of a long list, and the addresses of the pages next to it.
type pageOf struct {
	Count, From, To int    // To is the number of the last row; From is the first, from 1
	Before, After   string // empty if there is none
}

// paginate returns the page with a number of a list. The address of another page is that of
// this one with another number.
func paginate(address *url.URL, count int) pageOf {
	query := address.Query()
	number, _ := strconv.Atoi(query.Get("page"))
	number = max(min(number, (count+pageRows-1)/pageRows), 1)
	to := func(number int) string {
		query.Set("page", strconv.Itoa(number))
		return "." + address.Path + "?" + query.Encode()
	}
	p := pageOf{Count: count, From: (number-1)*pageRows + 1, To: min(number*pageRows, count)}
	if number > 1 {
		p.Before = to(number - 1)
	}
	if p.To < count {
		p.After = to(number + 1)
	}
	return p
}

// listLetters lists the dead letters that match the filter in the address, newest first.
func (c *Console) listLetters(w http.ResponseWriter, r *http.Request) {
	queues, err := c.openDeadLetters()
	if err != nil {
		c.fail(w, r, statusOfLetters(err), err)
		return
	}
	c.refreshLetters(r.Context(), queues)
	if c.letterList.underway() != nil {
		goTo(w, r, "/deadletters") // which shows the progress
		return
	}
	data := lettersData{letterFilter: readLetterFilter(r.URL.Query()), Trackings: c.Store.Trackings()}
	all := c.letterList.all()
	for _, l := range all {
		if !slices.Contains(data.Reasons, l.Failure.Reason) {
			data.Reasons = append(data.Reasons, l.Failure.Reason)
		}
	}
	slices.Sort(data.Reasons)
	matching := slices.DeleteFunc(all, func(l deadletters.Letter) bool { return !data.matches(l) })
	data.Page = paginate(r.URL, len(matching))
	for _, l := range matching[data.Page.From-1 : data.Page.To] {
		row := listedLetter{l.ID, l.Failure.Resource, detailOf(l), l.FailedAt}
		data.Rows = append(data.Rows, letterRow{row, l.Tracking, l.Failure.Reason, letterName(l)})
	}
	c.show(w, r, http.StatusOK, "deadletters-list", view{Title: "Find dead letters", Path: "/deadletters", Data: data})
}

// reviewData is what a replay would do.
type replayData struct {
	letterFilter
	Count    int
	Forecast forecast.Forecast
	Unread   int // how many have no forecast, because their contents are not in memory
}

// reviewReplay shows what a replay of the selected dead letters would do.
func (c *Console) reviewReplay(w http.ResponseWriter, r *http.Request) {
	queues, err := c.openDeadLetters()
	if err != nil {
		c.fail(w, r, statusOfLetters(err), err)
		return
	}
	if err := r.ParseForm(); err != nil {
		c.fail(w, r, http.StatusBadRequest, err)
		return
	}
	data := replayData{letterFilter: readLetterFilter(r.PostForm)}
	if r.PostForm.Has("selected") && len(data.Letters) == 0 {
		c.fail(w, r, http.StatusUnprocessableEntity, errNoSelection)
		return
	}
	c.refreshLetters(r.Context(), queues)
	if c.letterList.underway() != nil {
		c.fail(w, r, http.StatusConflict, errUnderway)
		return
	}
	matching := slices.DeleteFunc(c.letterList.all(), func(l deadletters.Letter) bool { return !data.matches(l) })
	readable := slices.DeleteFunc(slices.Clone(matching), func(l deadletters.Letter) bool { return l.Envelope.Body == nil })
	data.Count, data.Unread = len(matching), len(matching)-len(readable)
	if data.Count == 0 {
		c.fail(w, r, http.StatusNotFound, errNoLetter)
		return
	}
	if data.Forecast, err = forecast.Of(r.Context(), c.Store, readable); err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	hideDetails(data.Forecast.Fails, readable)
	c.show(w, r, http.StatusOK, "deadletters-replay", view{Title: "Replay?", Path: "/deadletters", Data: data})
}

// hideDetails hides the details that contain a personal value of an event.
func hideDetails(causes []forecast.Cause, letters []deadletters.Letter) {
	for i := range causes {
		for _, l := range letters {
			if l.Tracking.Name == causes[i].Tracking && redact.New(l.Envelope.Body).Hides(causes[i].Detail) {
				causes[i].Detail = redact.Hidden
				break
			}
		}
	}
}

// showReplayed shows how the events of the last replay have ended, for the page's script.
func (c *Console) showReplayed(w http.ResponseWriter, r *http.Request) {
	c.showPart(w, http.StatusOK, "deadletters", "replayed", c.replayed(r))
}

// replayedData is how the events of the last replay have ended.
type replayedData struct {
	At    time.Time
	Count int
	Says  string
}

// replayed returns how the events of the last replay have ended; nil if there was none. On AWS
// it does not read the log, which costs money and is late: the page Executions does.
func (c *Console) replayed(r *http.Request) *replayedData {
	last := c.letterList.lastReplay()
	if len(last.Events) == 0 {
		return nil
	}
	if c.Machine == nil {
		return &replayedData{last.At, len(last.Events), "The page Executions shows how they end, about a minute later."}
	}
	data := &replayedData{At: last.At, Count: len(last.Events)}
	ended, err := last.Ended(r.Context(), c.log())
	if err != nil {
		data.Says = "The log cannot be read: " + err.Error()
	} else {
		data.Says = ended.Says()
	}
	return data
}
