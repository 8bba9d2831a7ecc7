package console

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"commerce-segment/infra/hub/deadletters"
	"commerce-segment/infra/hub/forecast"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
)

// LettersPath is where the hub's commands read the dead letters of a tracking, and put them
// back on the queue. The name of the tracking follows.
const LettersPath = "/deadletters/letters/"

// ForecastPath is where the hub's commands read what a redrive of dead letters would do. The
// name of the tracking follows.
const ForecastPath = "/deadletters/forecast/"

// Letters is the response of a GET request to LettersPath. With the query CountOnly it has no
// Letters.
type Letters struct {
	Waiting int                   `json:"waiting"` // events on the queue of the tracking
	Count   int                   `json:"count"`
	Letters []deadletters.Summary `json:"letters"`
}

// CountOnly is the query of a request for the numbers alone.
const CountOnly = "count"

// Moved is the response of a POST request to LettersPath. Error is why the others were not put
// back.
type Moved struct {
	Moved int    `json:"moved"`
	Error string `json:"error,omitempty"`
}

// letters sends the dead letters of a tracking to the hub's commands.
func (c *Console) letters(w http.ResponseWriter, r *http.Request) {
	queue, err := c.queueNamed(r.PathValue("name"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	answer, err := lettersOf(r.Context(), queue, !r.URL.Query().Has(CountOnly))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeJSON(w, answer)
}

func lettersOf(ctx context.Context, queue deadletters.TrackingQueue, list bool) (answer Letters, err error) {
	if answer.Waiting, err = queue.Queue.CountWaiting(ctx); err != nil {
		return answer, err
	}
	if answer.Count, err = queue.Queue.Count(ctx); err != nil || !list {
		return answer, err
	}
	all, err := queue.Queue.List(ctx)
	for _, letter := range all {
		answer.Letters = append(answer.Letters, deadletters.Letter{Tracking: queue.Tracking, DeadLetter: letter}.Summary())
	}
	return answer, err
}

// readNamed reads the tracking and the ids that a hub's command names, or answers with what is
// wrong. The ids are separated by spaces in one field: the number of fields in a form is limited.
func readNamed(w http.ResponseWriter, r *http.Request) (t tracking.Tracking, ids []string, ok bool) {
	t, err := tracking.ByName(r.PathValue("name"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return t, nil, false
	}
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return t, nil, false
	}
	return t, strings.Fields(r.PostForm.Get("ids")), true
}

// setOf returns the set of ids.
func setOf(ids []string) map[string]bool {
	set := make(map[string]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set
}

// putBack puts back the dead letters that a hub's command names.
func (c *Console) putBack(w http.ResponseWriter, r *http.Request) {
	t, ids, ok := readNamed(w, r)
	if !ok {
		return
	}
	moved, err := c.Machine.Queue(t).RedriveNamed(r.Context(), ids)
	answer := Moved{Moved: moved}
	if err != nil {
		answer.Error = err.Error()
	}
	writeJSON(w, answer)
}

// forecastLetters sends what a redrive of the dead letters would do that a hub's command names.
func (c *Console) forecastLetters(w http.ResponseWriter, r *http.Request) {
	t, ids, ok := readNamed(w, r)
	if !ok {
		return
	}
	var all []spool.DeadLetter
	queue, err := c.queueNamed(t.Name)
	if err == nil {
		all, err = queue.Queue.List(r.Context())
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	var named []deadletters.Letter
	isNamed := setOf(ids)
	for _, letter := range all {
		if isNamed[letter.ID] {
			named = append(named, deadletters.Letter{Tracking: queue.Tracking, DeadLetter: letter})
		}
	}
	made, err := forecast.Of(r.Context(), c.Store, named)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeJSON(w, made)
}

// queueNamed returns the queue of the tracking with that name.
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
