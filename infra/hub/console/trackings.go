package console

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"commerce-segment/infra/hub/site"
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
	"order.refunded":   "when it is refunded, wholly or partly",
	"order.cancelled":  "when it is cancelled",
	"customer.created": "when the customer is created",
	"customer.updated": "when their details change",
	"customer.deleted": "also when they are deleted",
}

// trackings shows what Segment is told of.
func (c *Console) trackings(w http.ResponseWriter, r *http.Request) {
	values, err := c.Site.Read(r.Context(), site.AllNames())
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	chosen, wrongs := chosenBy(values, c.Site.Defaults()), map[string]string{}
	c.showTrackings(w, r, http.StatusOK, choices(chosen, wrongs), "")
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
	}
	return chosen
}

// choices are the seven trackings as the page shows them. What is wrong is by the
// tracking's name.
func choices(chosen, wrongs map[string]string) []choice {
	var all []choice
	for _, g := range groups() {
		one := choice{Title: g.Title}
		for _, t := range g.Trackings {
			row := choiceRow{Tracking: t, Enabled: chosen[settings.Enabled(t)] == "true", Wrong: wrongs[t.Name]}
			events := splitEvents(chosen[settings.Events(t)])
			for _, event := range t.Observable() {
				row.Events = append(row.Events, eventChoice{Name: event, Says: eventSays[event], Chosen: slices.Contains(events, event)})
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

var errNothingSent = errors.New("nothing was saved: the form came without its fields, so open the page and save again")

// saveTrackings saves what Segment is told of.
func (c *Console) saveTrackings(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		c.fail(w, r, http.StatusBadRequest, err)
		return
	}
	if len(r.PostForm) == 0 { // the page always sends something, and this would disable everything
		c.fail(w, r, http.StatusBadRequest, errNothingSent)
		return
	}
	chosen, wrongs := map[string]string{}, map[string]string{}
	for _, t := range tracking.All() {
		enabled := r.PostForm.Get("enabled-"+t.Name) != ""
		events := r.PostForm["events-"+t.Name]
		chosen[settings.Enabled(t)], chosen[settings.Events(t)] = "false", strings.Join(events, ",")
		if enabled {
			chosen[settings.Enabled(t)] = "true"
		}
		if err := t.CheckEvents(events); err != nil && (enabled || len(events) > 0) {
			wrongs[t.Name] = err.Error()
		}
	}
	if len(wrongs) > 0 {
		c.showTrackings(w, r, http.StatusUnprocessableEntity, choices(chosen, wrongs), "Nothing was saved: correct what is marked below.")
		return
	}
	said, err := c.saveChosen(r.Context(), chosen)
	if err != nil {
		c.showTrackings(w, r, http.StatusBadGateway, choices(chosen, wrongs), err.Error())
		return
	}
	c.done(w, r, "/trackings", said)
}

// saveChosen writes what differs from what counts. A tracking that is disabled with no
// event keeps those it had.
func (c *Console) saveChosen(ctx context.Context, chosen map[string]string) (said string, err error) {
	values, err := c.Site.Read(ctx, site.AllNames())
	if err != nil {
		return "", err
	}
	wanted := map[string]string{}
	for name, counts := range chosenBy(values, c.Site.Defaults()) {
		if chosen[name] != "" && chosen[name] != counts {
			wanted[name] = chosen[name]
		}
	}
	said, err = c.save(ctx, wanted)
	if err == nil && len(wanted) > 0 {
		said += " The webhooks in Commerce follow on the page Finish."
	}
	return said, err
}
