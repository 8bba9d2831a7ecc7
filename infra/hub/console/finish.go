package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"commerce-segment/infra/hub/health"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// lookWithin is how long a page waits for Commerce or Segment if it only reads.
const lookWithin = 6 * time.Second

// finishData is the data of the page Finish. It contains no secret.
type finishData struct {
	Checks    []check
	Plan      store.Plan
	PlanError string // why there is no plan
	Connected bool   // to Commerce
	NoSecret  bool
	Here      bool   // the store is on this machine, and needs a public address
	URL       string // the public address, from the form or from Commerce
	URLWrong  string
	ByHand    []store.Webhook // to register by hand; without URLs if no address is known
	Secret    string          // the command that prints the webhook secret
	Arrivals  arrivals
}

// AddressField returns the state of the field of the address.
func (d finishData) AddressField() fieldState {
	return fieldState{"address", d.URLWrong, "address-help"}
}

// Finished reports whether all webhooks are registered and up to date.
func (d finishData) Finished() bool {
	return len(d.Plan.Steps) > 0 && len(d.Plan.Todo()) == 0 && !d.NoSecret
}

// check is an entry of the checklist.
type check struct {
	OK   bool
	Text string
	Path string // the path of the page on which to fix it
}

// finish shows what is left to do, and the latest deliveries.
func (c *Console) finish(w http.ResponseWriter, r *http.Request) {
	data, err := c.readFinish(r.Context(), r.FormValue("url"))
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	status := http.StatusOK
	if data.URLWrong != "" {
		status = http.StatusUnprocessableEntity
	}
	c.showFinish(w, r, status, data, "")
}

func (c *Console) showFinish(w http.ResponseWriter, r *http.Request, status int, data finishData, alert string) {
	c.show(w, r, status, "finish", view{Path: "/finish", Alert: alert, Data: data})
}

// readFinish reads the data of the page. If Commerce cannot be reached, the page shows the
// error and the other data.
func (c *Console) readFinish(ctx context.Context, address string) (finishData, error) {
	values, err := c.Store.Parameters(ctx, store.AllNames())
	if err != nil {
		return finishData{}, err
	}
	data := finishData{
		NoSecret: len(store.Lines(values[settings.WebhookSecret])) == 0,
		Here:     c.Store.Deployment == nil, URL: address, Secret: c.Store.SecretCommand,
	}
	s, err := c.Store.At(address)
	if err != nil {
		data.URLWrong, s = err.Error(), c.Store
	}
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	c.addPlan(ctx, &data, s)
	data.Checks = append(c.checks(values, data), c.alarmsCheck(ctx)...)
	if store.Check(values) == nil {
		webhooks := data.Plan.Webhooks
		if webhooks == nil {
			if webhooks, err = s.Webhooks(ctx); err != nil {
				return finishData{}, err
			}
		}
		data.ByHand = slices.DeleteFunc(webhooks, func(w store.Webhook) bool { return !w.Enabled })
	}
	data.Arrivals = arrivals{Machine: c.Machine, Error: data.PlanError}
	if data.PlanError == "" { // otherwise the same request would fail again
		data.Arrivals = c.arrivals(ctx, 0)
	}
	return data, nil
}

// addPlan compares the webhooks in Commerce with the settings.
func (c *Console) addPlan(ctx context.Context, data *finishData, s store.Store) {
	client, err := c.commerce(ctx)
	if errors.Is(err, store.ErrNotConnected) {
		return
	}
	data.Connected = true
	if data.URLWrong != "" {
		return // there is no plan without a valid address
	}
	if err == nil {
		var plan store.Plan
		if plan, err = s.PlanWebhooks(ctx, client); err == nil {
			data.Plan = plan
			if data.URL == "" && data.Here {
				data.URL = plan.Base
			}
			return
		}
	}
	if !errors.Is(err, store.ErrNoURL) { // the page asks for the address
		data.PlanError = err.Error()
	}
}

