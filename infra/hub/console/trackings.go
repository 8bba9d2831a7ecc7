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

// choice is a group of trackings with what is chosen for each.
type choice struct {
	Title string
	Rows  []choiceRow
}

type choiceRow struct {
	tracking.Tracking
	Enabled bool
	Events  []eventChoice
	Wrong   string
	// What the page showed when it was opened, by which to tell what is changed on it.
	WasEnabled, WasEvents string
}

// Chooses says that there is more than one event to choose from.
func (r choiceRow) Chooses() bool { return len(r.Events) > 1 }

// Makes says which Segment call the tracking makes.
func (r choiceRow) Makes() string {
	subject := "order"
	if r.Call == tracking.Identify {
		subject = "customer"
	}
	often := "each time"
	if r.Once {
		often = "once for each " + subject
	}
	if r.Call == tracking.Identify {
		return "An identify call with the customer's name and email, " + often + "."
	}
	return "A track call “" + r.Title + "”, " + often + "."
}

type eventChoice struct {
	Name   string
	Says   string
	Chosen bool
}

// eventSays are the Commerce events as people say them.
var eventSays = map[string]string{
	"order.created":    "when the order is created",
	"order.authorized": "when its payment is authorized",
	"order.paid":       "when it is paid",
	"order.fulfilled":  "when it is fulfilled",
	"order.updated":    "when it changes in any way",
	"order.refunded":   "when all of it is refunded",
	"order.cancelled":  "when it is cancelled",
	"customer.created": "when the customer is created",
	"customer.updated": "when their details change",
	"customer.deleted": "also when they are deleted",
}

// saysOf returns when a tracking receives an event.
func saysOf(t tracking.Tracking, event string) string {
	if t.InParts && event == "order.updated" {
		return "when a part of it is refunded, which only Commerce's API says: connect it"
	}
	return eventSays[event]
}

// trackings shows what Segment is told of.
func (c *Console) trackings(w http.ResponseWriter, r *http.Request) {
	values, err := c.Store.Parameters(r.Context(), store.AllNames())
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	counts := chosenBy(values, c.Store.Defaults())
	c.showTrackings(w, r, http.StatusOK, choices(counts, counts, nil), "")
}

func (c *Console) showTrackings(w http.ResponseWriter, r *http.Request, status int, data []choice, alert string) {
	c.show(w, r, status, "trackings", view{Path: "/trackings", Alert: alert, Data: data})
}

// chosenBy is what counts of each tracking: what is set, or else the default.
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

// inOrder is a tracking's events as the page sends them, however they were written.
func inOrder(t tracking.Tracking, value string) string {
	place := func(event string) int { return slices.Index(t.Observable(), event) }
	events := splitEvents(value)
	slices.SortStableFunc(events, func(a, b string) int { return place(a) - place(b) })
	return strings.Join(events, ",")
}

// choices are the seven trackings as the page shows them: what is chosen, and what was
// when the page was opened. What is wrong is by the tracking's name.
func choices(chosen, was, wrongs map[string]string) []choice {
	var all []choice
	for _, g := range groups() {
		one := choice{Title: g.Title}
		for _, t := range g.Trackings {
			row := choiceRow{
				Tracking: t, Enabled: chosen[settings.Enabled(t)] == "true", Wrong: wrongs[t.Name],
				WasEnabled: was[settings.Enabled(t)], WasEvents: was[settings.Events(t)],
			}
			events := splitEvents(chosen[settings.Events(t)])
			for _, event := range t.Observable() {
				row.Events = append(row.Events, eventChoice{Name: event, Says: saysOf(t, event), Chosen: slices.Contains(events, event)})
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

var errNothingSent = errors.New("nothing was saved: the form came without all of its fields, so open the page and save again")

// saveTrackings saves what was changed on the page.
func (c *Console) saveTrackings(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		c.fail(w, r, http.StatusBadRequest, err)
		return
	}
	chosen, was, wrongs := map[string]string{}, map[string]string{}, map[string]string{}
	for _, t := range tracking.All() {
		enabled := r.PostForm.Get("enabled-"+t.Name) != ""
		events := r.PostForm["events-"+t.Name]
		was[settings.Enabled(t)], was[settings.Events(t)] = r.PostForm.Get("was-enabled-"+t.Name), r.PostForm.Get("was-events-"+t.Name)
		if was[settings.Enabled(t)] == "" || was[settings.Events(t)] == "" { // a check box that is off is not sent either
			c.fail(w, r, http.StatusBadRequest, errNothingSent)
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
		c.showTrackings(w, r, http.StatusUnprocessableEntity, choices(chosen, was, wrongs), "Nothing was saved: correct what is marked below.")
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
	counts := chosenBy(values, c.Store.Defaults())
	wanted, together := changedOn(chosen, was, counts)
	if wrongs = changedByBoth(wanted, was, counts); len(wrongs) > 0 {
		c.showTrackings(w, r, http.StatusConflict, choices(together, counts, wrongs), "Nothing was saved: "+
			"somebody has changed what is marked below since you opened this page. Save again to have yours in its place.")
		return
	}
	said, err := c.saveChosen(r.Context(), wanted)
	if err != nil {
		c.showTrackings(w, r, http.StatusBadGateway, choices(together, counts, nil), err.Error())
		return
	}
	c.done(w, r, "/trackings", said)
}

// changedOn is what of the chosen was changed on the page, and with it all that counts
// by now. Whatever somebody else has changed meanwhile stays. A tracking that is disabled
// with no event keeps those it had.
func changedOn(chosen, was, counts map[string]string) (wanted, together map[string]string) {
	wanted, together = map[string]string{}, maps.Clone(counts)
	for name, value := range chosen {
		if value != "" && value != was[name] {
			wanted[name], together[name] = value, value
		}
	}
	return wanted, together
}

// changedByBoth says, by the tracking's name, of which events somebody else has chosen
// others meanwhile. Of enabled there are two values: who changes it as well changes it
// to the same.
func changedByBoth(wanted, was, counts map[string]string) map[string]string {
	wrongs := map[string]string{}
	for _, t := range tracking.All() {
		name := settings.Events(t)
		if value, changed := wanted[name]; changed && counts[name] != was[name] && counts[name] != value {
			wrongs[t.Name] = "by now it is " + strings.Join(splitEvents(counts[name]), " and ")
		}
	}
	return wrongs
}

// saveChosen writes what is wanted, and says what follows from it.
func (c *Console) saveChosen(ctx context.Context, wanted map[string]string) (said string, err error) {
	said, err = c.save(ctx, wanted)
	if err == nil && said != nothingChanged {
		said += " The webhooks in Commerce follow on the page Finish."
	}
	return said, err
}
