package local

import (
	"io"
	"net/http"
)

// healthRoutes adds the health addresses, which need no key and are for service managers and
// load balancers.
func (h *hub) healthRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := h.ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, "ok\n")
	})
}

// ready returns nil if the hub can take webhooks now. Its error says why it cannot.
func (h *hub) ready() error {
	if h.webhooks.stopping() {
		return errStopping
	}
	return h.queues.Writable()
}
