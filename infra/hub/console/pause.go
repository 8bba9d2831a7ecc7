package console

import (
	"context"
	"net/http"
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

// setPaused pauses or resumes the tracking that the form names.
func (c *Console) setPaused(w http.ResponseWriter, r *http.Request, paused bool) {
	t, err := tracking.ByName(r.PostFormValue("pause"))
	if err != nil {
		c.fail(w, r, http.StatusNotFound, err)
		return
	}
	if err := c.Store.SetPaused(r.Context(), []tracking.Tracking{t}, paused); err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	c.paused.forget()
	said := t.Title + " is resumed. The kept events are sent now."
	if paused {
		said = t.Title + " is paused."
	}
	c.done(w, r, "/trackings", said)
}
