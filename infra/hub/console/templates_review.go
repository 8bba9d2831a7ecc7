package console

import (
	"context"
	"net/http"

	"commerce-segment/infra/hub/console/difference"
	"commerce-segment/infra/hub/console/redact"
	"commerce-segment/infra/hub/lint"
	"commerce-segment/shared/tracking"
)

// reviewed is of how many real events it is shown.
const reviewed = 20

// reviewData is what saving a template would change.
type reviewData struct {
	Form     templateForm
	Of       string // which events these are
	Count    int
	Changes  []change
	Faults   []*lint.Fault
	CanHide  bool // the events are real
	Template difference.Sides
}

// Same is for how many events nothing changes.
func (d reviewData) Same() int { return d.Count - len(d.Changes) }

// change is what would become of an event, beside what becomes of it now.
type change struct {
	Label string
	Both  difference.Sides // without rows where only hidden values differ
	Fails bool             // it would fail, and does not now
}

// reviewTemplate shows what saving would change for the last events, or else for the
// samples.
func (c *Console) reviewTemplate(w http.ResponseWriter, r *http.Request, data editorData) {
	events, of := c.realEvents(r.Context(), data.Form.Tracking), "last events"
	events = events[:min(len(events), reviewed)]
	if len(events) == 0 {
		events, of = sampleEvents(data.Form.Tracking), "samples"
	}
	review := reviewData{Form: data.Form, Of: of, Count: len(events), CanHide: events[0].Real}
	if err := c.changes(r.Context(), data, events, &review); err != nil {
		c.showEditor(w, r, http.StatusBadGateway, data, err.Error())
		return
	}
	c.show(w, r, http.StatusOK, "templates-review", view{Title: "Save " + data.Form.Tracking.Title + "?", Path: "/templates", Data: review})
}

// changes fills in what differs, and what is wrong with what would be sent.
func (c *Console) changes(ctx context.Context, data editorData, events []event, review *reviewData) error {
	t := data.Form.Tracking
	key, err := c.writeKey(ctx)
	if err != nil {
		return err
	}
	currencies, err := c.Store.Currencies(ctx)
	if err != nil {
		return err
	}
	before, after := sourceOf(t, data.Stored.Source), sourceOf(t, data.Form.Source)
	for _, e := range events {
		if e.Real {
			e.Currencies = currencies
		}
		one, differs, err := changeOf(ctx, t, before, after, key, e, data.Form.Personal)
		if err != nil {
			return err
		}
		if differs {
			review.Changes = append(review.Changes, one)
		}
	}
	if review.Faults, err = lint.LintThoroughly(ctx, t, after.compiled, samplesOf(t)); err != nil {
		return err
	}
	review.Template, err = difference.Compare("Now", before.text, "Then", after.text)
	return err
}

// changeOf is what would become of an event, and whether that differs.
func changeOf(ctx context.Context, t tracking.Tracking, before, after source, writeKey string, e event, personal bool) (one change, differs bool, err error) {
	old, now := try(ctx, t, before, writeKey, e), try(ctx, t, after, writeKey, e)
	if old.Text() == now.Text() {
		return change{}, false, nil
	}
	one = change{Label: e.Label, Fails: now.Wrong != nil && old.Wrong == nil}
	if e.Real && !personal {
		hide := redact.New(e.Body)
		old, now = old.redacted(hide), now.redacted(hide)
	}
	one.Both, err = difference.Compare("Now", old.Text(), "Then", now.Text())
	return one, true, err
}
