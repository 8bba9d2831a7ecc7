package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// lookWithin bounds what a page waits for Commerce that changes nothing there.
const lookWithin = 6 * time.Second

// finishData is the page Finish. It holds no secret.
type finishData struct {
	Checks    []check
	Plan      store.Plan
	PlanError string // why there is no plan
	Connected bool   // to Commerce
	NoSecret  bool
	Here      bool   // Commerce needs an address for this machine
	URL       string // the address, as it was given or is known
	URLWrong  string
	ByHand    []store.Webhook // to register by hand; without URLs where no address is known
	Secret    string          // the command that prints it
	Arrivals  arrivals
}

// AddressField is what is wrong with the address, at its field.
func (d finishData) AddressField() fieldState {
	return fieldState{"address", d.URLWrong, "address-help"}
}

// Finished says that everything is registered as it should be.
func (d finishData) Finished() bool {
	return len(d.Plan.Steps) > 0 && len(d.Plan.Todo()) == 0 && !d.NoSecret
}

// check is one thing that has to be so.
type check struct {
	OK   bool
	Says string
	Path string // of the page on which to mend it
}

// finish shows what is left to do, and what has come in.
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

// readFinish looks at everything that the page shows. Where Commerce cannot be asked the
// page says so, and has the rest all the same.
func (c *Console) readFinish(ctx context.Context, address string) (finishData, error) {
	values, err := c.Store.Parameters(ctx, store.AllNames())
	if err != nil {
		return finishData{}, err
	}
	data := finishData{
		NoSecret: len(store.Lines(values[settings.WebhookSecret])) == 0,
		Here:     c.Store.Deployment == nil, URL: address, Secret: c.Store.SecretCommand,
	}
	base := ""
	if address != "" {
		if base, err = store.PublicURL(address); err != nil {
			data.URLWrong = err.Error()
		}
	}
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	c.addPlan(ctx, &data, base)
	data.Checks = c.checks(values, data)
	if store.Check(values) == nil {
		webhooks, err := c.Store.Webhooks(ctx, data.Plan.Base)
		if err != nil {
			return finishData{}, err
		}
		data.ByHand = slices.DeleteFunc(webhooks, func(w store.Webhook) bool { return !w.Enabled })
	}
	data.Arrivals = arrivals{Machine: c.Machine, Error: data.PlanError}
	if data.PlanError == "" { // else Commerce would be asked in vain again
		data.Arrivals = c.arrivals(ctx, data.Plan.Base, 0)
	}
	return data, nil
}

// addPlan asks Commerce what it has.
func (c *Console) addPlan(ctx context.Context, data *finishData, base string) {
	data.Plan.Base = base
	client, err := c.commerce(ctx)
	if errors.Is(err, store.ErrNotConnected) {
		return
	}
	data.Connected = true
	if data.URLWrong != "" {
		return // until it is right there is nothing to plan with
	}
	if err == nil {
		var plan store.Plan
		if plan, err = c.Store.PlanWebhooks(ctx, client, base); err == nil {
			data.Plan = plan
			if data.URL == "" && data.Here {
				data.URL = plan.Base
			}
			return
		}
	}
	if !errors.Is(err, store.ErrNoURL) { // for which the page asks
		data.PlanError = err.Error()
	}
}

// checks are what the store needs.
func (c *Console) checks(values map[string]string, data finishData) []check {
	all := []check{{OK: true, Says: "The settings are in order.", Path: "/trackings"}}
	if err := store.Check(values); err != nil {
		all[0] = check{Says: err.Error(), Path: "/connections"}
	}
	chosen, on := chosenBy(values, c.Store.Defaults()), 0
	for _, t := range tracking.All() {
		if chosen[settings.Enabled(t)] == "true" {
			on++
		}
	}
	all = append(all, check{OK: on > 0, Says: fmt.Sprintf("%d of %d configurations are enabled.", on, len(tracking.All())), Path: "/trackings"})
	segment := check{OK: true, Says: "Segment: a write key is set. Only the source's debugger shows whether it is right.", Path: "/connections"}
	if strings.TrimSpace(values[settings.SegmentWriteKey]) == "" {
		segment.OK, segment.Says = false, "Segment: no write key is set, and events wait until one is."
	} else if data.Here && strings.TrimSpace(values[settings.SegmentHost]) == "" {
		segment.Says = "Events go to the inbox on this machine."
	}
	commerce := check{OK: data.Connected, Says: "Commerce is connected.", Path: "/connections"}
	if data.PlanError != "" {
		commerce.OK, commerce.Says = false, "Commerce is set, and what it has is not known just now: see below."
	}
	if !data.Connected {
		commerce.Says = "Commerce is not connected: register the webhooks by hand, as below, or connect it and it is done for you."
	}
	secret := check{OK: true, Says: "The webhook secret is set."}
	if data.NoSecret {
		secret.Says = "There is no webhook secret yet: Finish makes one."
	}
	return append(all, segment, commerce, secret)
}

// register makes the webhook secret where there is none, and the webhooks in Commerce
// where that is connected.
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
		alert += "\nUntil then this was done: " + strings.Join(did, " ")
	}
	if data.URLWrong != "" {
		alert = "" // it stands at its field
	}
	c.showFinish(w, r, status, data, alert)
}