// checks returns the checklist.
func (c *Console) checks(values map[string]string, data finishData) []check {
	all := []check{{OK: true, Text: "The settings are valid.", Path: "/trackings"}}
	if err := store.Check(values); err != nil {
		all[0] = check{Text: err.Error(), Path: "/connections"}
	}
	chosen, on := chosenBy(values, c.Store.Defaults()), 0
	for _, t := range c.Store.Trackings() {
		if chosen[settings.Enabled(t)] == "true" {
			on++
		}
	}
	all = append(all, check{OK: on > 0, Text: fmt.Sprintf("%d of %d configurations are enabled.", on, len(c.Store.Trackings())), Path: "/trackings"})
	segment := check{OK: true, Text: "Segment: a write key is set. Only the source's debugger shows whether it is valid.", Path: "/connections"}
	if strings.TrimSpace(values[settings.SegmentWriteKey]) == "" {
		segment.OK, segment.Text = false, "Segment: no write key is set. Events are retried until one is set."
	} else if data.Here && strings.TrimSpace(values[settings.SegmentHost]) == "" {
		segment.Text = "Events go to the inbox on this machine."
	}
	commerce := check{OK: data.Connected, Text: "Commerce is connected.", Path: "/connections"}
	if data.PlanError != "" {
		commerce.OK, commerce.Text = false, "Commerce is set, but its webhooks could not be read: see below."
	}
	if !data.Connected {
		commerce.Text = "Commerce is not connected. Connect it, or register the webhooks by hand as described below."
	}
	secret := check{OK: true, Text: "The webhook secret is set."}
	if data.NoSecret {
		secret.Text = "There is no webhook secret yet. Finish creates one."
	}
	return append(all, segment, commerce, secret)
}

// alarmsCheck returns whether the alarms of a deployed store reach anyone.
func (c *Console) alarmsCheck(ctx context.Context) []check {
	if c.Store.Deployment == nil {
		return nil
	}
	alarms, err := c.Store.Deployment.Alarms(ctx)
	if err != nil {
		return []check{{Text: "Whether the alarms reach anyone could not be checked: " + err.Error()}}
	}
	if found := health.Unreceived(alarms); len(found) > 0 {
		return []check{{Text: found[0].Says + " " + found[0].Do + " " + found[0].Run}}
	}
	return []check{{OK: true, Text: "The alarms reach " + words.Count(alarms.Confirmed, "subscription") + "."}}
}

// register creates the webhook secret if there is none, and registers the webhooks if Commerce
// is connected.
func (c *Console) register(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), askCommerceWithin)
	defer cancel()
	did, status, err := c.registerAll(ctx, r.PostFormValue("url"))
	if err == nil {
		c.done(w, r, "/finish", strings.Join(did, "\n"))
		return
	}
	data, unread := c.readFinish(r.Context(), r.PostFormValue("url"))
	if unread != nil {
		c.fail(w, r, http.StatusBadGateway, unread)
		return
	}
	alert := err.Error()
	if len(did) > 0 {
		alert += "\nDone before the error: " + strings.Join(did, " ")
	}
	if data.URLWrong != "" {
		alert = "" // the field shows it
	}
	c.showFinish(w, r, status, data, alert)
}

// registerAll registers the webhooks. It returns what it did, also with an error.
func (c *Console) registerAll(ctx context.Context, address string) (did []string, status int, err error) {
	s, err := c.Store.At(address)
	if err != nil {
		return nil, http.StatusUnprocessableEntity, err
	}
	c.registering.Lock()
	defer c.registering.Unlock()
	made, err := c.Store.MakeSecret(ctx)
	if err != nil {
		return nil, http.StatusBadGateway, err
	}
	if made {
		did = append(did, "The webhook secret was created.")
	}
	client, err := c.commerce(ctx)
	if errors.Is(err, store.ErrNotConnected) {
		return append(did, "Register the webhooks by hand, as described below."), http.StatusOK, nil
	}
	if err != nil {
		return did, http.StatusBadGateway, err
	}
	plan, err := s.PlanWebhooks(ctx, client)
	if errors.Is(err, store.ErrNoURL) {
		return did, http.StatusUnprocessableEntity, err
	}
	if err != nil {
		return did, http.StatusBadGateway, err
	}
	if err := c.checkSecretKnown(ctx, plan); err != nil {
		return did, http.StatusConflict, err
	}
	if _, err := s.KeepAddress(ctx); err != nil {
		return did, http.StatusBadGateway, err
	}
	err = plan.Apply(ctx, client, func(step store.Step) { did = append(did, doneWords[step.Action]+" “"+step.Name+"”.") })
	if err != nil {
		return did, http.StatusBadGateway, err
	}
	return append(did, "All webhooks in Commerce are up to date."), http.StatusOK, nil
}

