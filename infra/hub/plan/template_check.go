package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"commerce-segment/infra/hub/forecast"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// Connected is the tracking plan that is connected to the store's source. Templates are compared
// with it before they are saved.
type Connected struct {
	store  store.Store
	plan   SegmentPlan
	unread error // why the plan could not be read
}

// connectedWithin limits the time for which Segment is asked for the plan.
const connectedWithin = 2 * time.Second

// ReadConnected reads the connected plan from Segment. It returns nil if the store has no token of
// the Public API, or its source has no plan.
func ReadConnected(ctx context.Context, s store.Store) *Connected {
	ctx, cancel := context.WithTimeout(ctx, connectedWithin)
	defer cancel()
	c := &Connected{store: s}
	client, err := s.PublicAPI(ctx)
	if err == nil {
		c.plan, err = Find(ctx, s, client, "")
	}
	if errors.Is(err, store.ErrNoAPIToken) || errors.Is(err, ErrNoPlan) {
		return nil
	}
	c.unread = err
	return c
}

// TemplateCheck is what the messages of a changed template violate in a tracking plan.
type TemplateCheck struct {
	Plan      SegmentPlan
	Found     []Difference // violations that the live template does not have
	Before    int          // how many violations the live template has too
	Unchecked error        // why the messages could not be compared
	// unasked says, in sentences, what is not known because Commerce was not asked; it is empty if the
	// template does not ask it.
	unasked string
}

// CheckTemplate compares what a template writes before and after a change, for the samples and the
// latest events, with the plan. It returns nil if there is no plan, or the tracking deletes users: a
// plan has no rule for that.
func (c *Connected) CheckTemplate(ctx context.Context, t tracking.Tracking, before, after string, latest []forecast.Event) *TemplateCheck {
	if c == nil || t.Call == tracking.Delete {
		return nil
	}
	if c.unread != nil {
		return &TemplateCheck{Unchecked: c.unread}
	}
	check := &TemplateCheck{Plan: c.plan}
	events, err := c.eventsOf(ctx, t, after, latest)
	if err != nil {
		check.Unchecked = err
		return check
	}
	found, _ := Compare(c.plan.Rules, events)
	check.unasked = sayUnknown(found) + DescribeUnasked(events)
	events, _ = c.eventsOf(ctx, t, before, latest) // none of a template that fails
	live, _ := Compare(c.plan.Rules, events)
	for _, d := range Violations(found) {
		if slices.Contains(live, d) {
			check.Before++
		} else {
			check.Found = append(check.Found, d)
		}
	}
	return check
}

// sayUnknown names the fields of which it is not known whether the plan is violated, in a sentence and
// a space; it is empty if there are none.
func sayUnknown(found []Difference) string {
	var fields []string
	for _, d := range found {
		if d.Unknown {
			fields = append(fields, d.Field)
		}
	}
	if len(fields) == 0 {
		return ""
	}
	return "It is not known whether every message has " + strings.Join(fields, ", ") + ", which the plan requires. "
}

// eventsOf returns what a template of a tracking writes for the samples and for the latest events.
func (c *Connected) eventsOf(ctx context.Context, t tracking.Tracking, source string, latest []forecast.Event) ([]Event, error) {
	parameters, err := c.store.Parameters(ctx, []string{settings.Events(t)})
	if err != nil {
		return nil, err
	}
	config, err := settings.Parse(t, parameters)
	if err != nil {
		return nil, err
	}
	return eventsOf(ctx, t, source, append(samplesFor(t, config.Events), latest...))
}

// Says describes the check in sentences.
func (c *TemplateCheck) Says() string {
	if c.Unchecked != nil {
		return fmt.Sprintf("The tracking plan in Segment could not be checked: %v.", c.Unchecked)
	}
	says := words.Capital(c.Plan.Title())
	switch {
	case len(c.Found) > 0:
		says += " would be violated. " + c.Plan.Consequence()
	case c.Before > 0:
		says += " is not violated by the change."
	case c.unasked != "":
		says += " accepts the messages, without what only Commerce knows."
	default:
		says += " accepts the messages."
	}
	if c.Before > 0 {
		says += fmt.Sprintf(" The live template already violates it: %s. hub plan diff lists the violations.", words.Count(c.Before, "violation"))
	}
	return strings.TrimSpace(says + " " + c.unasked)
}
