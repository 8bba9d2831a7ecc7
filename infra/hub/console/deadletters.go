package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"commerce-segment/infra/hub/console/redact"
	"commerce-segment/infra/hub/deadletters"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
)

// LettersPath is where the hub's own commands read a tracking's dead letters, and say
// which to put back; the tracking's name follows.
const LettersPath = "/deadletters/letters/"

// Letters is what LettersPath answers.
type Letters struct {
	Waiting int                   `json:"waiting"` // events on the queue to which they go back
	Letters []deadletters.Summary `json:"letters"`
}

// Moved is what LettersPath answers to whom it was told which to put back.
type Moved struct {
	Moved int `json:"moved"`
}

var (
	errNoQueues = errors.New("the dead letters of this machine are in the memory of the hub that takes webhooks: start it with hub run, and look at its own console")
	errNoLetter = errors.New("that dead letter is not among those that are listed: it may have been replayed, or be an older one. Go back to the list")
	errUnderway = errors.New("dead letters are being read or replayed already: wait until that has ended, and do it again")
)

// deadLettersData is what the page of the dead letters shows.
type deadLettersData struct {
	Job     *job
	Reasons []reasonGroup
	Hidden  int       // that SQS reckoned with, and that did not come
	Since   int       // that came after they were read
	Read    time.Time // zero where they could not be read
	Waiting []waitingQueue
	NoWhy   string // why nobody can say why they wait
}

// reasonGroup is the dead letters with a reason, by tracking.
type reasonGroup struct {
	deadletters.Explanation
	Name  string
	Count int
	Kinds []listedKind
}

// Several says that they are of more than one tracking.
func (r reasonGroup) Several() bool { return len(r.Kinds) > 1 }

// listedKind is a kind of dead letters as the page lists it.
type listedKind struct {
	kept
	Rows []listedLetter
}

// More is how many are not listed.
func (k listedKind) More() int { return k.Count - len(k.Rows) }

// listedLetter is a dead letter in a list: what is written on it.
type listedLetter struct {
	ID, Resource, Detail string
	FailedAt             time.Time
}

// waitingQueue is a queue on which events wait.
type waitingQueue struct {
	Tracking tracking.Tracking
	Count    int
	Why      []whyItWaits
}

// whyItWaits is a reason for which events wait, and what to do about it.
type whyItWaits struct {
	executions.Wait
	Do string
}

