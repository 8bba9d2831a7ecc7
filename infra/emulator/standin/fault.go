package standin

import (
	"net/http"
	"time"
)

// Fault is how an action fails: it answers in the place of what the action would
// answer, which it may call all the same, before or after. One fault can be under way
// for many calls at once.
type Fault func(next http.Handler) http.Handler

// Hang takes the connection and never answers.
func Hang(http.Handler) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
}

// Down breaks the connection.
func Down(http.Handler) http.Handler {
	return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
}

// Throttle refuses as AWS does who asks too often.
func Throttle(http.Handler) http.Handler {
	return refuse(&refusal{"ThrottlingException", "Rate exceeded"})
}

// Status answers with an HTTP status and nothing that says why.
func Status(status int) Fault {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	}
}

// Delay answers, but later. It does what is asked even if the client has given up.
func Delay(d time.Duration) Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(d)
			next.ServeHTTP(w, r)
		})
	}
}
