package console

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// choice is a group of trackings and their settings.
type choice struct {
	Title string
	Rows  []choiceRow
}

type choiceRow struct {
	tracking.Tracking
	Enabled bool
	Events  []eventChoice
	Wrong   string
	// The settings when the page was opened. They show what the user changed.
	WasEnabled, WasEvents string
	Paused                bool
	// Missing says that the store does not have the tracking, and what to do. Then the row has
	// no settings.
	Missing string
}

// Chooses reports whether there is more than one event to choose from.
func (r choiceRow) Chooses() bool { return len(r.Events) > 1 }

// Makes describes the Segment call that the tracking makes.
func (r choiceRow) Makes() string {
	often := "each time"
	if r.Once {
		often = "once for each " + spaced(r.Resource())
	}
	switch r.Call {
	case tracking.Identify:
		return "An identify call with the " + spaced(r.Resource()) + "'s name and email, " + often + "."
	case tracking.Delete:
		return "A request to delete the user from Segment. A deletion cannot be undone. It needs a token of Segment's Public API. While messages go to the inbox of a hub, Segment is not asked."
	}
	return "A track call “" + r.Title + "”, " + often + "."
}

type eventChoice struct {
	Name   string
	When   string
	Chosen bool
}

// eventTimes describe when Commerce sends the events whose names do not say it.
var eventTimes = map[string]string{
	"order.authorized": "when the payment of the order is authorized",
	"order.updated":    "when the order changes in any way",
	"order.refunded":   "when the whole order is refunded",
	"customer.updated": "when the customer's details change",
}

// timeOf describes when a tracking receives an event.
func timeOf(t tracking.Tracking, event string) string {
	if t.InParts && event == "order.updated" {
		return "when a part of the order is refunded (needs a connection to Commerce, whose API has the amount)"
	}
	if t.Call == tracking.Delete && event == "order.updated" {
		return "when the order of a guest is anonymized"
	}
	resource, verb, _ := strings.Cut(event, ".")
	return cmp.Or(eventTimes[event], "when the "+spaced(resource)+" is "+spaced(verb))
}

// spaced returns a name with spaces between its words.
func spaced(name string) string { return strings.NewReplacer("-", " ", "_", " ").Replace(name) }

// trackings shows which events are sent to Segment.
func (c *Console) trackings(w http.ResponseWriter, r *http.Request) {
	values, err := c.Store.Parameters(r.Context(), store.AllNames())
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	current := chosenBy(values, c.Store.Defaults())
	c.showTrackings(w, r, http.StatusOK, c.choices(current, current, nil), "")
}

func (c *Console) showTrackings(w http.ResponseWriter, r *http.Request, status int, data []choice, alert string) {
	for _, pause := range c.pauses(r.Context()) {
		for _, group := range data {
			for i := range group.Rows {
				group.Rows[i].Paused = group.Rows[i].Paused || group.Rows[i].Name == pause.Tracking.Name
			}
		}
	}
	c.show(w, r, status, "trackings", view{Path: "/trackings", Alert: alert, Data: data})
}

// chosenBy returns the settings in effect for each tracking: the value that is set, or the
// default.
func chosenBy(values, defaults map[string]string) map[string]string {
	chosen := map[string]string{}
	for _, t := range tracking.All() {
		for _, name := range []string{settings.Enabled(t), settings.Events(t)} {
			chosen[name] = cmp.Or(strings.TrimSpace(values[name]), defaults[name])
		}
		chosen[settings.Events(t)] = inOrder(t, chosen[settings.Events(t)])
	}
	return chosen
}

// inOrder returns a tracking's events in the order and format of the page.
func inOrder(t tracking.Tracking, value string) string {
	place := func(event string) int { return slices.Index(t.Observable(), event) }
	events := splitEvents(value)
	slices.SortStableFunc(events, func(a, b string) int { return place(a) - place(b) })
	return strings.Join(events, ",")
}

