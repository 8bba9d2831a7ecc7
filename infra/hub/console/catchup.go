package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"commerce-segment/infra/hub/backfill"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/tracking"
)

var (
	errJobRunning = errors.New("another job is reading or sending events. Wait until it has ended, or stop it")
	errOutdated   = errors.New("nothing was sent: the result on the page is out of date. Check the current result, and then send it")
	errNotStopped = errors.New("this backfill is not in the list of stopped backfills: it was completed or discarded")
	errBegun      = errors.New("this backfill was started before, and stopped. Resume it above, or discard it and then plan it again")
	errNoneChosen = errors.New("choose at least one")
	errMarked     = errors.New("nothing was started. Correct the marked fields")
)

// catchUpForm is the fields of one of the page's two forms.
type catchUpForm struct {
	Kind backfill.Kind
	backfill.Period
	Only  []sendable
	To    string // names of integrations, separated by commas
	Again bool   // also what was sent before
	Wrong wrong
}

// sendable is a tracking whose past events can be sent.
type sendable struct {
	tracking.Tracking
	Enabled, Chosen bool
}

// catchUpData is the data of the page Catch up.
type catchUpData struct {
	Job                 *job
	Found               finding
	Stopped             []stoppedBackfill
	Backfill, Reconcile catchUpForm
	Connected           bool // to Commerce
}

// catchUp shows the running job, the last result, or the forms.
func (c *Console) catchUp(w http.ResponseWriter, r *http.Request) {
	c.showCatchUp(w, r, http.StatusOK, "", nil, nil)
}

// showCatchUp shows the page. A form that is not nil replaces the saved one: it has errors.
func (c *Console) showCatchUp(w http.ResponseWriter, r *http.Request, status int, alert string, planForm, reconcile *catchUpForm) {
	data := catchUpData{Job: c.catchUpJob.underway(), Found: c.catchUpJob.last()}
	var err error
	if data.Backfill, data.Reconcile, err = c.catchUpForms(r.Context(), data.Found); err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	if planForm != nil {
		data.Backfill, data.Found = *planForm, finding{} // the user corrects the form first
	}
	if reconcile != nil {
		data.Reconcile, data.Found = *reconcile, finding{}
	}
	_, err = c.Store.Credentials(r.Context())
	data.Connected = err == nil
	if data.Stopped, err = c.stoppedBackfills(r.Context()); err != nil {
		alert = cmp.Or(alert, err.Error())
	}
	c.show(w, r, status, "catchup", view{Path: "/catchup", Alert: alert, Data: data})
}

// catchUpForms returns the two forms. A form whose result is still shown has its values.
func (c *Console) catchUpForms(ctx context.Context, found finding) (planForm, reconcile catchUpForm, err error) {
	planForm = catchUpForm{Kind: backfill.Orders}
	reconcile = catchUpForm{Period: backfill.Period{Since: "24h"}}
	enabled, err := c.Store.Enabled(ctx)
	if err != nil {
		return planForm, reconcile, err
	}
	planForm.Only = sendables(enabled, backfill.Orders)
	reconcile.Only = sendables(enabled, backfill.Orders, backfill.Customers)
	switch {
	case found.Plan != nil:
		planForm = found.Plan.form
	case found.Gaps != nil:
		reconcile = found.Gaps.form
	}
	return planForm, reconcile, nil
}

// sendables returns the trackings of the store whose past events can be sent. Those that are enabled are
// chosen.
func sendables(enabled map[string]bool, kinds ...backfill.Kind) (all []sendable) {
	for _, t := range tracking.All() {
		if _, has := enabled[t.Name]; has && slices.Contains(backfill.Trackings(kinds...), t.Name) {
			all = append(all, sendable{t, enabled[t.Name], enabled[t.Name]})
		}
	}
	return all
}

