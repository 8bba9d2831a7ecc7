package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"commerce-segment/infra/hub/console/chart"
	"commerce-segment/infra/hub/database"
	"commerce-segment/infra/hub/deadletters"
	"commerce-segment/infra/hub/doctor"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/health"
	"commerce-segment/infra/hub/received"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
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
	// Executions is the log of what happened to each webhook.
	Executions() executions.Log
	// DeadLetters are the queues of failed events.
	DeadLetters() deadletters.Queues
	// DeadLetterChanges is another number after each change of the dead letters.
	DeadLetterChanges() uint64
	// Queue is the queue of a tracking.
	Queue(t tracking.Tracking) deadletters.Local
	health.Hub
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
	Now     nowData
	States  []state
	Notes   []string
	Samples []templates.Sample
	Machine Machine
}

// SetUp reports whether the setup is done.
func (d overviewData) SetUp() bool {
	return !slices.ContainsFunc(d.States, func(s state) bool { return !s.Done })
}

// nowData is the part of the overview that refreshes itself.
type nowData struct {
	Health  health.Judgement
	Says    string // about the last 24 hours
	Counts  []count
	Chart   chart.Chart
	Summary executions.Summary
	Kept    string // where the queue is
	Host    string // where events are sent, if that is not the inbox
	Problem string // why there is no chart
	// Received compares what was sent with what Segment received; nil if that is not known yet.
	Received *received.Report
}

// count is a number, and the page with what was counted.
type count struct {
	Title, Path string
	N           int
	Bad         bool
}

// overviewLooksBack is how far the overview looks back for webhooks.
const overviewLooksBack = 24 * time.Hour

// readNow reads what happens now.
func (c *Console) readNow(r *http.Request) nowData {
	data := nowData{Health: c.Health(r.Context()), Received: c.lastReceived(r.Context()), Kept: "on SQS, in the queues of the stack"}
	if c.Store.Deployment == nil {
		data.Kept = filepath.Join(c.Store.Dir, store.QueueFolder)
	}
	host, err := c.segmentHost(r.Context())
	if err != nil {
		data.Problem = err.Error()
		return data
	}
	data.Host = host
	now := time.Now()
	log := c.log()
	if log == nil {
		data.Problem = errNoLog.Error()
		return data
	}
	found, err := log.Find(r.Context(), executions.Query{From: now.Add(-overviewLooksBack)}, executions.Page{Summary: true})
	if err != nil {
		data.Problem = err.Error()
		return data
	}
	data.Summary = found.Summary
	data.Says = data.Summary.Says(executions.Lookback(overviewLooksBack))
	data.Chart = chart.Draw(data.Summary)
	total := data.Summary.Total
	list := func(outcome executions.Outcome) string { return "/executions?since=24h&outcome=" + string(outcome) }
	data.Counts = []count{{"Received", "/executions?since=24h", total.Came(), false}}
	for _, o := range []struct {
		outcome executions.Outcome
		bad     bool
	}{{executions.Delivered, false}, {executions.Skipped, false}, {executions.Accepted, false}, {executions.Retrying, false}, {executions.Failed, true}, {executions.Rejected, true}} {
		n := total.Count(o.outcome)
		title := words.Capital(string(o.outcome))
		data.Counts = append(data.Counts, count{title, list(o.outcome), n, o.bad && n > 0})
	}
	return data
}

// refreshOverview writes the part of the overview that refreshes itself.
func (c *Console) refreshOverview(w http.ResponseWriter, r *http.Request) {
	c.showPart(w, http.StatusOK, "overview", "now", overviewData{Now: c.readNow(r), Machine: c.Machine})
}

// readOverview reads the state of the store and of the setup.
func (c *Console) readOverview(r *http.Request) (overviewData, error) {
	ctx := r.Context()
	list, err := c.Store.Settings(ctx)
	if err != nil {
		return overviewData{}, err
	}
	data := overviewData{Now: c.readNow(r), Machine: c.Machine, States: []state{connectionsState(list), trackingsState(c.Store.Trackings(), list), templatesState(c.Store.Trackings(), list), c.webhooksState(ctx)}}
	if c.Machine != nil {
		data.Samples = templates.Samples()
		if data.Notes, err = c.Machine.Notes(ctx); err != nil {
			return overviewData{}, err
		}
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

func trackingsState(trackings []tracking.Tracking, list []store.Setting) state {
	set, on := byName(list), 0
	for _, t := range trackings {
		if set[settings.Enabled(t)].Value == "true" {
			on++
		}
	}
	return state{step: stepAt("/trackings"), Done: on > 0, Text: fmt.Sprintf("%d of %d enabled.", on, len(trackings))}
}

func templatesState(trackings []tracking.Tracking, list []store.Setting) state {
	set, own := byName(list), 0
	for _, t := range trackings {
		if !set[settings.Template(t)].Default {
			own++
		}
	}
	s := state{step: stepAt("/templates"), Done: true, Text: "All templates are the defaults."}
	if own > 0 {
		s.Text = fmt.Sprintf("%d of %d edited.", own, len(trackings))
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
		Store: c.Store, Log: c.log(), NoLog: errNoLog.Error(), Since: doctorLooksBack, Timeout: doctor.DefaultTimeout,
		Health: func(ctx context.Context) (health.Judgement, error) { return c.Health(ctx), nil },
	})
	c.show(w, r, http.StatusOK, "doctor", view{Title: "Doctor", Path: "/doctor", Data: report})
}