// checkSecretKnown returns an error while the functions may not have a new secret yet:
// Commerce must not use it before.
func (c *Console) checkSecretKnown(ctx context.Context, plan store.Plan) error {
	if !plan.Rotating {
		return nil
	}
	wait, err := c.Store.UntilKnown(ctx, settings.WebhookSecret, time.Time{})
	if err == nil && wait > 0 {
		err = fmt.Errorf("the functions do not have the new webhook secret yet. Finish again in %.0f seconds", wait.Seconds())
	}
	return err
}

var doneWords = map[store.Action]string{store.Create: "Created", store.Update: "Updated", store.Disable: "Disabled", store.Remove: "Removed the duplicate"}

// arrivals are the latest deliveries.
type arrivals struct {
	Machine Machine // nil for a deployed store
	// Asked is set if Commerce was asked for its deliveries.
	Asked bool
	Error string
	Last  []arrival
}

// arrival is an attempt of Commerce to deliver a webhook.
type arrival struct {
	Tracking tracking.Tracking
	store.Delivery
}

// Meaning explains the response.
func (a arrival) Meaning() string {
	switch {
	case a.Succeeded:
		return "accepted and queued for Segment"
	case a.Status == http.StatusUnauthorized:
		return "rejected: Commerce sends a wrong secret. Finish corrects it"
	case a.Reason != "":
		return a.Reason
	}
	return "not accepted"
}

const arrivalsShown = 8

// arrivalsMaxAge is how long an open page shows the same deliveries. To read them takes at
// least one request for each webhook, so once a minute is enough.
const arrivalsMaxAge = time.Minute

// arrivals returns the latest deliveries: from the hub on this machine, or from Commerce. A
// cached answer of Commerce is used if it is younger than maxAge.
func (c *Console) arrivals(ctx context.Context, maxAge time.Duration) arrivals {
	if c.Machine != nil {
		return arrivals{Machine: c.Machine}
	}
	return c.arrived.get("", maxAge, func() arrivals {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookWithin) // other requests may wait for the same answer
		defer cancel()
		return c.askArrivals(ctx)
	})
}

// askArrivals reads the latest deliveries from Commerce.
func (c *Console) askArrivals(ctx context.Context) arrivals {
	client, err := c.commerce(ctx)
	if err != nil {
		return arrivals{}
	}
	registered, err := c.Store.Registered(ctx, client, arrivalsShown)
	if err != nil {
		return arrivals{Error: err.Error()}
	}
	all := arrivals{Asked: true}
	for _, one := range registered {
		for _, delivery := range one.Last {
			all.Last = append(all.Last, arrival{one.Tracking, delivery})
		}
	}
	slices.SortStableFunc(all.Last, func(a, b arrival) int { return b.At.Compare(a.At) })
	all.Last = all.Last[:min(len(all.Last), arrivalsShown)]
	return all
}

// showArrivals sends the latest deliveries to the page's script.
func (c *Console) showArrivals(w http.ResponseWriter, r *http.Request) {
	c.showPart(w, http.StatusOK, "finish", "arrivals", c.arrivals(r.Context(), arrivalsMaxAge))
}

// overviewWithin is how long the overview waits for Commerce.
const overviewWithin = 3 * time.Second

// webhooksState returns whether the webhooks are registered. If Commerce cannot be reached, the
// state has a text about that, and no error.
func (c *Console) webhooksState(ctx context.Context) state {
	s := state{step: stepAt("/finish")}
	ctx, cancel := context.WithTimeout(ctx, overviewWithin)
	defer cancel()
	client, err := c.commerce(ctx)
	if errors.Is(err, store.ErrNotConnected) {
		s.Text = "Unknown: Commerce is not connected. You can register the webhooks by hand."
		return s
	}
	var plan store.Plan
	if err == nil {
		plan, err = c.Store.PlanWebhooks(ctx, client)
	}
	switch todo := len(plan.Todo()); {
	case errors.Is(err, store.ErrNoURL):
		s.Text = "No webhooks are registered for this machine."
	case err != nil:
		s.Text = "Unknown: Commerce could not be reached."
	case plan.Settled():
		s.Done, s.Text = true, "The webhooks are registered in Commerce."
	case todo == 1:
		s.Text = "1 webhook in Commerce needs a change."
	default:
		s.Text = fmt.Sprintf("%d webhooks in Commerce need a change.", todo)
	}
	return s
}