// stoppedBackfills returns the backfills that were stopped, unless one is running.
func (c *Console) stoppedBackfills(ctx context.Context) (all []stoppedBackfill, err error) {
	if c.catchUpJob.underway() != nil {
		return nil, nil
	}
	positions, err := c.Store.Unfinished(ctx, c.inboxURL())
	for _, position := range positions {
		all = append(all, stoppedBackfill{position})
	}
	return all, err
}

// inboxURL returns where a store on this machine sends events if it has no Segment host.
func (c *Console) inboxURL() string {
	if c.Machine == nil {
		return ""
	}
	return c.Machine.URL()
}

// readCatchUp reads a form.
func (c *Console) readCatchUp(r *http.Request, kinds ...backfill.Kind) (form catchUpForm, err error) {
	if err := r.ParseForm(); err != nil {
		return form, err
	}
	form = catchUpForm{
		Kind:   backfill.Kind(r.PostFormValue("kind")),
		Period: backfill.Period{Since: strings.TrimSpace(r.PostFormValue("since")), Until: strings.TrimSpace(r.PostFormValue("until"))},
		To:     strings.TrimSpace(r.PostFormValue("to")), Again: r.PostForm.Has("again"), Wrong: wrong{},
	}
	enabled, err := c.Store.Enabled(r.Context())
	if err != nil {
		return form, err
	}
	form.Only = sendables(enabled, kinds...)
	for i, t := range form.Only {
		form.Only[i].Chosen = slices.Contains(r.PostForm["only"], t.Name)
	}
	return form, nil
}

// period parses the times of a form. It adds errors to their fields.
func (f *catchUpForm) period(now, end time.Time) (since, until time.Time) {
	since, until, err := f.Parse(now, end)
	var wrong *backfill.TimeError
	if errors.As(err, &wrong) {
		f.Wrong[wrong.Field] = wrong.Error()
	}
	return since, until
}

// only returns the names of the chosen trackings, or nil if all that are enabled are chosen.
func (f *catchUpForm) only() (names []string) {
	subset := false
	for _, t := range f.Only {
		if t.Chosen {
			names = append(names, t.Name)
		}
		subset = subset || t.Enabled && !t.Chosen
	}
	if len(names) == 0 {
		f.Wrong["only"] = errNoneChosen.Error()
	}
	if !subset {
		return nil
	}
	return names
}

