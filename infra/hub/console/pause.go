package console

import (
	"context"
	"net/http"
	"strings"
	"time"

	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/tracking"
)

// pausesKnown is how long the paused trackings of a deployed store are remembered: every page
// shows them, and AWS is asked for each tracking.
const pausesKnown = time.Minute

// pauses returns the paused trackings. If they cannot be read, it logs why and returns none.
func (c *Console) pauses(ctx context.Context) []store.Pause {
	maxAge := pausesKnown
	if c.Store.Deployment == nil {
		maxAge = 0
	}
	return c.paused.get("", maxAge, func() []store.Pause {
		pauses, err := c.Store.Pauses(context.WithoutCancel(ctx))
		if err != nil {
			c.Log.Warn("reading which trackings are paused", "error", err)
		}
		return pauses
	})
}

func (c *Console) pause(w http.ResponseWriter, r *http.Request)  { c.setPaused(w, r, true) }
func (c *Console) resume(w http.ResponseWriter, r *http.Request) { c.setPaused(w, r, false) }

// setPaused pauses or resumes the trackings that the form names.
func (c *Console) setPaused(w http.ResponseWriter, r *http.Request, paused bool) {
	if err := r.ParseForm(); err != nil {
		c.fail(w, r, http.StatusBadRequest, err)
		return
	}
	var named []tracking.Tracking
	var titles []string
	for _, name := range r.PostForm["pause"] {
		t, err := tracking.ByName(name)
		if err != nil {
			c.fail(w, r, http.StatusNotFound, err)
			return
		}
		named, titles = append(named, t), append(titles, t.Title)
	}
	if err := c.Store.SetPaused(r.Context(), named, paused); err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	c.paused.forget()
	said := "Resumed: " + strings.Join(titles, ", ") + ". The kept events are sent now."
	if paused {
		said = "Paused: " + strings.Join(titles, ", ") + "."
	}
	c.done(w, r, "/trackings", said)
}
