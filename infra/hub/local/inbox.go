package local

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"commerce-segment/infra/hub/console"
	"commerce-segment/infra/hub/database"
	"commerce-segment/infra/hub/server"
	"commerce-segment/shared/commerce"
)

// receivedHeader is the header with the number of batches that the inbox has ever received.
// It does not decrease when batches are removed.
const receivedHeader = "Inbox-Received"

// singleCalls are Segment's endpoints for a single message, with their long and short names.
var singleCalls = []string{
	"track", "identify", "page", "screen", "group", "alias",
	"t", "i", "p", "s", "g", "a",
}

// inbox is a local stand-in for Segment: it accepts what any Segment SDK sends with the hub's
// write key, and keeps it on the disk for people and programs to read.
type inbox struct {
	host       string                 // allowed in a request's Host, in addition to IP addresses and localhost
	writeKey   func() (string, error) // returns the current one
	fail       float64                // the share of requests that it answers with 500, from 0 to 1
	bodyReader *bodyReader            // not that of the webhooks, which may wait for the inbox
	batches    *database.List

	mu       sync.Mutex
	requests int // with a batch or a message
}

// openBatches opens the batches of an inbox in a folder.
func openBatches(folder string, log *slog.Logger) (*database.List, error) {
	return database.OpenList(filepath.Join(folder, "inbox.db"), "the inbox", database.Limits{Bytes: inboxBytes, Age: receivedAge}, log)
}

// routes adds the routes of the inbox: Segment's paths for the SDKs, and /inbox, which needs
// the key of the hub, to read and empty it.
func (in *inbox) routes(mux *http.ServeMux, onlyWithKey func(http.HandlerFunc) http.HandlerFunc) {
	for _, call := range []string{"batch", "import", "b"} {
		mux.HandleFunc("POST /v1/"+call, in.onlyLocalNames(in.onlyWithWriteKey(in.receive(batchBody))))
	}
	for _, call := range singleCalls {
		mux.HandleFunc("POST /v1/"+call, in.onlyLocalNames(in.onlyWithWriteKey(in.receive(singleBody))))
	}
	mux.HandleFunc("GET /inbox", in.onlyLocalNames(onlyWithKey(in.list)))
	mux.HandleFunc("DELETE /inbox", in.onlyLocalNames(onlyWithKey(in.empty)))
}

// onlyLocalNames rejects requests with another host name, and those through a tunnel.
func (in *inbox) onlyLocalNames(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !console.HasLocalName(r, in.host) {
			closeAfterAnswer(w)
			http.Error(w, errNotLocal.Error(), http.StatusForbidden)
			return
		}
		next(w, r)
	}
}

var (
	errNotLocal = errors.New("the inbox contains personal data: use the hub's IP address, localhost or the name in --addr, and no tunnel")
	errWriteKey = errors.New("the inbox accepts only the hub's write key, as the user name of Basic authentication: it is in segment/write-key in the hub's directory")
)

// onlyWithWriteKey rejects requests without the hub's write key, before their bodies are read.
func (in *inbox) onlyWithWriteKey(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		presented, _, _ := r.BasicAuth()
		key, err := in.writeKey()
		if err != nil || (commerce.Secrets{key}).Verify(commerce.DigestOf(presented)) != commerce.Genuine {
			closeAfterAnswer(w)
			answerSegment(w, http.StatusUnauthorized, errWriteKey.Error())
			return
		}
		server.MarkAuthenticated(r)
		next(w, r)
	}
}

// receive returns a handler that keeps a body, and answers as Segment does. check returns the
// batch to keep, or what is wrong with the body.
func (in *inbox) receive(check func(path string, body []byte) (json.RawMessage, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if in.failsNow() {
			answerSegment(w, http.StatusInternalServerError, "the inbox fails this request because of --inbox-fail")
			return
		}
		body, err := in.read(r)
		defer body.close()
		if err != nil {
			closeAfterAnswer(w)
			answerSegment(w, statusOf(err), err.Error())
			return
		}
		kept, err := check(r.URL.Path, body.bytes)
		if err != nil {
			answerSegment(w, http.StatusBadRequest, err.Error())
			return
		}
		if err := in.batches.Add(database.Entry{At: time.Now(), Body: kept}); err != nil {
			answerSegment(w, http.StatusInternalServerError, "the inbox cannot write to the disk: see the hub's log")
			return
		}
		answerSegment(w, http.StatusOK, "")
	}
}

// failsNow reports whether to fail this request. The failures are spread evenly, and the first
// request is one of them, so that one event is enough to see a failure: with a share of 0.5
// every second request fails.
func (in *inbox) failsNow() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	before := math.Ceil(float64(in.requests) * in.fail)
	in.requests++
	return math.Ceil(float64(in.requests)*in.fail) > before
}

// errEncoding is a Content-Encoding that the inbox does not support.
type errEncoding string

func (e errEncoding) Error() string {
	return fmt.Sprintf("the inbox does not support Content-Encoding %q: use gzip or none", string(e))
}

// read reads a request's body, and decompresses it. The result has at most maxBatchBytes.
func (in *inbox) read(r *http.Request) (*body, error) {
	stream := io.Reader(r.Body)
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip":
		zipped, err := gzip.NewReader(io.LimitReader(stream, maxBatchBytes))
		if err != nil {
			return nil, fmt.Errorf("the body is not gzip: %w", err)
		}
		stream = zipped
	default:
		return nil, errEncoding(encoding)
	}
	return in.bodyReader.read(r.Context(), stream, maxBatchBytes)
}

// batchBody returns a copy of a batch, without changes.
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

// singleBody returns a batch of one message, with the path of its request: only the path has
// the type of the call.
func singleBody(path string, body []byte) (json.RawMessage, error) {
	body = bytes.TrimSpace(body)
	if !json.Valid(body) || body[0] != '{' {
		return nil, errors.New("the body is not a JSON object")
	}
	return fmt.Appendf(nil, `{"path":%q,"batch":[%s]}`, path, body), nil
}

// list writes the batches, the newest first; with ?after=N only those that followed the first
// N. They are indented, and otherwise byte by byte as they were received.
func (in *inbox) list(w http.ResponseWriter, r *http.Request) {
	after, err := strconv.ParseUint(cmp.Or(r.URL.Query().Get("after"), "0"), 10, 64)
	if err != nil {
		http.Error(w, "after is not a number: write how many batches to leave out, the oldest first", http.StatusBadRequest)
		return
	}
	received := in.batches.Added()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set(receivedHeader, strconv.FormatUint(received, 10))
	if r.Method == http.MethodHead {
		return // hub send often asks for the header alone
	}
	var text bytes.Buffer
	separator := "[\n  "
	for batch, err := range in.batches.NewestFirst(received) {
		if err != nil {
			panic(http.ErrAbortHandler) // the answer has begun: the client sees that it is not whole
		}
		if batch.Number <= after {
			break
		}
		text.WriteString(separator)
		_ = json.Indent(&text, batch.Body, "  ", "  ") // only valid JSON is kept
		text.WriteTo(w)
		separator = ",\n  "
	}
	if strings.HasPrefix(separator, "[") {
		io.WriteString(w, "[]\n")
		return
	}
	io.WriteString(w, "\n]\n")
}

// empty removes all batches.
func (in *inbox) empty(w http.ResponseWriter, _ *http.Request) {
	if err := in.batches.Empty(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// answerSegment answers in the format of Segment's answers.
func answerSegment(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(struct {
		Success bool   `json:"success"`
		Message string `json:"message,omitempty"`
	}{status == http.StatusOK, message})
}