// Oldest is when the oldest of them came; the zero time where nobody knows.
func (q waitingQueue) Oldest() (oldest time.Time) {
	for _, why := range q.Why {
		if oldest.IsZero() || why.Oldest.Before(oldest) {
			oldest = why.Oldest
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
		return c.Store.Deployment.DeadLetters(tracking.All())
	default:
		return nil, errNoQueues
	}
}

// statusOfLetters is the status of a page that cannot be shown for want of dead letters.
func statusOfLetters(err error) int {
	switch {
	case errors.Is(err, errNoQueues), errors.Is(err, errNoLetter):
		return http.StatusNotFound
	case errors.Is(err, errUnderway):
		return http.StatusConflict
	}
	return http.StatusBadGateway
}

// deadLetters lists the dead letters by what sent them there, and what waits.
func (c *Console) deadLetters(w http.ResponseWriter, r *http.Request) {
	data, err := c.readDeadLetters(r)
	if err != nil {
		c.fail(w, r, statusOfLetters(err), err)
		return
	}
	said := c.letterList.takeSaid()
	c.show(w, r, http.StatusOK, "deadletters", view{Path: "/deadletters", Notice: said.Notice, Alert: said.Alert, Data: data})
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
	data := deadLettersData{Job: c.letterList.underway()}
	data.Waiting, data.NoWhy = c.whatWaits(r, queues, backlogs)
	if data.Job != nil {
		return data, nil
	}
	kinds, hidden, since, read := c.letterList.known(deadletters.Total(backlogs).Dead)
	data.Read, data.Reasons, data.Hidden, data.Since = read, byReason(kinds), hidden, since
	return data, nil
}

// refreshLetters reads the dead letters unless that was done. On this machine it hides them
// from nobody, so it is done each time.
func (c *Console) refreshLetters(ctx context.Context, queues deadletters.Queues) {
	if c.Machine == nil && c.letterList.isRead() {
		return
	}
	// Where another job is underway the page shows how far that is.
	c.letterList.begin(ctx, job{Says: "Reading the dead letters"}, func(ctx context.Context, _ func(int)) outcome {
		return c.letterList.list(ctx, queues)
	})
}

// byReason puts the kinds with the same reason together, the reason of which there are
// most first.
func byReason(kinds []kept) []reasonGroup {
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

func listKind(kind kept) listedKind {
	listed := listedKind{kept: kind}
	for _, g := range kind.Letters {
		listed.Rows = append(listed.Rows, listedLetter{g.ID, g.Failure.Resource, detailOf(g), g.FailedAt})
	}
	return listed
}

// detailOf is the detail of a dead letter without personal values: it may be Segment's
// answer, which may quote the event, where an older version wrote it.
func detailOf(g deadletters.Letter) string {
	if redact.New(g.Envelope.Body).Hides(g.Failure.Detail) {
		return redact.Hidden
	}
	return g.Failure.Detail
}

// waitsAtMost is how far back to look for what waits: its attempts are used up by then.
const waitsAtMost = 36 * time.Hour

// whatWaits says what is on the queues, and why it is not delivered yet. The queues know
// how much it is, and the log knows why.
func (c *Console) whatWaits(r *http.Request, queues deadletters.Queues, backlogs []deadletters.Backlog) (waiting []waitingQueue, noWhy string) {
	var q executions.Query
	for i, queue := range queues {
		if n := backlogs[i].Waiting; n > 0 {
			waiting = append(waiting, waitingQueue{Tracking: queue.Tracking, Count: n})
			q.Trackings = append(q.Trackings, queue.Tracking)
		}
	}
	if len(waiting) == 0 {
		return nil, ""
	}
	found, _, err := c.readLog(r, q, time.Now(), waitsAtMost)
	if err != nil {
		return waiting, err.Error()
	}
	for _, wait := range executions.Waits(found) {
		i := slices.IndexFunc(waiting, func(w waitingQueue) bool { return w.Tracking.Name == wait.Tracking })
		waiting[i].Why = append(waiting[i].Why, whyItWaits{wait, c.Store.Named().Mend(wait.Reason)})
	}
	return waiting, ""
}

// readAgain has the dead letters read again.
func (c *Console) readAgain(w http.ResponseWriter, r *http.Request) {
	c.letterList.forget()
	goTo(w, r, "/deadletters")
}

// replay puts back one dead letter, or all with a reason: of one tracking, or of all.
func (c *Console) replay(w http.ResponseWriter, r *http.Request) {
	queues, err := c.openDeadLetters()
	if err != nil {
		c.fail(w, r, statusOfLetters(err), err)
		return
	}
	name, reason, id := r.PostFormValue("tracking"), r.PostFormValue("reason"), r.PostFormValue("id")
	queues = slices.DeleteFunc(slices.Clone(queues), func(q deadletters.TrackingQueue) bool { return name != "" && q.Tracking.Name != name })
	total, err := queues.Backlog(r.Context())
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	matches := func(g deadletters.Letter) bool { return g.Failure.Reason == reason && (id == "" || g.ID == id) }
	begun := c.letterList.begin(r.Context(), job{Says: "Replaying", Counts: "dead letters looked at", Of: total.Dead}, func(ctx context.Context, at func(int)) outcome {
		return c.letterList.redrive(ctx, queues, matches, at)
	})
	if !begun {
		c.fail(w, r, http.StatusConflict, errUnderway)
		return
	}
	goTo(w, r, "/deadletters")
}

// letterData is what the page of one dead letter shows.
type letterData struct {
	Page     string // the path of its own page
	Letter   deadletters.Letter
	Why      deadletters.Explanation
	Detail   string
	Personal bool
	Preview  preview // what the template that counts makes of it
	Instead  string  // what would become of it by the settings, instead
	Text     string  // what is in it, where that is no webhook
}

// FromSegment says that Segment has refused it, which a preview does not show.
func (d letterData) FromSegment() bool { return strings.HasPrefix(d.Letter.Failure.Reason, "segment_") }

// deadLetter shows one, without personal values until they are asked for.
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
	c.show(w, r, http.StatusOK, "deadletters-one", view{Title: "A dead letter", Path: "/deadletters", Data: data})
}

// findLetter is the dead letter of the request's path.
func (c *Console) findLetter(r *http.Request) (deadletters.Letter, error) {
	queues, err := c.openDeadLetters()
	if err != nil {
		return deadletters.Letter{}, err
	}
	c.refreshLetters(r.Context(), queues)
	return c.letterList.find(r.PathValue("name"), r.PathValue("id"))
}

// showContent looks at what is in a dead letter, and what would become of it now. Of what is
// no webhook nobody can say what in it is personal, so all of it is.
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
	if data.Instead, err = c.instead(ctx, g.Tracking, webhook.Event); err != nil {
		return err
	}
	form := templateForm{Tracking: g.Tracking, Source: stored.Source, Personal: data.Personal}
	tried := sourceOf(g.Tracking, stored.Source)
	data.Preview = c.previewOf(ctx, preview{}, form, tried, event{Body: g.Envelope.Body, At: g.Envelope.Received, Real: true})
	return nil
}

