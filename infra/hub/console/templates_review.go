package console

import (
	"context"
	"net/http"

	"commerce-segment/infra/hub/console/difference"
	"commerce-segment/infra/hub/console/redact"
	"commerce-segment/infra/hub/lint"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/tracking"
)

// reviewedEvents is the number of real events that a review compares.
const reviewedEvents = 20

// reviewData is the effect of saving a template.
type reviewData struct {
	Form     templateForm
	Of       string // the events that were compared, such as "last 20 events"
	Changes  []change
	Faults   []*lint.Fault
	CanHide  bool // the events are real
	Template difference.Sides
}

// change is the results for an event before and after the change.
type change struct {
	Label string
	Both  difference.Sides // without rows if only hidden values differ
	Fails bool             // it fails only after the change
}

// reviewTemplate shows the effect of saving on the last events, or on the samples if there are
// no events.
func (c *Console) reviewTemplate(w http.ResponseWriter, r *http.Request, data editorData) {
	events := c.realEvents(r.Context(), data.Form.Tracking)
	events = events[:min(len(events), reviewedEvents)]
	of := "last " + words.Count(len(events), "event")
	if len(events) == 0 {
		events = sampleEvents(data.Form.Tracking)
		of = words.Count(len(events), "sample")
	}
	review := reviewData{Form: data.Form, Of: of, CanHide: events[0].Real}
	if err := c.changes(r.Context(), data, events, &review); err != nil {
		c.showEditor(w, r, http.StatusBadGateway, data, err.Error())
		return
	}
	c.show(w, r, http.StatusOK, "templates-review", view{Title: "Save " + data.Form.Tracking.Title + "?", Path: "/templates", Data: review})
}

// changes adds the differences and the findings to a review.
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
	review.Template, err = difference.Compare("Before", before.text, "After", after.text)
	return err
}

// changeOf compares the results for an event, and reports whether they differ.
func changeOf(ctx context.Context, t tracking.Tracking, before, after source, writeKey string, e event, personal bool) (one change, differs bool, err error) {
	old, now := tryEvent(ctx, t, before, writeKey, e), tryEvent(ctx, t, after, writeKey, e)
	if old.Text() == now.Text() && old.Digest == now.Digest {
		return change{}, false, nil
	}
	one = change{Label: e.Label, Fails: now.Wrong != nil && old.Wrong == nil}
	if e.Real && !personal {
		hide := redact.New(e.Body)
		old, now = old.redacted(hide), now.redacted(hide)
	}
	one.Both, err = difference.Compare("Before", old.Text(), "After", now.Text())
	return one, true, err
}