// choices returns the trackings as the page shows them: the chosen settings, and those when
// the page was opened. The errors are by tracking name.
func (c *Console) choices(chosen, was, wrongs map[string]string) []choice {
	var all []choice
	for _, g := range groups(tracking.All()) {
		one := choice{Title: g.Title}
		for _, t := range g.Trackings {
			if missing := c.Store.CheckHas(t); missing != nil {
				one.Rows = append(one.Rows, choiceRow{Tracking: t, Missing: missing.Error()})
				continue
			}
			row := choiceRow{
				Tracking: t, Enabled: chosen[settings.Enabled(t)] == "true", Wrong: wrongs[t.Name],
				WasEnabled: was[settings.Enabled(t)], WasEvents: was[settings.Events(t)],
			}
			events := splitEvents(chosen[settings.Events(t)])
			for _, event := range t.Observable() {
				row.Events = append(row.Events, eventChoice{Name: event, When: timeOf(t, event), Chosen: slices.Contains(events, event)})
			}
			one.Rows = append(one.Rows, row)
		}
		all = append(all, one)
	}
	return all
}

func splitEvents(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
}

var errFieldsMissing = errors.New("nothing was saved: fields are missing in the form. Open the page and save again")

// saveTrackings saves the changes on the page.
func (c *Console) saveTrackings(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		c.fail(w, r, http.StatusBadRequest, err)
		return
	}
	chosen, was, wrongs := map[string]string{}, map[string]string{}, map[string]string{}
	for _, t := range c.Store.Trackings() {
		enabled := r.PostForm.Get("enabled-"+t.Name) != ""
		events := r.PostForm["events-"+t.Name]
		was[settings.Enabled(t)], was[settings.Events(t)] = r.PostForm.Get("was-enabled-"+t.Name), r.PostForm.Get("was-events-"+t.Name)
		if was[settings.Enabled(t)] == "" || was[settings.Events(t)] == "" { // browsers do not send a check box that is off, so these fields show that the form is whole
			c.fail(w, r, http.StatusBadRequest, errFieldsMissing)
			return
		}
		chosen[settings.Enabled(t)], chosen[settings.Events(t)] = "false", strings.Join(events, ",")
		if enabled {
			chosen[settings.Enabled(t)] = "true"
		}
		if err := t.CheckEvents(events); err != nil && (enabled || len(events) > 0) {
			wrongs[t.Name] = err.Error()
		}
	}
	if len(wrongs) > 0 {
		c.showTrackings(w, r, http.StatusUnprocessableEntity, c.choices(chosen, was, wrongs), "Nothing was saved. Correct the marked fields.")
		return
	}
	release, err := c.Store.Saving(r.Context())
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	defer release()
	values, err := c.Store.Parameters(r.Context(), store.AllNames())
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	current := chosenBy(values, c.Store.Defaults())
	wanted, together := changedOn(chosen, was, current)
	if wrongs = changedByBoth(wanted, was, current); len(wrongs) > 0 {
		c.showTrackings(w, r, http.StatusConflict, c.choices(together, current, wrongs), "Nothing was saved: "+
			"another user changed the marked settings after you opened this page. Save again to overwrite them.")
		return
	}
	said, err := c.saveChosen(r.Context(), wanted)
	if err != nil {
		c.showTrackings(w, r, http.StatusBadGateway, c.choices(together, current, nil), err.Error())
		return
	}
	c.done(w, r, "/trackings", said)
}

// changedOn returns the settings that the user changed on the page, and all current settings
// together with these changes. The changes of other users stay. A tracking that is disabled
// without an event keeps its events.
func changedOn(chosen, was, current map[string]string) (wanted, together map[string]string) {
	wanted, together = map[string]string{}, maps.Clone(current)
	for name, value := range chosen {
		if value != "" && value != was[name] {
			wanted[name], together[name] = value, value
		}
	}
	return wanted, together
}

// changedByBoth returns an error, by tracking name, for events that both this and another
// user changed. It does not check whether a tracking is enabled: there are only two values, so
// both users changed it to the same.
func changedByBoth(wanted, was, current map[string]string) map[string]string {
	wrongs := map[string]string{}
	for _, t := range tracking.All() {
		name := settings.Events(t)
		if value, changed := wanted[name]; changed && current[name] != was[name] && current[name] != value {
			wrongs[t.Name] = "current value: " + strings.Join(splitEvents(current[name]), " and ")
		}
	}
	return wrongs
}

// saveChosen saves the wanted settings, and returns the notice for the page.
func (c *Console) saveChosen(ctx context.Context, wanted map[string]string) (said string, err error) {
	said, err = c.save(ctx, wanted)
	if err == nil && said != nothingChanged {
		said += " Open the page Finish to update the webhooks in Commerce."
	}
	return said, err
}
