package local

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"commerce-segment/infra/hub/console"
	"commerce-segment/shared/commerce"
)

// receivedHeader counts what the inbox has taken since it started. It grows by one a body,
// also when old ones are dropped or the inbox is emptied.
const receivedHeader = "Inbox-Received"

// singleCalls are Segment's endpoints for one message, long and short.
var singleCalls = []string{
	"track", "identify", "page", "screen", "group", "alias",
	"t", "i", "p", "s", "g", "a",
}

// inbox is a Segment of our own: it takes what any Segment SDK sends with the hub's write
// key, and keeps it for people and programs to look at.
type inbox struct {
	host     string                 // by which it may be called, in addition to IP addresses and localhost
	writeKey func() (string, error) // as of now
	fail     float64                // the share of requests to answer 500
	keeps    int                    // bytes
	arriving *bodies                // its own: webhooks may wait for the inbox
	log      *slog.Logger

	mu       sync.Mutex
	asked    int               // requests to take something
	bodies   []json.RawMessage // oldest first
	bytes    int
	received int
	dropped  int
}

// routes are the inbox's: Segment's paths for the SDKs, and /inbox to look at it, with
// the key.
func (in *inbox) routes(mux *http.ServeMux, onlyWithKey func(http.HandlerFunc) http.HandlerFunc) {
	for _, call := range []string{"batch", "import", "b"} {
		mux.HandleFunc("POST /v1/"+call, in.onlyLocalNames(in.onlyWithWriteKey(in.take(batchBody))))
	}
	for _, call := range singleCalls {
		mux.HandleFunc("POST /v1/"+call, in.onlyLocalNames(in.onlyWithWriteKey(in.take(singleBody))))
	}
	mux.HandleFunc("GET /inbox", in.onlyLocalNames(onlyWithKey(in.list)))
	mux.HandleFunc("DELETE /inbox", in.onlyLocalNames(onlyWithKey(in.empty)))
}

// onlyLocalNames refuses what another name or a tunnel leads here.
func (in *inbox) onlyLocalNames(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !console.HasLocalName(r, in.host) {
			refuse(w)
			http.Error(w, errNotLocal.Error(), http.StatusForbidden)
			return
		}
		next(w, r)
	}
}

var (
	errNotLocal = errors.New("the inbox holds personal data: ask for it by the hub's IP address, as localhost or by the name in --addr, and not through a tunnel")
	errWriteKey = errors.New("the inbox takes only the hub's own write key, as the user name of Basic authentication: it is in segment/write-key in the hub's directory")
)

// onlyWithWriteKey refuses requests without the hub's write key before anything of their
// bodies is read.
func (in *inbox) onlyWithWriteKey(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		presented, _, _ := r.BasicAuth()
		key, err := in.writeKey()
		if err != nil || (commerce.Secrets{key}).Verify(commerce.DigestOf(presented)) != commerce.Genuine {
			refuse(w)
			answerSegment(w, http.StatusUnauthorized, errWriteKey.Error())
			return
		}
		proven(r)
		next(w, r)
	}
}

// take answers as Segment does. The check says what is wrong with a body, or how it is kept.
func (in *inbox) take(check func(path string, body []byte) (json.RawMessage, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if in.failsNow() {
			answerSegment(w, http.StatusInternalServerError, "this inbox was told to fail now and then (--inbox-fail)")
			return
		}
		body, err := in.read(r)
		defer body.close()
		if err != nil {
			refuse(w)
			answerSegment(w, statusOf(err), err.Error())
			return
		}
		kept, err := check(r.URL.Path, body.bytes)
		if err != nil {
			answerSegment(w, http.StatusBadRequest, err.Error())
			return
		}
		in.keep(kept)
		answerSegment(w, http.StatusOK, "")
	}
}

// failsNow spreads the failures evenly, the first request among them, so that a
// single event is enough to see one: at 0.5 every second request fails.
func (in *inbox) failsNow() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	before := math.Ceil(float64(in.asked) * in.fail)
	in.asked++
	return math.Ceil(float64(in.asked)*in.fail) > before
}

