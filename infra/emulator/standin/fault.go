package standin

import (
	"net/http"
	"time"
)

// Fault makes an action fail: its handler answers instead of next, the handler of the
// action, which it may also call. Many calls can use a fault at the same time.
type Fault func(next http.Handler) http.Handler

// Hang accepts the connection and never answers.
func Hang(http.Handler) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
}

// Down breaks the connection.
func Down(http.Handler) http.Handler {
	return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
}

// Throttle answers that there are too many requests.
func Throttle(http.Handler) http.Handler {
	return refuse(&refusal{"ThrottlingException", "Rate exceeded"})
}

// Status answers with an HTTP status and no body.
func Status(status int) Fault {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	}
}

// Delay answers later. It runs the action even if the client has closed the connection.
func Delay(d time.Duration) Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(d)
			next.ServeHTTP(w, r)
		})
	}
}
