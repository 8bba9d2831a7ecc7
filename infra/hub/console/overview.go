package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"commerce-segment/infra/hub/deadletters"
	"commerce-segment/infra/hub/doctor"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// Machine is a hub that takes webhooks on this machine.
type Machine interface {
	// URL is where this machine reaches it.
	URL() string
	// Send posts a webhook to it as Commerce would, and returns what it answers.
	Send(ctx context.Context, t tracking.Tracking, body []byte) (status int, answer string, err error)
	// Notes are what is odd about its settings.
	Notes(ctx context.Context) ([]string, error)
	// Recent are the webhooks that came in last, the newest first.
	Recent() []Recent
	// Inbox counts the batches that Segment would have got.
	Inbox() int
	// Waiting counts the events that are accepted and not delivered.
	Waiting() int
	// Lines are the log lines about webhooks.
	Lines() *executions.Memory
	// DeadLetters is the events that were given up.
	DeadLetters() deadletters.Queues
	// Dead counts them.
	Dead() int
}

// Recent is a webhook that was accepted lately.
type Recent struct {
	At       time.Time
	Tracking tracking.Tracking
	Event    string // the Commerce event
	Resource string // the order's or customer's id
	Body     []byte // without the configuration that holds the secret
}

// state is how far a part of the set-up is.
type state struct {
	step
	Done bool
	Says string
}

// overviewData is what the overview shows.
type overviewData struct {
	States  []state
	Notes   []string
	Samples []templates.Sample
	Machine Machine
}

// lookAround reads how far the store is set up.
func (c *Console) lookAround(ctx context.Context) (overviewData, error) {
	list, err := c.Store.Settings(ctx)
	if err != nil {
		return overviewData{}, err
	}
	data := overviewData{Machine: c.Machine, States: []state{connections(list), trackings(list), edited(list), c.finished(ctx)}}
	if c.Machine != nil {
		data.Samples = templates.Samples()
		if data.Notes, err = c.Machine.Notes(ctx); err != nil {
			return overviewData{}, err
		}
	}
	return data, nil
}

// byName are settings by their parameters' names.
func byName(list []store.Setting) map[string]store.Setting {
	all := make(map[string]store.Setting, len(list))
	for _, one := range list {
		all[one.Name] = one
	}
	return all
}

func connections(list []store.Setting) state {
	set := byName(list)
	s := state{step: here("/connections")}
	commerce := set[settings.CommerceClientID].Set && set[settings.CommerceClientSecret].Set && set[settings.CommerceTokenURL].Set
	segment := set[settings.SegmentWriteKey].Set
	switch {
	case commerce && segment:
		s.Done, s.Says = true, "Commerce and Segment are set."
	case segment:
		s.Says = "Segment is set, Commerce is not: it is needed to register the webhooks for you."
	case commerce:
		s.Says = "Commerce is set, Segment is not: events wait until it is."
	default:
		s.Says = "Neither Commerce nor Segment is set: events wait until Segment is."
	}
	return s
}

func trackings(list []store.Setting) state {
	set, on := byName(list), 0
	for _, t := range tracking.All() {
		if set[settings.Enabled(t)].Value == "true" {
			on++
		}
	}
	return state{step: here("/trackings"), Done: on > 0, Says: fmt.Sprintf("%d of %d enabled.", on, len(tracking.All()))}
}

func edited(list []store.Setting) state {
	set, own := byName(list), 0
	for _, t := range tracking.All() {
		if !set[settings.Template(t)].Default {
			own++
		}
	}
	s := state{step: here("/templates"), Done: true, Says: "All are the defaults."}
	if own > 0 {
		s.Says = fmt.Sprintf("%d of %d edited.", own, len(tracking.All()))
	}
	return s
}

var errNoSample = errors.New("there is no bundled sample of that name")

// sendSample posts a bundled sample to the hub on this machine.
func (c *Console) sendSample(w http.ResponseWriter, r *http.Request) {
	all := templates.Samples()
	i := slices.IndexFunc(all, func(s templates.Sample) bool { return s.Name == r.PostFormValue("sample") })
	if i < 0 {
		c.fail(w, r, http.StatusNotFound, errNoSample)
		return
	}
	t, err := tracking.ByName(all[i].Tracking)
	if err != nil {
		c.fail(w, r, http.StatusInternalServerError, err)
		return
	}
	status, answer, err := c.Machine.Send(r.Context(), t, all[i].Body)
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	c.done(w, r, "/", fmt.Sprintf("%s was posted: the hub answered %d %s.", all[i].Name, status, answer))
}

// doctorLooksBack is how far the page looks back for webhooks.
const doctorLooksBack = 24 * time.Hour

// doctor shows what is right with the store, what is wrong, and what to do about it.
func (c *Console) doctor(w http.ResponseWriter, r *http.Request) {
	report := doctor.Examine(r.Context(), doctor.Patient{
		Store: c.Store, Log: c.log(), NoLog: errNoLog.Error(), Since: doctorLooksBack,
	})
	c.show(w, r, http.StatusOK, "doctor", view{Title: "Doctor", Path: "/doctor", Data: report})
}
