package console

import (
	"net/http"
	"time"

	"commerce-segment/infra/hub/doctor"
)

// doctorLooksBack is how far the page looks back for webhooks.
const doctorLooksBack = 24 * time.Hour

// doctor shows what is right with the store, what is wrong, and what to do about it.
func (c *Console) doctor(w http.ResponseWriter, r *http.Request) {
	report := doctor.Examine(r.Context(), doctor.Patient{
		Store: c.Store, Log: c.log(), NoLog: errNoLog.Error(), Since: doctorLooksBack,
	})
	c.show(w, r, http.StatusOK, "doctor", view{Title: "Doctor", Path: "/doctor", Data: report})
}
