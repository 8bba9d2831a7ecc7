package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"commerce-segment/infra/hub/database"
	"commerce-segment/infra/hub/deadletters"
	"commerce-segment/infra/hub/doctor"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// Machine is a hub that receives webhooks on this machine.
type Machine interface {
	// URL is its address on this machine.
	URL() string
	// Send posts a webhook to it as Commerce does, and returns the response.
	Send(ctx context.Context, t tracking.Tracking, body []byte) (status int, answer string, err error)
	// Notes are warnings about its settings.
	Notes(ctx context.Context) ([]string, error)
	// Recent are the latest webhooks, newest first.
	Recent() []Recent
	// Inbox is the batches that its stand-in for Segment has received.
	Inbox() *database.List
	// Waiting counts the events that are queued or retrying.
	Waiting() int
	// Executions is the log of what happened to each webhook.
	Executions() executions.Log
	// DeadLetters are the queues of failed events.
	DeadLetters() deadletters.Queues
	// Queue is the queue of a tracking.
	Queue(t tracking.Tracking) deadletters.Local
	// Dead counts the dead letters.
	Dead() int
}

// Recent is one of the latest webhooks.
type Recent struct {
	At       time.Time
	Tracking tracking.Tracking
	Event    string // the Commerce event
	Resource string // the order's or customer's id
	Body     []byte // without the configuration that holds the secret
}

// state is the state of one step of the setup.
type state struct {
	step
	Done bool
	Text string
}

// overviewData is the data of the overview.
type overviewData struct {
	States  []state
	Notes   []string
	Samples []templates.Sample
	Machine Machine
	Host    string             // where events are sent, if that is not the inbox
	Day     executions.Summary // of the last 24 hours; only with a Machine
}

// readOverview reads the state of the setup.
func (c *Console) readOverview(ctx context.Context) (overviewData, error) {
	list, err := c.Store.Settings(ctx)
	if err != nil {
		return overviewData{}, err
	}
	data := overviewData{Machine: c.Machine, States: []state{connectionsState(list), trackingsState(list), templatesState(list), c.webhooksState(ctx)}}
	if c.Machine != nil {
		data.Samples = templates.Samples()
		if data.Host, err = c.segmentHost(ctx); err != nil {
			return overviewData{}, err
		}
		if data.Notes, err = c.Machine.Notes(ctx); err != nil {
			return overviewData{}, err
		}
		found, err := c.Machine.Executions().Find(ctx, executions.Query{From: time.Now().Add(-24 * time.Hour)}, executions.Page{Summary: true})
		if err != nil {
			return overviewData{}, err
		}
		data.Day = found.Summary
	}
	return data, nil
}

// byName returns settings by the names of their parameters.
func byName(list []store.Setting) map[string]store.Setting {
	all := make(map[string]store.Setting, len(list))
	for _, one := range list {
		all[one.Name] = one
	}
	return all
}

func connectionsState(list []store.Setting) state {
	set := byName(list)
	s := state{step: stepAt("/connections")}
	commerce := set[settings.CommerceClientID].Set && set[settings.CommerceClientSecret].Set && set[settings.CommerceTokenURL].Set
	segment := set[settings.SegmentWriteKey].Set
	switch {
	case commerce && segment:
		s.Done, s.Text = true, "Commerce and Segment are set."
	case segment:
		s.Text = "Segment is set. Commerce is not set: the hub needs it to register the webhooks."
	case commerce:
		s.Text = "Commerce is set. Segment is not set: events are retried until it is."
	default:
		s.Text = "Neither Commerce nor Segment is set. Events are retried until Segment is set."
	}
	return s
}

func trackingsState(list []store.Setting) state {
	set, on := byName(list), 0
	for _, t := range tracking.All() {
		if set[settings.Enabled(t)].Value == "true" {
			on++
		}
	}
	return state{step: stepAt("/trackings"), Done: on > 0, Text: fmt.Sprintf("%d of %d enabled.", on, len(tracking.All()))}
}

func templatesState(list []store.Setting) state {
	set, own := byName(list), 0
	for _, t := range tracking.All() {
		if !set[settings.Template(t)].Default {
			own++
		}
	}
	s := state{step: stepAt("/templates"), Done: true, Text: "All templates are the defaults."}
	if own > 0 {
		s.Text = fmt.Sprintf("%d of %d edited.", own, len(tracking.All()))
	}
	return s
}

var errNoSample = errors.New("there is no sample with that name")

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
	status, answer, err := c.Machine.Send(r.Context(), t, all[i].At(time.Now()).Body)
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	c.done(w, r, "/", fmt.Sprintf("Sent %s. The hub answered %d %s.", all[i].Name, status, answer))
}

// doctorLooksBack is how far the page looks back for webhooks.
const doctorLooksBack = 24 * time.Hour

// doctor shows what is wrong with the store, and what to do about it.
func (c *Console) doctor(w http.ResponseWriter, r *http.Request) {
	report := doctor.Examine(r.Context(), doctor.Patient{
		Store: c.Store, Log: c.log(), NoLog: errNoLog.Error(), Since: doctorLooksBack,
	})
	c.show(w, r, http.StatusOK, "doctor", view{Title: "Doctor", Path: "/doctor", Data: report})
}