// errEncoding is a Content-Encoding that the inbox does not read.
type errEncoding string

func (e errEncoding) Error() string {
	return fmt.Sprintf("this inbox reads gzip, not Content-Encoding %q", string(e))
}

// read reads and unzips a request's body, within inboxTakes.
func (in *inbox) read(r *http.Request) (*body, error) {
	stream := io.Reader(r.Body)
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip":
		zipped, err := gzip.NewReader(io.LimitReader(stream, inboxTakes))
		if err != nil {
			return nil, fmt.Errorf("the body is not gzip: %w", err)
		}
		stream = zipped
	default:
		return nil, errEncoding(encoding)
	}
	return in.arriving.read(r.Context(), stream, inboxTakes)
}

// batchBody is a batch as it stands, in memory of its own.
func batchBody(_ string, body []byte) (json.RawMessage, error) {
	var shape struct {
		Batch []json.RawMessage `json:"batch"`
	}
	if err := json.Unmarshal(body, &shape); err != nil {
		return nil, fmt.Errorf(`the body is not JSON of the shape {"batch":[…]}: %w`, err)
	}
	if shape.Batch == nil {
		return nil, errors.New(`the body has no "batch"`)
	}
	return bytes.Clone(bytes.TrimSpace(body)), nil
}

// singleBody is one message, kept as a batch of one beside the path that took
// it, because the path is where SDKs say which call it is.
func singleBody(path string, body []byte) (json.RawMessage, error) {
	body = bytes.TrimSpace(body)
	if !json.Valid(body) || body[0] != '{' {
		return nil, errors.New("the body is not a JSON object")
	}
	return fmt.Appendf(nil, `{"path":%q,"batch":[%s]}`, path, body), nil
}

// keep adds a body and drops the oldest beyond the bound.
func (in *inbox) keep(body json.RawMessage) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.bodies = append(in.bodies, body)
	in.bytes += len(body) + inboxCosts
	in.received++
	for in.bytes > in.keeps {
		if in.dropped == 0 {
			in.log.Warn("the inbox is full: from now on it drops the oldest for every new one",
				"bytes", in.keeps, "batches", len(in.bodies))
		}
		in.bytes -= len(in.bodies[0]) + inboxCosts
		in.bodies[0] = nil // let the bytes go now, not when the slice next grows
		in.bodies = in.bodies[1:]
		in.dropped++
	}
}

// list writes everything kept, newest first, indented for people and otherwise byte by
// byte as it was received.
func (in *inbox) list(w http.ResponseWriter, r *http.Request) {
	in.mu.Lock()
	bodies := append([]json.RawMessage(nil), in.bodies...)
	received := in.received
	in.mu.Unlock()

	w.Header().Set("Content-Type", "application/json")
	w.Header().Set(receivedHeader, strconv.Itoa(received))
	if r.Method == http.MethodHead {
		return // hub send asks that often, for the header
	}
	var text bytes.Buffer
	separator := "[\n  "
	for _, body := range slices.Backward(bodies) {
		text.WriteString(separator)
		_ = json.Indent(&text, body, "  ", "  ") // it was valid when it came
		text.WriteTo(w)
		separator = ",\n  "
	}
	if len(bodies) == 0 {
		io.WriteString(w, "[]\n")
		return
	}
	io.WriteString(w, "\n]\n")
}

func (in *inbox) empty(w http.ResponseWriter, _ *http.Request) {
	in.mu.Lock()
	in.bodies, in.bytes, in.dropped = nil, 0, 0
	in.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

// counts says how many batches there are to look at, and how many were dropped.
func (in *inbox) counts() (kept, dropped int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.bodies), in.dropped
}

// answerSegment answers in the shape of Segment's own answers.
func answerSegment(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(struct {
		Success bool   `json:"success"`
		Message string `json:"message,omitempty"`
	}{status == http.StatusOK, message})
}
