package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"commerce-segment/infra/hub/deadletters"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/redact"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

var (
	errNoQueues = errors.New("the dead letters of this machine belong to the hub that receives webhooks. Start it with hub run, and open its console")
	errNoLetter = errors.New("this dead letter is not in the list. It may have been replayed, or it is older than the list. Go back to the list")
	errUnderway = errors.New("a job is already reading or replaying dead letters. Wait until it has ended, and try again")
)

// deadLettersData is the data of the page Dead letters.
type deadLettersData struct {
	Job      *job
	Reasons  []reasonGroup
	Hidden   int       // how many more SQS reported than could be read
	Since    int       // how many arrived after they were read
	Read     time.Time // zero if they could not be read
	Queued   []queuedEvents
	Replayed *replayedData // nil if nothing was replayed
	// ReasonsError is why the reasons of queued events are not known.
	ReasonsError string
}

// reasonGroup is the dead letters with the same reason, by tracking.
type reasonGroup struct {
	deadletters.Explanation
	Name  string
	Count int
	Kinds []listedKind
}

// Several reports whether they belong to more than one tracking.
func (r reasonGroup) Several() bool { return len(r.Kinds) > 1 }

// listedKind is the dead letters of one tracking and reason, as the page lists them.
type listedKind struct {
	letterGroup
	Rows []listedLetter
}

// More returns how many are not listed.
func (k listedKind) More() int { return k.Count - len(k.Rows) }

// listedLetter is a dead letter in a list.
type listedLetter struct {
	ID, Resource, Detail string
	FailedAt             time.Time
}

// queuedEvents are the events of a tracking that are queued or retrying.
type queuedEvents struct {
	Tracking tracking.Tracking
	Count    int
	Reasons  []retryReason
}

// retryReason is why events are retried, and what to do about it.
type retryReason struct {
	executions.Wait
	Do   string
	Next time.Time // the earliest next attempt; zero if that is not known
}

// Next returns the earliest next attempt of those that are retried; zero if that is not known.
func (q queuedEvents) Next() (next time.Time) {
	for _, reason := range q.Reasons {
		if next.IsZero() || !reason.Next.IsZero() && reason.Next.Before(next) {
			next = reason.Next
		}
	}
	return next
}

// Oldest returns when the oldest of them was received; zero if that is not known.
func (q queuedEvents) Oldest() (oldest time.Time) {
	for _, reason := range q.Reasons {
		if oldest.IsZero() || !reason.Oldest.IsZero() && reason.Oldest.Before(oldest) {
			oldest = reason.Oldest
		}
	}
	return oldest
}

// openDeadLetters returns the store's dead letters.
func (c *Console) openDeadLetters() (deadletters.Queues, error) {
	switch {
	case c.Machine != nil:
		return c.Machine.DeadLetters(), nil
	case c.Store.Deployment != nil:
		return c.Store.Deployment.DeadLetters(c.Store.Trackings())
	default:
		return nil, errNoQueues
	}
}

// statusOfLetters returns the HTTP status for an error about dead letters.
func statusOfLetters(err error) int {
	switch {
	case errors.Is(err, errNoQueues), errors.Is(err, errNoLetter):
		return http.StatusNotFound
	case errors.Is(err, errUnderway):
		return http.StatusConflict
	}
	return http.StatusBadGateway
}

// deadLetters lists the dead letters by reason, and the events that are queued.
func (c *Console) deadLetters(w http.ResponseWriter, r *http.Request) {
	data, err := c.readDeadLetters(r)
	if err != nil {
		c.fail(w, r, statusOfLetters(err), err)
		return
	}
	result := c.letterList.takeResult()
	c.show(w, r, http.StatusOK, "deadletters", view{Path: "/deadletters", Notice: result.Notice, Alert: result.Alert, Data: data})
}

func (c *Console) readDeadLetters(r *http.Request) (deadLettersData, error) {
	queues, err := c.openDeadLetters()
	if err != nil {
		return deadLettersData{}, err
	}
	backlogs, err := queues.Backlogs(r.Context())
	if err != nil {
		return deadLettersData{}, err
	}
	c.refreshLetters(r.Context(), queues)
	data := deadLettersData{Job: c.letterList.underway(), Replayed: c.replayed(r)}
	data.Queued, data.ReasonsError = c.queued(r, queues, backlogs)
	if data.Job != nil {
		return data, nil
	}
	kinds, hidden, since, read := c.letterList.snapshot(deadletters.Total(backlogs).Dead)
	data.Read, data.Reasons, data.Hidden, data.Since = read, byReason(kinds), hidden, since
	return data, nil
}