// instead is what would become of an event by the settings, instead of being delivered;
// empty where nothing.
func (c *Console) instead(ctx context.Context, t tracking.Tracking, event string) (string, error) {
	values, err := c.Store.Parameters(ctx, []string{settings.Enabled(t), settings.Events(t)})
	if err != nil {
		return "", err
	}
	switch config, err := settings.Parse(t, values); {
	case err != nil:
		return "it would wait: " + err.Error(), nil
	case !config.Enabled:
		return "it would be skipped: " + t.Title + " is disabled.", nil
	case !slices.Contains(config.Events, event):
		return fmt.Sprintf("it would be skipped: %s does not observe %s any more.", t.Title, event), nil
	default:
		return "", nil
	}
}

// letters gives the dead letters of a tracking to the hub's own commands.
func (c *Console) letters(w http.ResponseWriter, r *http.Request) {
	queue, err := c.queueNamed(r.PathValue("name"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	all, err := queue.Queue.List(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	var answer Letters
	if answer.Waiting, err = queue.Queue.CountWaiting(r.Context()); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	for _, letter := range all {
		answer.Letters = append(answer.Letters, deadletters.Letter{Tracking: queue.Tracking, DeadLetter: letter}.Summary())
	}
	writeJSON(w, answer)
}

// putBack puts the dead letters back that one of the hub's own commands names.
func (c *Console) putBack(w http.ResponseWriter, r *http.Request) {
	queue, err := c.queueNamed(r.PathValue("name"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	named := map[string]bool{}
	for _, id := range r.PostForm["id"] {
		named[id] = true
	}
	moved, err := queue.Queue.Redrive(r.Context(), func(l spool.DeadLetter) bool { return named[l.ID] }, func(int) {})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeJSON(w, Moved{moved})
}

// queueNamed is the queue of the tracking of that name.
func (c *Console) queueNamed(name string) (deadletters.TrackingQueue, error) {
	for _, queue := range c.Machine.DeadLetters() {
		if queue.Tracking.Name == name {
			return queue, nil
		}
	}
	_, err := tracking.ByName(name)
	return deadletters.TrackingQueue{}, err
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(value)
}
