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
	errCatchingUp = errors.New("something is being read or sent already: wait until that has ended, or stop it")
	errNotShown   = errors.New("what was found is not there any more, or has been looked for anew since the page was shown: look at it again, and then send it. Nothing was sent")
	errNotLeft    = errors.New("that backfill is not among those that were stopped: it is done, or was forgotten")
	errLeft       = errors.New("this very backfill was begun before, and stopped: go on with it above, or forget it and then plan it anew")
	errNoneChosen = errors.New("choose at least one")
	errMarked     = errors.New("nothing was begun: correct what is marked below")
)

// catchUpForm is what somebody wants told: the fields of one of the page's two forms.
type catchUpForm struct {
	Kind backfill.Kind
	backfill.Period
	Only  []sendable
	To    string // names of integrations, with commas between them
	Wrong wrong
}

// tellable is a tracking that can be told afterwards.
type sendable struct {
	tracking.Tracking
	Enabled, Chosen bool
}

// catchUpData is what the page Catch up shows.
type catchUpData struct {
	Job                 *job
	Found               finding
	Left                []left
	Backfill, Reconcile catchUpForm
	Connected           bool // to Commerce
}

// catchUp shows what is being told of the store's history, or lets somebody choose.
func (c *Console) catchUp(w http.ResponseWriter, r *http.Request) {
	c.showCatchUp(w, r, http.StatusOK, "", nil, nil)
}

// showCatchUp shows the page, with what is wrong in one of its forms where there is such
// a form.
func (c *Console) showCatchUp(w http.ResponseWriter, r *http.Request, status int, alert string, planForm, reconcile *catchUpForm) {
	data := catchUpData{Job: c.catchUpJob.underway(), Found: c.catchUpJob.last()}
	var err error
	if data.Backfill, data.Reconcile, err = c.catchUpForms(r.Context(), data.Found); err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	if planForm != nil {
		data.Backfill, data.Found = *planForm, finding{} // who corrects a form looks at that
	}
	if reconcile != nil {
		data.Reconcile, data.Found = *reconcile, finding{}
	}
	_, err = c.Store.Credentials(r.Context())
	data.Connected = err == nil
	if data.Left, err = c.left(r.Context()); err != nil {
		alert = cmp.Or(alert, err.Error())
	}
	c.show(w, r, status, "catchup", view{Path: "/catchup", Alert: alert, Data: data})
}

// catchUpForms are the two forms: as they were sent, where that has come to something
// that is still shown.
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

// sendables are the trackings whose past events can be sent, all that are enabled chosen.
func sendables(enabled map[string]bool, kinds ...backfill.Kind) (all []sendable) {
	for _, t := range tracking.All() {
		if slices.Contains(backfill.Trackings(kinds...), t.Name) {
			all = append(all, sendable{t, enabled[t.Name], enabled[t.Name]})
		}
	}
	return all
}

// left are the backfills that were stopped. The one that is underway is none.
func (c *Console) left(ctx context.Context) (all []left, err error) {
	if c.catchUpJob.underway() != nil {
		return nil, nil
	}
	stopped, err := c.Store.Unfinished(ctx, c.inboxURL())
	for _, position := range stopped {
		all = append(all, left{position})
	}
	return all, err
}

// inboxURL is where a store on this machine sends that has no Segment host.
func (c *Console) inboxURL() string {
	if c.Machine == nil {
		return ""
	}
	return c.Machine.URL()
}

