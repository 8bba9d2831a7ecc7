package console

import (
	"context"
	"slices"

	"commerce-segment/infra/hub/deletions"
	"commerce-segment/infra/hub/health"
	"commerce-segment/shared/tracking"
)

// step is a page in the navigation.
type step struct {
	Path, Title, Hint string
	Badge             int // a number that needs attention
}

// part is a part of the navigation.
type part struct {
	Title string
	Steps []step
}

// navigation is all pages, in the order of an operator's work: first those to look at each day.
var navigation = []part{
	{"Monitor", []step{
		{Path: "/", Title: "Overview", Hint: "Is it working?"},
		{Path: "/executions", Title: "Executions", Hint: "Outcome of each webhook"},
		{Path: "/trace", Title: "Orders", Hint: "One order or customer"},
		{Path: "/revenue", Title: "Revenue", Hint: "Paid and sent, by day"},
		{Path: "/deadletters", Title: "Dead letters", Hint: "Failed events, replay"},
		{Path: deletionsPath, Title: "Deletions", Hint: "Users to delete in Segment"},
		{Path: inboxPath, Title: "Inbox", Hint: "What Segment would receive"},
		{Path: "/doctor", Title: "Doctor", Hint: "Problems and fixes"},
	}},
	{"Build", []step{
		{Path: "/templates", Title: "Templates", Hint: "What each call contains"},
		{Path: "/trackings", Title: "Configurations", Hint: "Which events to send"},
	}},
	{"Set up", []step{
		{Path: "/connections", Title: "Connections", Hint: "Commerce and Segment"},
		{Path: "/finish", Title: "Finish", Hint: "Register the webhooks"},
		{Path: "/catchup", Title: "Catch up", Hint: "Missing events, backfill"},
	}},
}

// stepAt returns the step with a path.
func stepAt(path string) step {
	for _, part := range navigation {
		for _, s := range part.Steps {
			if s.Path == path {
				return s
			}
		}
	}
	return step{Path: path}
}

// navigation returns the parts of the navigation, with the numbers of problems and of dead
// letters. The inbox is there while it receives the events, and the page Deletions while
// a tracking that requests them is enabled.
func (c *Console) navigation(ctx context.Context) []part {
	host, err := c.segmentHost(ctx)
	hidden := map[string]bool{inboxPath: c.Machine == nil || err != nil || host != ""}
	enabled, err := c.Store.Enabled(ctx)
	hidden[deletionsPath] = err != nil || !slices.ContainsFunc(deletions.Trackings(), func(t tracking.Tracking) bool { return enabled[t.Name] })
	return navigationFor(c.lastHealth(ctx), hidden)
}

// navigationFor returns the parts of the navigation without the steps whose paths are hidden.
func navigationFor(j health.Judgement, hidden map[string]bool) []part {
	badges := map[string]int{"/": j.Count(), "/deadletters": j.DeadLetters}
	parts := make([]part, len(navigation))
	for i, p := range navigation {
		parts[i].Title = p.Title
		for _, s := range p.Steps {
			if hidden[s.Path] {
				continue
			}
			s.Badge = badges[s.Path]
			parts[i].Steps = append(parts[i].Steps, s)
		}
	}
	return parts
}