// refreshLetters reads the dead letters if the list is empty. On this machine it also reads them
// if they changed, because that does not hide them from other readers; a long list, only after
// some time.
func (c *Console) refreshLetters(ctx context.Context, queues deadletters.Queues) {
	var changes uint64
	if c.Machine != nil {
		changes = c.Machine.DeadLetterChanges()
	}
	if c.letterList.isRead(changes) {
		return
	}
	// If another job is running, the page shows its progress.
	c.letterList.begin(ctx, job{Title: "Reading the dead letters"}, func(ctx context.Context, _ func(int)) jobResult {
		return c.letterList.list(ctx, queues, changes)
	})
}

// byReason groups the dead letters by reason. The reason with the most dead letters is first.
func byReason(kinds []letterGroup) []reasonGroup {
	var all []reasonGroup
	for _, kind := range kinds {
		i := slices.IndexFunc(all, func(r reasonGroup) bool { return r.Name == kind.Reason })
		if i < 0 {
			i = len(all)
			all = append(all, reasonGroup{Explanation: deadletters.Explain(kind.Reason), Name: kind.Reason})
		}
		all[i].Count += kind.Count
		all[i].Kinds = append(all[i].Kinds, listKind(kind))
	}
	slices.SortStableFunc(all, func(a, b reasonGroup) int { return b.Count - a.Count })
	return all
}

func listKind(kind letterGroup) listedKind {
	listed := listedKind{letterGroup: kind}
	for _, g := range kind.Letters {
		listed.Rows = append(listed.Rows, listedLetter{g.ID, g.Failure.Resource, detailOf(g), g.FailedAt})
	}
	return listed
}

// detailOf returns the detail of a dead letter without personal values. An older version may
// have written a response of Segment there, which can quote the event. A long list does not have
// all events, and hides the details of the others.
func detailOf(g deadletters.Letter) string {
	if g.Failure.Detail != "" && g.Envelope.Body == nil || redact.New(g.Envelope.Body).Hides(g.Failure.Detail) {
		return redact.Hidden
	}
	return g.Failure.Detail
}

// queued returns the events on the queues and why they are not delivered yet. The numbers come
// from the queues, and the reasons from the log. On this machine the queues have the reasons
// too, and the log has the details.
func (c *Console) queued(r *http.Request, queues deadletters.Queues, backlogs []deadletters.Backlog) (all []queuedEvents, reasonsError string) {
	q := executions.Query{From: time.Now().Add(-executions.RetriedFor)}
	for i, queue := range queues {
		if n := backlogs[i].Waiting; n > 0 {
			all = append(all, queuedEvents{Tracking: queue.Tracking, Count: n})
			q.Trackings = append(q.Trackings, queue.Tracking)
		}
	}
	if len(all) == 0 {
		return nil, ""
	}
	if c.Machine != nil {
		if err := c.addRetrying(all); err != nil {
			return all, err.Error()
		}
	}
	log := c.log()
	if log == nil {
		return all, errNoLog.Error()
	}
	waits, err := executions.Waits(r.Context(), log, q)
	if err != nil {
		return all, err.Error()
	}
	for _, wait := range waits {
		i := slices.IndexFunc(all, func(q queuedEvents) bool { return q.Tracking.Name == wait.Tracking })
		at := slices.IndexFunc(all[i].Reasons, func(r retryReason) bool { return r.Reason == wait.Reason })
		switch {
		case at >= 0:
			all[i].Reasons[at].Detail, all[i].Reasons[at].Oldest = wait.Detail, wait.Oldest
		case c.Machine == nil:
			all[i].Reasons = append(all[i].Reasons, retryReason{Wait: wait, Do: c.Store.Named().Fix(wait.Reason)})
		}
	}
	return all, ""
}

// rereadDeadLetters reads the dead letters again.
func (c *Console) rereadDeadLetters(w http.ResponseWriter, r *http.Request) {
	c.letterList.forget()
	goTo(w, r, "/deadletters")
}

// replay puts back the dead letters that the form selects.
func (c *Console) replay(w http.ResponseWriter, r *http.Request) {
	queues, err := c.openDeadLetters()
	if err != nil {
		c.fail(w, r, statusOfLetters(err), err)
		return
	}
	if err := r.ParseForm(); err != nil {
		c.fail(w, r, http.StatusBadRequest, err)
		return
	}
	chosen := readLetterFilter(r.PostForm)
	queues = slices.DeleteFunc(slices.Clone(queues), func(q deadletters.TrackingQueue) bool {
		return chosen.Tracking != "" && q.Tracking.Name != chosen.Tracking
	})
	total, err := queues.Backlog(r.Context())
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	begun := c.letterList.begin(r.Context(), job{Title: "Replaying", Counts: "dead letters checked", Of: total.Dead}, func(ctx context.Context, at func(int)) jobResult {
		return c.letterList.redrive(ctx, queues, chosen.matches, at)
	})
	if !begun {
		c.fail(w, r, http.StatusConflict, errUnderway)
		return
	}
	goTo(w, r, "/deadletters")
}