// integrations returns the names in the field To.
func (f *catchUpForm) integrations() (names []string) {
	for name := range strings.SplitSeq(f.To, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// openBackfill opens the store to send past events.
func (c *Console) openBackfill(ctx context.Context, what store.BackfillOptions) (store.Backfill, error) {
	if _, err := c.endpoint(ctx); err != nil { // for example, the inbox belongs to another hub
		return store.Backfill{}, err
	}
	what.Rate, what.Inbox = backfill.DefaultRate, c.inboxURL()
	return c.Store.OpenBackfill(ctx, what)
}

// planBackfill counts what a backfill would send. It sends nothing.
func (c *Console) planBackfill(w http.ResponseWriter, r *http.Request) {
	form, err := c.readCatchUp(r, backfill.Orders)
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	reject := func(status int, alert string) { c.showCatchUp(w, r, status, alert, &form, nil) }
	kind, err := backfill.ParseKind(string(form.Kind))
	if err != nil {
		reject(http.StatusUnprocessableEntity, err.Error())
		return
	}
	now := time.Now().UTC()
	since, until := form.period(now, now)
	var only []string
	if kind == backfill.Orders { // customers have only one event
		only = form.only()
	}
	if len(form.Wrong) > 0 {
		reject(http.StatusUnprocessableEntity, errMarked.Error())
		return
	}
	opened, err := c.openBackfill(r.Context(), store.BackfillOptions{Kinds: []backfill.Kind{kind}, Only: only, To: form.integrations(), Again: form.Again})
	if err != nil {
		reject(http.StatusUnprocessableEntity, err.Error())
		return
	}
	switch begun, err := opened.Begun(kind, form.Period); {
	case err != nil:
		reject(http.StatusConflict, err.Error())
		return
	case begun != nil:
		reject(http.StatusConflict, errBegun.Error())
		return
	}
	c.begin(w, r, job{Title: "Reading from Commerce", Counts: string(kind) + " read"}, func(ctx context.Context, at func(int)) finding {
		known, err := opened.KnownFacts(ctx, c.log(), since)
		if err != nil {
			return failed(ctx, err, "Nothing was sent.")
		}
		plan, err := opened.Plan(ctx, kind, since, until, known, at)
		if err != nil {
			return failed(ctx, err, "Nothing was sent.")
		}
		return finding{Plan: &planned{Plan: plan, opened: opened, form: form, Since: since, Until: until, LogBegins: known.LogBegins}}
	})
}

// reconcile compares the events in Commerce with the deliveries. It sends nothing.
func (c *Console) reconcile(w http.ResponseWriter, r *http.Request) {
	kinds := []backfill.Kind{backfill.Orders, backfill.Customers}
	form, err := c.readCatchUp(r, kinds...)
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	reject := func(status int, alert string) { c.showCatchUp(w, r, status, alert, nil, &form) }
	now := time.Now().UTC()
	since, until := form.period(now, backfill.Settled(now))
	only := form.only()
	if len(form.Wrong) > 0 {
		reject(http.StatusUnprocessableEntity, errMarked.Error())
		return
	}
	log := c.log()
	if log == nil {
		reject(http.StatusNotFound, errNoLog.Error())
		return
	}
	opened, err := c.openBackfill(r.Context(), store.BackfillOptions{Kinds: kinds, Only: only})
	if err != nil {
		reject(http.StatusUnprocessableEntity, err.Error())
		return
	}
	c.begin(w, r, job{Title: "Comparing Commerce with deliveries", Counts: "orders and customers read"}, func(ctx context.Context, at func(int)) finding {
		known, err := opened.KnownFacts(ctx, log, since)
		if err != nil {
			return failed(ctx, err, "")
		}
		comparison, err := opened.Compare(ctx, kinds, since, until, known, at)
		if err != nil {
			return failed(ctx, err, "")
		}
		losses, err := opened.Losses(ctx, comparison)
		if err != nil {
			return failed(ctx, err, "")
		}
		return finding{Gaps: &compared{Comparison: comparison, opened: opened, form: form, wantedSince: since, Losses: losses}}
	})
}

// sendFound sends the planned backfill or the missing events: only what the page showed.
func (c *Console) sendFound(w http.ResponseWriter, r *http.Request) {
	found, ok := c.catchUpJob.take(r.PostFormValue("found"))
	switch {
	case !ok:
		c.showCatchUp(w, r, http.StatusConflict, errOutdated.Error(), nil, nil)
	case found.Plan != nil:
		p := found.Plan
		if opened, ok := c.reopen(w, r, p.opened); ok {
			c.backfill(w, r, opened, opened.Begin(p.form.Kind, p.form.Period, p.Since, p.Until, p.Plan))
		}
	case found.Gaps != nil:
		if opened, ok := c.reopen(w, r, found.Gaps.opened); ok {
			c.sendMissing(w, r, opened, found.Gaps.Missing)
		}
	}
}

// reopen opens the store with the current settings. If they no longer match what was found, it
// shows an error.
func (c *Console) reopen(w http.ResponseWriter, r *http.Request, found store.Backfill) (opened store.Backfill, ok bool) {
	opened, err := found.Reopen(r.Context())
	switch {
	case errors.Is(err, store.ErrStoreChanged):
		c.showCatchUp(w, r, http.StatusConflict, err.Error()+". Nothing was sent. Check the result again, and then send it", nil, nil)
	case err != nil:
		c.showCatchUp(w, r, http.StatusUnprocessableEntity, err.Error(), nil, nil)
	}
	return opened, err == nil
}

// resumeBackfill resumes a backfill that was stopped, or discards it.
func (c *Console) resumeBackfill(w http.ResponseWriter, r *http.Request) {
	all, err := c.stoppedBackfills(r.Context())
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	i := slices.IndexFunc(all, func(s stoppedBackfill) bool { return s.ID() == r.PostFormValue("id") })
	if i < 0 {
		c.showCatchUp(w, r, http.StatusConflict, errNotStopped.Error(), nil, nil)
		return
	}
	position := all[i].Position
	if r.PostFormValue("do") == "discard" {
		if err := position.Forget(); err != nil {
			c.fail(w, r, http.StatusInternalServerError, err)
			return
		}
		c.done(w, r, "/catchup", "Discarded. Events that were already sent are not affected.")
		return
	}
	opened, err := c.openBackfill(r.Context(), store.BackfillOptions{Kinds: []backfill.Kind{position.Kind}, Only: position.Only, To: position.To, Again: position.Again})
	if err != nil {
		c.showCatchUp(w, r, http.StatusUnprocessableEntity, err.Error(), nil, nil)
		return
	}
	c.backfill(w, r, opened, position)
}

// backfill sends the rest of a backfill, from its position.
func (c *Console) backfill(w http.ResponseWriter, r *http.Request, opened store.Backfill, position *backfill.Position) {
	work := job{Title: "Sending events to Segment", Counts: "events sent", Of: position.Events, Done: position.Sent}
	c.begin(w, r, work, func(ctx context.Context, at func(int)) finding {
		known, err := opened.KnownFacts(ctx, c.log(), position.Since)
		if err == nil {
			err = opened.Backfill(ctx, position, known, opened.Journal(senderOf(ctx)), func(p backfill.Position) { at(p.Sent) })
		}
		if err != nil {
			return failed(ctx, err, fmt.Sprintf("%d of %d events sent. You can resume the backfill from there at any time.", position.Sent, position.Events))
		}
		return finding{
			Notice: strings.TrimSpace(fmt.Sprintf("Done: %s of %s sent. %s", words.Count(position.Sent, "event"), position.Kind.Count(position.Resources), backfill.LackingFields(position.Lacking))),
			Unsent: unsent{position.Rejections, position.Rejected},
		}
	})
}

// sendMissing sends the missing events.
func (c *Console) sendMissing(w http.ResponseWriter, r *http.Request, opened store.Backfill, missing []backfill.Missing) {
	work := job{Title: "Sending missing events to Segment", Counts: "missing events sent", Of: len(missing)}
	c.begin(w, r, work, func(ctx context.Context, at func(int)) finding {
		result, err := opened.Send(ctx, missing, opened.Journal(senderOf(ctx)), at)
		if err != nil {
			return failed(ctx, err, fmt.Sprintf("%s sent. To continue, compare again: the events that were sent are no longer missing.", words.Count(result.Sent, "event")))
		}
		return finding{
			Notice: strings.TrimSpace(fmt.Sprintf("Done: %s sent. %s", words.Count(result.Sent, "event"), backfill.LackingFields(result.Lacking))),
			Unsent: unsent{result.Rejected[:min(len(result.Rejected), namedAtMost)], len(result.Rejected)},
		}
	})
}

// begin starts a job, and shows its progress or its result.
func (c *Console) begin(w http.ResponseWriter, r *http.Request, work job, run func(ctx context.Context, at func(int)) finding) {
	if !c.catchUpJob.begin(r.Context(), work, run) {
		c.showCatchUp(w, r, http.StatusConflict, errJobRunning.Error(), nil, nil)
		return
	}
	goTo(w, r, "/catchup")
}

// stopCatchUp discards the result that the form names, or stops the running job.
func (c *Console) stopCatchUp(w http.ResponseWriter, r *http.Request) {
	if found := r.PostFormValue("found"); found != "" {
		c.catchUpJob.take(found)
	} else {
		c.catchUpJob.end()
	}
	goTo(w, r, "/catchup")
}
