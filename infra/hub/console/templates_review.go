package console

import (
	"context"
	"net/http"

	"commerce-segment/infra/hub/console/difference"
	"commerce-segment/infra/hub/forecast"
	"commerce-segment/infra/hub/lint"
	"commerce-segment/infra/hub/plan"
	"commerce-segment/infra/hub/redact"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// reviewData is the effect of saving a template.
type reviewData struct {
	Form      templateForm
	Effect    forecast.Change
	Changes   []change
	Faults    []*lint.Fault
	CanHide   bool // the events are real
	Template  difference.Sides
	PlanCheck *plan.TemplateCheck // nil without a tracking plan in Segment
}

// change is the results for an event before and after the change.
type change struct {
	Label string
	Both  difference.Sides // without rows if only hidden values differ
	Fails bool             // it fails only after the change
}

// reviewTemplate shows the effect of saving on the last events, or on the samples if there are
// no events.
func (c *Console) reviewTemplate(w http.ResponseWriter, r *http.Request, data editorData, alert string) {
	events := c.reviewed(r.Context(), data.Form.Tracking)
	review := reviewData{Form: data.Form, CanHide: events[0].Real}
	if err := c.changes(r.Context(), data, events, &review); err != nil {
		c.showEditor(w, r, http.StatusBadGateway, data, err.Error())
		return
	}
	c.show(w, r, http.StatusOK, "templates-review", view{Title: "Save " + data.Form.Tracking.Title + "?", Path: "/templates", Alert: alert, Data: review})
}

// reviewed returns the events of a review: the latest ones, or the samples if there are none.
func (c *Console) reviewed(ctx context.Context, t tracking.Tracking) []event {
	events := c.realEvents(ctx, t)
	if len(events) == 0 {
		return sampleEvents(t)
	}
	return events[:min(len(events), forecast.Compared)]
}

// effectOf returns what a change of a template does to events.
func effectOf(ctx context.Context, t tracking.Tracking, before, after string, events []event) forecast.Change {
	effect := forecast.Compare(ctx, t, before, after, tried(t, events))
	effect.Samples = !events[0].Real
	return effect
}

// tried returns events as those that a template is tried on.
func tried(t tracking.Tracking, events []event) (tried []forecast.Event) {
	for _, e := range events {
		one := forecast.Event{Body: e.Body, At: e.At, Currencies: e.Currencies}
		if !e.Real {
			one.Fetch = e.sample(t, "").Commerce
		}
		tried = append(tried, one)
	}
	return tried
}

// checkWithPlan compares the messages before and after a change of a template with the tracking
// plan in Segment.
func (c *Console) checkWithPlan(ctx context.Context, data editorData, events []event) *plan.TemplateCheck {
	var latest []forecast.Event
	if events[0].Real {
		latest = tried(data.Form.Tracking, events)
	}
	return plan.ReadConnected(ctx, c.Store).CheckTemplate(ctx, data.Form.Tracking, data.Stored.Source, data.Form.Source, latest)
}

// showEffect sends to the hub's commands what a template would do to the latest events, if it
// were saved.
func (c *Console) showEffect(w http.ResponseWriter, r *http.Request) {
	t, stored, ok := c.storedTemplate(w, r)
	if !ok {
		return
	}
	form, err := readTemplateForm(r, t)
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	writeJSON(w, effectOf(r.Context(), t, stored.Source, form.Source, c.reviewed(r.Context(), t)))
}

// changes adds the effect, the differences and the findings to a review.
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
	for i := range events {
		if events[i].Real {
			events[i].Currencies = currencies
		}
	}
	review.Effect = effectOf(ctx, t, data.Stored.Source, data.Form.Source, events)
	for _, e := range events {
		one, differs, err := changeOf(ctx, t, before, after, key, e, data.Form.Personal)
		if err != nil {
			return err
		}
		if differs {
			review.Changes = append(review.Changes, one)
		}
	}
	if review.Faults, err = lint.LintThoroughly(ctx, t, after.compiled, templates.SamplesOf(t.Name)); err != nil {
		return err
	}
	review.PlanCheck = c.checkWithPlan(ctx, data, events)
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
		hide := redact.New(e.Body, []byte(old.JSON), []byte(now.JSON))
		old, now = old.redacted(hide), now.redacted(hide)
	}
	one.Both, err = difference.Compare("Before", old.Text(), "After", now.Text())
	return one, true, err
}