// letterData is the data of the page of one dead letter.
type letterData struct {
	Page     string // the path of its own page
	Letter   deadletters.Letter
	Why      deadletters.Explanation
	Detail   string
	Personal bool
	Preview  preview // the result with the live template
	// Undelivered describes what a replay would do if the settings do not let it deliver the
	// event; empty if they do.
	Undelivered string
	Text        string // the body if it is not a webhook
}

// FromSegment reports whether Segment rejected the event. A preview cannot show that.
func (d letterData) FromSegment() bool { return strings.HasPrefix(d.Letter.Failure.Reason, "segment_") }

// deadLetter shows one dead letter. Personal values are hidden unless the user asks for them.
func (c *Console) deadLetter(w http.ResponseWriter, r *http.Request) {
	g, err := c.findLetter(r)
	if err != nil {
		c.fail(w, r, statusOfLetters(err), err)
		return
	}
	data := letterData{Page: r.URL.EscapedPath(), Letter: g, Why: deadletters.Explain(g.Failure.Reason), Detail: detailOf(g), Personal: r.URL.Query().Get("personal") == "yes"}
	if data.Personal {
		data.Detail = g.Failure.Detail
	}
	if err := c.showContent(r.Context(), &data); err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	c.show(w, r, http.StatusOK, "deadletters-one", view{Title: "Dead letter", Path: "/deadletters", Data: data})
}

// findLetter returns the dead letter of the request's path. On this machine it is read from its
// queue, because the list has only the newest webhooks.
func (c *Console) findLetter(r *http.Request) (deadletters.Letter, error) {
	if c.Machine != nil {
		return c.readLetter(r.PathValue("name"), r.PathValue("id"))
	}
	queues, err := c.openDeadLetters()
	if err != nil {
		return deadletters.Letter{}, err
	}
	c.refreshLetters(r.Context(), queues)
	return c.letterList.find(r.PathValue("name"), r.PathValue("id"))
}

// readLetter returns a dead letter of this machine.
func (c *Console) readLetter(name, id string) (deadletters.Letter, error) {
	t, err := tracking.ByName(name)
	if err != nil {
		return deadletters.Letter{}, errNoLetter
	}
	letter, found, err := c.Machine.Queue(t).DeadLetter(id)
	if err == nil && !found {
		err = errNoLetter
	}
	return deadletters.Letter{Tracking: t, DeadLetter: letter}, err
}

// showContent adds the content of a dead letter and the result with the current settings. If it
// is not a webhook, personal values cannot be recognized, so all of it is hidden.
func (c *Console) showContent(ctx context.Context, data *letterData) error {
	g := data.Letter
	webhook, err := commerce.Parse(g.Envelope.Body)
	if g.Err != nil {
		err = g.Err
	}
	if err != nil {
		data.Preview.Problem = err.Error()
		if data.Personal {
			data.Text = string(g.Envelope.Body)
		}
		return nil
	}
	stored, err := c.Store.Template(ctx, g.Tracking)
	if err != nil {
		return err
	}
	if data.Undelivered, err = c.undelivered(ctx, g.Tracking, webhook.Event); err != nil {
		return err
	}
	form := templateForm{Tracking: g.Tracking, Source: stored.Source, Personal: data.Personal}
	tried := sourceOf(g.Tracking, stored.Source)
	data.Preview = c.previewOf(ctx, preview{}, form, tried, event{Body: g.Envelope.Body, At: g.Envelope.Received, Real: true})
	return nil
}

// undelivered describes what happens to an event that the current settings do not let through;
// empty if they do.
func (c *Console) undelivered(ctx context.Context, t tracking.Tracking, event string) (string, error) {
	values, err := c.Store.Parameters(ctx, []string{settings.Enabled(t), settings.Events(t)})
	if err != nil {
		return "", err
	}
	switch config, err := settings.Parse(t, values); {
	case err != nil:
		return "it would be retried: " + err.Error(), nil
	case !config.Enabled:
		return "it would be skipped: " + t.Title + " is disabled.", nil
	case !slices.Contains(config.Events, event):
		return fmt.Sprintf("it would be skipped: %s no longer observes %s.", t.Title, event), nil
	default:
		return "", nil
	}
}