// registerAll returns what it did, also beside an error.
func (c *Console) registerAll(ctx context.Context, address string) (did []string, status int, err error) {
	base := ""
	if address != "" {
		if base, err = store.PublicURL(address); err != nil {
			return nil, http.StatusUnprocessableEntity, err
		}
	}
	c.registering.Lock()
	defer c.registering.Unlock()
	made, err := c.Store.MakeSecret(ctx)
	if err != nil {
		return nil, http.StatusBadGateway, err
	}
	if made {
		did = append(did, "The webhook secret was made.")
	}
	client, err := c.commerce(ctx)
	if errors.Is(err, store.ErrNotConnected) {
		return append(did, "Register the webhooks by hand, as below."), http.StatusOK, nil
	}
	if err != nil {
		return did, http.StatusBadGateway, err
	}
	plan, err := c.Store.PlanWebhooks(ctx, client, base)
	if errors.Is(err, store.ErrNoURL) {
		return did, http.StatusUnprocessableEntity, err
	}
	if err != nil {
		return did, http.StatusBadGateway, err
	}
	if err := c.mayTell(ctx, plan); err != nil {
		return did, http.StatusConflict, err
	}
	err = plan.Apply(ctx, client, func(step store.Step) { did = append(did, doneSays[step.Action]+" “"+step.Name+"”.") })
	if err != nil {
		return did, http.StatusBadGateway, err
	}
	return append(did, "Every webhook in Commerce is as it should be."), http.StatusOK, nil
}

// mayTell refuses to tell Commerce of a new secret that the functions do not know yet.
func (c *Console) mayTell(ctx context.Context, plan store.Plan) error {
	if !plan.Rotating {
		return nil
	}
	wait, err := c.Store.UntilKnown(ctx, settings.WebhookSecret, time.Time{})
	if err == nil && wait > 0 {
		err = fmt.Errorf("the functions do not know the new webhook secret yet: finish in %.0f seconds", wait.Seconds())
	}
	return err
}

var doneSays = map[store.Action]string{store.Create: "Created", store.Update: "Updated", store.Disable: "Disabled", store.Remove: "Removed a second"}

// arrivals are the events that came in last.
type arrivals struct {
	Machine Machine // nil for a deployed store
	// Asked says that Commerce has been asked what it delivered.
	Asked bool
	Error string
	Last  []arrival
}

// arrival is an attempt of Commerce's to deliver an event.
type arrival struct {
	Tracking tracking.Tracking
	store.Delivery
}

// Says is what the answer means.
func (a arrival) Says() string {
	switch {
	case a.Succeeded:
		return "accepted: it is safe, and on its way to Segment"
	case a.Status == http.StatusUnauthorized:
		return "refused: Commerce sends another secret. Finish gives it the right one"
	case a.Reason != "":
		return a.Reason
	}
	return "not taken"
}

const arrivalsShown = 8

// arrivalsFor is how long what Commerce has delivered counts while a page is open: to ask
// takes a call for each webhook and more, and every minute is often enough.
const arrivalsFor = time.Minute

// arrivals asks the hub on this machine, or else Commerce, where what it said last is
// older than that.
func (c *Console) arrivals(ctx context.Context, base string, maxAge time.Duration) arrivals {
	if c.Machine != nil {
		return arrivals{Machine: c.Machine}
	}
	return c.arrived.get(base, maxAge, func() arrivals {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookWithin) // others may wait for it too
		defer cancel()
		return c.askArrivals(ctx, base)
	})
}

func (c *Console) askArrivals(ctx context.Context, base string) arrivals {
	client, err := c.commerce(ctx)
	if err != nil {
		return arrivals{}
	}
	registered, err := c.Store.Registered(ctx, client, base, arrivalsShown)
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

// showArrivals is the part of the page that its script asks for.
func (c *Console) showArrivals(w http.ResponseWriter, r *http.Request) {
	c.showPart(w, http.StatusOK, "finish", "arrivals", c.arrivals(r.Context(), "", arrivalsFor))
}

// overviewWithin bounds what the overview waits for Commerce.
const overviewWithin = 3 * time.Second

// finished says whether the webhooks are registered. It never fails: where Commerce
// cannot be asked it says that.
func (c *Console) finished(ctx context.Context) state {
	s := state{step: here("/finish")}
	ctx, cancel := context.WithTimeout(ctx, overviewWithin)
	defer cancel()
	client, err := c.commerce(ctx)
	if errors.Is(err, store.ErrNotConnected) {
		s.Says = "Not known: Commerce is not connected. The webhooks can be registered by hand."
		return s
	}
	var plan store.Plan
	if err == nil {
		plan, err = c.Store.PlanWebhooks(ctx, client, "")
	}
	switch todo := len(plan.Todo()); {
	case errors.Is(err, store.ErrNoURL):
		s.Says = "No webhook is registered for this machine."
	case err != nil:
		s.Says = "Not known: Commerce could not be asked just now."
	case plan.Settled():
		s.Done, s.Says = true, "The webhooks are registered in Commerce."
	case todo == 1:
		s.Says = "1 webhook in Commerce is not as it should be yet."
	default:
		s.Says = fmt.Sprintf("%d webhooks in Commerce are not as they should be yet.", todo)
	}
	return s
}
