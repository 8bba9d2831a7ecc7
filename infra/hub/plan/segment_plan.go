package plan

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/workspace"
	"commerce-segment/shared/publicapi"
)

// SegmentPlan is a tracking plan that Segment has.
type SegmentPlan struct {
	publicapi.TrackingPlan
	Rules []publicapi.Rule
	// Source is the source of the store's write key, if the plan was found by it.
	Source *publicapi.Source
	// Settings are the schema settings of the source; nil if they are not known.
	Settings *publicapi.SourceSettings
}

// ErrNoPlan reports that no tracking plan is connected to the source of a store.
var ErrNoPlan = errors.New("no tracking plan is connected to it")

// Find returns the tracking plan with a name or an id. Without one it returns the plan that is
// connected to the source of the store's write key; the error is an ErrNoPlan if there is none.
func Find(ctx context.Context, s store.Store, client *publicapi.Client, named string) (SegmentPlan, error) {
	plans, err := client.TrackingPlans(ctx)
	if err != nil {
		return SegmentPlan{}, err
	}
	var found SegmentPlan
	if named == "" {
		if found, err = connected(ctx, s, client); err != nil {
			return found, err
		}
		named = found.Source.TrackingPlanID
	}
	if found.TrackingPlan, err = findByNameOrID(plans, named); err != nil {
		return found, err
	}
	found.Rules, err = client.Rules(ctx, found.ID)
	return found, err
}

// connected returns the source of the store's write key, with the id of its plan.
func connected(ctx context.Context, s store.Store, client *publicapi.Client) (SegmentPlan, error) {
	lookup, err := workspace.Of(ctx, s)
	if err != nil {
		return SegmentPlan{}, err
	}
	if lookup.Source == nil {
		return SegmentPlan{}, fmt.Errorf("cannot find the tracking plan of the source, because %s. To fix it, %s. Or name the plan with --plan", lookup.Says(), lookup.WhatToDo(s.Flag()))
	}
	source, err := client.Source(ctx, lookup.Source.ID)
	if err != nil {
		return SegmentPlan{}, err
	}
	found := SegmentPlan{Source: &source}
	if source.TrackingPlanID == "" {
		return found, fmt.Errorf("the source %s: %w", workspace.Quote(source.Title()), ErrNoPlan)
	}
	if enforced, err := client.SourceSettings(ctx, source.ID); err == nil { // without it the plan can be compared all the same
		found.Settings = &enforced
	}
	return found, nil
}

// findByNameOrID returns the plan with an id or a name.
func findByNameOrID(plans []publicapi.TrackingPlan, named string) (publicapi.TrackingPlan, error) {
	var found []publicapi.TrackingPlan
	var names []string
	for _, p := range plans {
		if p.ID == named {
			return p, nil
		}
		if p.Name == named {
			found = append(found, p)
		}
		names = append(names, workspace.Quote(p.Name)+" ("+p.ID+")")
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return publicapi.TrackingPlan{}, fmt.Errorf("%d tracking plans have the name %s: give the id of one: the plans are %s", len(found), workspace.Quote(named), strings.Join(names, ", "))
	case len(names) == 0:
		return publicapi.TrackingPlan{}, fmt.Errorf("%w %s: the workspace has none", errUnknownPlan, workspace.Quote(named))
	}
	return publicapi.TrackingPlan{}, fmt.Errorf("%w %s: the plans are %s", errUnknownPlan, workspace.Quote(named), strings.Join(names, ", "))
}

var errUnknownPlan = errors.New("there is no tracking plan")

// FindOrNew returns the tracking plan with a name, or a new one, without an id, that Push creates.
func FindOrNew(ctx context.Context, s store.Store, client *publicapi.Client, name string) (SegmentPlan, error) {
	found, err := Find(ctx, s, client, name)
	if errors.Is(err, errUnknownPlan) {
		return SegmentPlan{TrackingPlan: publicapi.TrackingPlan{Name: name}}, nil
	}
	return found, err
}

// Push writes rules to the plan, which it creates if it is new. It does not change other rules.
func (p *SegmentPlan) Push(ctx context.Context, client *publicapi.Client, rules []publicapi.Rule) error {
	if p.ID == "" {
		created, err := client.CreateTrackingPlan(ctx, p.Name, "The events of Elastic Path Commerce, made from the templates of commerce-segment.")
		if err != nil {
			return err
		}
		p.TrackingPlan = created
	}
	return client.UpdateRules(ctx, p.ID, rules)
}

// Title describes the plan: its name, its id and its source.
func (p SegmentPlan) Title() string {
	title := "the tracking plan " + workspace.Quote(p.Name)
	if p.ID == "" {
		title += ", which is new"
	} else {
		title += " (" + p.ID + ")"
	}
	if p.Source != nil {
		title += " of the source " + workspace.Quote(p.Source.Title())
	}
	return title
}

// Consequence describes what Segment does with messages that violate the plan.
func (p SegmentPlan) Consequence() string {
	if p.Settings == nil {
		return "Segment flags such events, or blocks them if the schema settings of the source say so."
	}
	track, identify := p.Settings.Track, p.Settings.Identify
	forbids := func(allows *bool) bool { return allows != nil && !*allows }
	const block, omit = "BLOCK", "OMIT_PROPERTIES"
	var does []string
	for _, one := range []struct {
		isSet bool
		does  string
	}{
		{forbids(track.AllowEventOnViolations), "blocks events that violate the plan"},
		{forbids(track.AllowUnplannedEvents), "blocks events that are not in the plan"},
		{track.CommonEventOnViolations == block, "blocks events that violate the common JSON schema of the plan"},
		{identify.CommonEventOnViolations == block, "blocks identify calls that violate the common JSON schema of the plan"},
		{forbids(track.AllowPropertiesOnViolations), "removes properties that violate the plan"},
		{forbids(track.AllowUnplannedEventProperties), "removes properties that are not in the plan"},
		{track.CommonEventOnViolations == omit, "removes properties that violate the common JSON schema of the plan"},
		{forbids(identify.AllowTraitsOnViolations), "removes traits that violate the plan"},
		{forbids(identify.AllowUnplannedTraits), "removes traits that are not in the plan"},
		{identify.CommonEventOnViolations == omit, "removes traits that violate the common JSON schema of the plan"},
	} {
		if one.isSet {
			does = append(does, one.does)
		}
	}
	if len(does) == 0 {
		return "Segment flags such events: the schema settings of the source let them pass."
	}
	return "By the schema settings of the source, Segment " + strings.Join(does, " and ") + "."
}
