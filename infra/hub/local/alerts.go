package local

import (
	"commerce-segment/infra/hub/alert"
)

// alerts returns what tells people when the health of this hub gets worse.
func (h *hub) alerts() *alert.Watcher {
	return &alert.Watcher{Settings: h.directory, Judge: h.pages.Health, Log: h.log, Pace: alert.Pace{Console: h.url}}
}