// readCatchUp reads a form that was sent.
func (c *Console) readCatchUp(r *http.Request, kinds ...backfill.Kind) (form catchUpForm, err error) {
	if err := r.ParseForm(); err != nil {
		return form, err
	}
	form = catchUpForm{
		Kind:   backfill.Kind(r.PostFormValue("kind")),
		Period: backfill.Period{Since: strings.TrimSpace(r.PostFormValue("since")), Until: strings.TrimSpace(r.PostFormValue("until"))},
		To:     strings.TrimSpace(r.PostFormValue("to")), Wrong: wrong{},
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

// period reads the times of a form, and notes what is wrong with them.
func (f *catchUpForm) period(now, end time.Time) (since, until time.Time) {
	since, until, err := f.Parse(now, end)
	var wrong *backfill.TimeError
	if errors.As(err, &wrong) {
		f.Wrong[wrong.Field] = wrong.Error()
	}
	return since, until
}

// only are the trackings that are meant; none where all that are enabled are.
func (f *catchUpForm) only() (names []string) {
	some := false
	for _, t := range f.Only {
		if t.Chosen {
			names = append(names, t.Name)
		}
		some = some || t.Enabled && !t.Chosen
	}
	if len(names) == 0 {
		f.Wrong["only"] = errNoneChosen.Error()
	}
	if !some {
		return nil
	}
	return names
}

// integrations are the names in the field To.
func (f *catchUpForm) integrations() (names []string) {
	for name := range strings.SplitSeq(f.To, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// tell opens the store to tell its history.
func (c *Console) openBackfill(ctx context.Context, kinds []backfill.Kind, only, to []string) (store.Backfill, error) {
	if _, err := c.endpoint(ctx); err != nil { // which there is none of, for one, where the inbox is another hub's
		return store.Backfill{}, err
	}
	return c.Store.OpenBackfill(ctx, store.BackfillOptions{Kinds: kinds, Only: only, To: to, Rate: backfill.DefaultRate, Inbox: c.inboxURL()})
}

// planBackfill counts what a backfill would send, which it does not.
func (c *Console) planBackfill(w http.ResponseWriter, r *http.Request) {
	form, err := c.readCatchUp(r, backfill.Orders)
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	refuse := func(status int, alert string) { c.showCatchUp(w, r, status, alert, &form, nil) }
	kind, err := backfill.ParseKind(string(form.Kind))
	if err != nil {
		refuse(http.StatusUnprocessableEntity, err.Error())
		return
	}
	now := time.Now().UTC()
	since, until := form.period(now, now)
	var only []string
	if kind == backfill.Orders { // of customers there is one thing to tell
		only = form.only()
	}
	if len(form.Wrong) > 0 {
		refuse(http.StatusUnprocessableEntity, errMarked.Error())
		return
	}
	opened, err := c.openBackfill(r.Context(), []backfill.Kind{kind}, only, form.integrations())
	if err != nil {
		refuse(http.StatusUnprocessableEntity, err.Error())
		return
	}
	switch begun, err := opened.Begun(kind, form.Period); {
	case err != nil:
		refuse(http.StatusConflict, err.Error())
		return
	case begun != nil:
		refuse(http.StatusConflict, errLeft.Error())
		return
	}
	c.begin(w, r, job{Says: "Reading what Commerce has", Counts: string(kind) + " read"}, func(ctx context.Context, at func(int)) finding {
		plan, err := opened.Plan(ctx, kind, since, until, at)
		if err != nil {
			return failed(ctx, err, "Nothing was sent.")
		}
		return finding{Plan: &planned{Plan: plan, opened: opened, form: form, Since: since, Until: until}}
	})
}

// reconcile compares what Commerce has with what was delivered. It sends nothing.
func (c *Console) reconcile(w http.ResponseWriter, r *http.Request) {
	kinds := []backfill.Kind{backfill.Orders, backfill.Customers}
	form, err := c.readCatchUp(r, kinds...)
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	refuse := func(status int, alert string) { c.showCatchUp(w, r, status, alert, nil, &form) }
	now := time.Now().UTC()
	since, until := form.period(now, backfill.Settled(now))
	only := form.only()
	if len(form.Wrong) > 0 {
		refuse(http.StatusUnprocessableEntity, errMarked.Error())
		return
	}
	log := c.log()
	if log == nil {
		refuse(http.StatusNotFound, errNoLog.Error())
		return
	}
	opened, err := c.openBackfill(r.Context(), kinds, only, nil)
	if err != nil {
		refuse(http.StatusUnprocessableEntity, err.Error())
		return
	}
	c.begin(w, r, job{Says: "Comparing what Commerce has with what was delivered", Counts: "orders and customers read"}, func(ctx context.Context, at func(int)) finding {
		known, err := opened.ArrivalLog(ctx, log)
		if err != nil {
			return failed(ctx, err, "")
		}
		comparison, err := opened.Compare(ctx, kinds, since, until, known, opened.Journal(), at)
		if err != nil {
			return failed(ctx, err, "")
		}
		losses, err := opened.Losses(ctx, comparison)
		if err != nil {
			return failed(ctx, err, "")
		}
		return finding{Gaps: &compared{Comparison: comparison, opened: opened, form: form, asked: since, Losses: losses}}
	})
}

// sendFound sends what was planned, or what is missing: that which the page showed, and
// nothing else.
func (c *Console) sendFound(w http.ResponseWriter, r *http.Request) {
	found, ok := c.catchUpJob.take(r.PostFormValue("found"))
	switch {
	case !ok:
		c.showCatchUp(w, r, http.StatusConflict, errNotShown.Error(), nil, nil)
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

// tellAgain opens a store with the settings that count by now. Where they are about
// something else than what was found, or there are none, it shows that.
func (c *Console) reopen(w http.ResponseWriter, r *http.Request, found store.Backfill) (opened store.Backfill, ok bool) {
	opened, err := found.Reopen(r.Context())
	switch {
	case errors.Is(err, store.ErrChanged):
		c.showCatchUp(w, r, http.StatusConflict, err.Error()+": look at it again, and then send it. Nothing was sent", nil, nil)
	case err != nil:
		c.showCatchUp(w, r, http.StatusUnprocessableEntity, err.Error(), nil, nil)
	}
	return opened, err == nil
}

// goOn goes on with a backfill that was stopped, or forgets it.
func (c *Console) goOn(w http.ResponseWriter, r *http.Request) {
	all, err := c.left(r.Context())
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	i := slices.IndexFunc(all, func(l left) bool { return l.ID() == r.PostFormValue("left") })
	if i < 0 {
		c.showCatchUp(w, r, http.StatusConflict, errNotLeft.Error(), nil, nil)
		return
	}
	position := all[i].Position
	if r.PostFormValue("do") == "forget" {
		if err := position.Forget(); err != nil {
			c.fail(w, r, http.StatusInternalServerError, err)
			return
		}
		c.done(w, r, "/catchup", "Forgotten. What was sent stays sent.")
		return
	}
	opened, err := c.openBackfill(r.Context(), []backfill.Kind{position.Kind}, position.Only, position.To)
	if err != nil {
		c.showCatchUp(w, r, http.StatusUnprocessableEntity, err.Error(), nil, nil)
		return
	}
	c.backfill(w, r, opened, position)
}

// backfill sends from a position on.
func (c *Console) backfill(w http.ResponseWriter, r *http.Request, opened store.Backfill, position *backfill.Position) {
	work := job{Says: "Telling Segment what happened", Counts: "events sent", Of: position.Events, Done: position.Sent}
	c.begin(w, r, work, func(ctx context.Context, at func(int)) finding {
		err := opened.Backfill(ctx, position, opened.Journal(), func(p backfill.Position) { at(p.Sent) })
		if err != nil {
			return failed(ctx, err, fmt.Sprintf("%d of %d events are sent. Nothing is lost: it goes on from there, whenever you like.", position.Sent, position.Events))
		}
		return finding{
			Says:   fmt.Sprintf("Done: %s of %s sent.", words.Count(position.Sent, "event"), position.Kind.Count(position.Resources)),
			Unsent: refusals{position.Refusals, position.Rejected},
		}
	})
}

// sendMissing sends what is missing, and nothing else.
func (c *Console) sendMissing(w http.ResponseWriter, r *http.Request, opened store.Backfill, missing []backfill.Missing) {
	work := job{Says: "Telling Segment what is missing", Counts: "missing facts told", Of: len(missing)}
	c.begin(w, r, work, func(ctx context.Context, at func(int)) finding {
		sent, refused, err := opened.Send(ctx, missing, opened.Journal(), at)
		if err != nil {
			return failed(ctx, err, fmt.Sprintf("%s sent. To go on, compare again: what was sent is not missing any more.", words.Count(sent, "event")))
		}
		return finding{
			Says:   fmt.Sprintf("Done: %s sent.", words.Count(sent, "event")),
			Unsent: refusals{refused[:min(len(refused), namedAtMost)], len(refused)},
		}
	})
}

// begin begins a job, and shows how far it is, or what it has come to.
func (c *Console) begin(w http.ResponseWriter, r *http.Request, work job, run func(ctx context.Context, at func(int)) finding) {
	if !c.catchUpJob.begin(r.Context(), work, run) {
		c.showCatchUp(w, r, http.StatusConflict, errCatchingUp.Error(), nil, nil)
		return
	}
	goTo(w, r, "/catchup")
}

// stopCatchingUp ends the job that is underway, or forgets what was found and is named.
func (c *Console) stopCatchingUp(w http.ResponseWriter, r *http.Request) {
	if found := r.PostFormValue("found"); found != "" {
		c.catchUpJob.take(found)
	} else {
		c.catchUpJob.end()
	}
	goTo(w, r, "/catchup")
}
