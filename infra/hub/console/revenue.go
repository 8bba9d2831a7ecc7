package console

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"commerce-segment/infra/hub/backfill"
	"commerce-segment/infra/hub/received"
	"commerce-segment/infra/hub/store"
)

// revenueJob is the comparison of revenues, and the result of the last one.
type revenueJob struct {
	jobs
	found revenueFound
}

// revenueFound is the result of a comparison of revenues. It is shown until the next one begins.
type revenueFound struct {
	*backfill.Revenue        // nil if there is none
	ID                string // the page's button sends it, so that the user sends only what the page showed
	At                time.Time
	Ended             string           // why there is no result: it was stopped, or failed
	received          *received.Report // nil if it could not be compared
	form              backfill.Period
	opened            store.Backfill
}

// Destination returns the URL to which what is missing would be sent.
func (f revenueFound) Destination() string { return f.opened.Destination }

// Received reports whether it is known what Segment received.
func (f revenueFound) Received() bool { return f.received != nil && f.received.Known() }

// Begins returns when the log begins, in the time zone of the days.
func (f revenueFound) Begins() time.Time { return f.LogBegins.In(f.Since.Location()) }

// Unknown returns how many orders may have been sent or not.
func (f revenueFound) Unknown() (orders int) {
	for _, d := range f.Days {
		orders += d.Unknown
	}
	return orders
}

// Estimated returns how many orders were sent with a revenue that is not in the log.
func (f revenueFound) Estimated() (orders int) {
	for _, d := range f.Days {
		orders += d.Estimated
	}
	return orders
}

// revenueOrdersAtMost is how many orders of a day the page lists.
const revenueOrdersAtMost = 200

// revenueOrders is the orders behind the difference of a day.
type revenueOrders struct {
	Day      string
	Currency string
	Reason   backfill.Reason // empty for all
	Rows     []backfill.RevenueOrder
	More     int
}

// revenueData is the data of the page Revenue.
type revenueData struct {
	Job          *job
	Found        revenueFound
	Orders       *revenueOrders // nil unless a day was chosen
	Since, Until string
	Wrong        wrong
	NotConnected string // why Commerce cannot be asked; empty if it can
	Zone         string
	Received     *received.Report // of the last 24 hours; nil if there is none yet
}

// last returns the result of the last comparison.
func (c *revenueJob) last() revenueFound {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.found
}

// revenue shows what was paid and what Segment was sent, by day.
func (c *Console) revenue(w http.ResponseWriter, r *http.Request) {
	found := c.revenueJob.last()
	c.showRevenue(w, r, http.StatusOK, "", found.form, nil)
}

// showRevenue shows the page with a form. Wrong has the errors in the form.
func (c *Console) showRevenue(w http.ResponseWriter, r *http.Request, status int, alert string, form backfill.Period, wrong wrong) {
	if form.Since == "" && wrong == nil {
		form.Since = "7d"
	}
	data := revenueData{Job: c.revenueJob.underway(), Found: c.revenueJob.last(), Since: form.Since, Until: form.Until, Wrong: wrong, Zone: time.Now().Format("MST"), Received: c.lastReceived(r.Context())}
	if _, err := c.Store.Credentials(r.Context()); err != nil {
		data.NotConnected = err.Error()
	}
	if day := r.URL.Query().Get("day"); day != "" && data.Found.Revenue != nil {
		data.Orders = data.Found.ordersOf(day, r.URL.Query().Get("currency"), backfill.Reason(r.URL.Query().Get("reason")))
	}
	c.show(w, r, status, "revenue", view{Path: "/revenue", Alert: alert, Data: data})
}

// ordersOf returns the orders with a difference on a day, for a reason or all.
func (f revenueFound) ordersOf(day, currency string, reason backfill.Reason) *revenueOrders {
	chosen := revenueOrders{Day: day, Currency: currency, Reason: reason}
	for _, o := range f.Orders {
		has := func(p backfill.Part) bool { return p.Reason == reason }
		if o.Day.Format(time.DateOnly) != day || o.Currency != currency || reason != "" && !slices.ContainsFunc(o.Parts, has) {
			continue
		}
		if len(chosen.Rows) == revenueOrdersAtMost {
			chosen.More++
			continue
		}
		chosen.Rows = append(chosen.Rows, o)
	}
	return &chosen
}

// compareRevenue starts a comparison. It sends nothing.
func (c *Console) compareRevenue(w http.ResponseWriter, r *http.Request) {
	form := backfill.Period{Since: strings.TrimSpace(r.PostFormValue("since")), Until: strings.TrimSpace(r.PostFormValue("until"))}
	since, until, err := form.ParseDays(time.Now())
	if wrongTime := (*backfill.TimeError)(nil); errors.As(err, &wrongTime) {
		c.showRevenue(w, r, http.StatusUnprocessableEntity, errMarked.Error(), form, wrong{wrongTime.Field: wrongTime.Error()})
		return
	}
	log := c.log()
	if log == nil {
		c.showRevenue(w, r, http.StatusNotFound, errNoLog.Error(), form, nil)
		return
	}
	_, err = c.endpoint(r.Context())
	var opened store.Backfill
	if err == nil {
		opened, err = c.Store.OpenRevenue(r.Context(), c.inboxURL())
	}
	if err != nil {
		c.showRevenue(w, r, http.StatusUnprocessableEntity, err.Error(), form, nil)
		return
	}
	begun := c.revenueJob.begin(r.Context(), job{Title: "Reading orders from Commerce", Counts: "orders read"}, func(ctx context.Context, at func(int)) func() {
		found := revenueFound{form: form, opened: opened, At: time.Now(), ID: strconv.FormatInt(time.Now().UnixNano(), 36)}
		known, err := opened.ArrivalLog(ctx, log)
		if err == nil {
			found.Revenue, err = opened.Revenue(ctx, since, until, known, opened.Journal(""), at)
		}
		if err == nil {
			found.received = c.readReceived(ctx, since, until)
			found.Revenue.AddMessages(found.received.CompletedOrders)
		}
		switch {
		case ctx.Err() != nil:
			found.Revenue, found.Ended = nil, "Stopped."
		case err != nil:
			found.Ended = err.Error()
		}
		return func() { c.revenueJob.found = found }
	})
	if !begun {
		c.showRevenue(w, r, http.StatusConflict, errJobRunning.Error(), form, nil)
		return
	}
	goTo(w, r, "/revenue")
}

// sendRevenue sends the missing events: only those that the page showed.
func (c *Console) sendRevenue(w http.ResponseWriter, r *http.Request) {
	found := c.revenueJob.last()
	if found.Revenue == nil || found.ID != r.PostFormValue("found") {
		c.showRevenue(w, r, http.StatusConflict, errOutdated.Error(), found.form, nil)
		return
	}
	if opened, ok := c.reopen(w, r, found.opened); ok {
		c.revenueJob.forget()
		c.sendMissing(w, r, opened, found.Missing)
	}
}

// forget removes the result of the last comparison: it is out of date.
func (c *revenueJob) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found = revenueFound{form: c.found.form}
}

// stopRevenue stops the comparison.
func (c *Console) stopRevenue(w http.ResponseWriter, r *http.Request) {
	c.revenueJob.end()
	goTo(w, r, "/revenue")
}

// downloadRevenue sends the days, or the orders with a difference, as a table.
func (c *Console) downloadRevenue(w http.ResponseWriter, r *http.Request) {
	found := c.revenueJob.last()
	if found.Revenue == nil {
		c.fail(w, r, http.StatusNotFound, errors.New("there is no result: compare first"))
		return
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	write, name := found.WriteDays, "revenue-days.csv"
	if r.URL.Query().Get("of") == "orders" {
		write, name = found.WriteOrders, "revenue-orders.csv"
	}
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	if err := write(w); err != nil {
		c.Log.Warn("a table of revenues could not be sent", "detail", err.Error())
	}
}
