package sam

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	// Port is the port of the inbox for the plain SAM CLI: the variables in a file name it.
	Port = "8089"
	// maxBatch limits the body of a request to Segment, in bytes, as Segment does.
	maxBatch = 500 << 10
	// hubWithin is how long the hub may take to answer.
	hubWithin = 5 * time.Second
)

// Inbox listens at an address that containers reach, passes what the functions send to
// Segment on to the inbox of a hub, and shows the messages. So a hub needs no address that
// containers reach.
type Inbox struct {
	listener net.Listener
	port     string
	hub      string // URL
	show     func(messages []json.RawMessage)
}

// OpenInbox opens an inbox at a port, in front of the hub at a URL. Port 0 is any free port. It
// fails if a container cannot connect to it. show is called with the messages of each batch
// that the hub accepted.
func OpenInbox(ctx context.Context, port, hub string, show func(messages []json.RawMessage)) (*Inbox, error) {
	host, err := hostAddress(ctx)
	if err != nil {
		return nil, err
	}
	if !isOfThisMachine(host) {
		host = "127.0.0.1"
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("listening for what the functions in containers send: %w", err)
	}
	_, port, err = net.SplitHostPort(listener.Addr().String())
	if err == nil {
		err = checkReach(ctx, listener.Addr(), port)
	}
	if err != nil {
		listener.Close()
		return nil, err
	}
	return &Inbox{listener: listener, port: port, hub: hub, show: show}, nil
}

// URL returns the URL of the inbox inside a container.
func (in *Inbox) URL() string { return urlAt(in.port) }

func urlAt(port string) string { return "http://" + net.JoinHostPort(hostName, port) }

// Serve serves requests until the context ends.
func (in *Inbox) Serve(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/batch", in.receive)
	server := &http.Server{Handler: mux, ReadTimeout: hubWithin}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(in.listener); ctx.Err() == nil {
		return err
	}
	return nil
}

// receive passes a request on to the hub and answers what the hub answers.
func (in *Inbox) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBatch))
	if err != nil {
		http.Error(w, "the batch is larger than Segment accepts, or was not sent completely", http.StatusRequestEntityTooLarge)
		return
	}
	status, answer, err := in.pass(r, body)
	if err != nil {
		http.Error(w, "the hub does not answer: start it with make run", http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(answer)
	if status == http.StatusOK {
		in.showBatch(body)
	}
}

// pass sends a request with its body to the hub, and returns the answer.
func (in *Inbox) pass(r *http.Request, body []byte) (status int, answer []byte, err error) {
	ctx, cancel := context.WithTimeout(r.Context(), hubWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, r.Method, in.hub+r.URL.Path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	for _, name := range []string{"Authorization", "Content-Type", "Content-Encoding"} {
		request.Header[name] = r.Header[name]
	}
	response, err := http.DefaultTransport.RoundTrip(request) // follows no redirect
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(response.Body, maxBatch))
	return response.StatusCode, answer, err
}

// showBatch shows the messages of a batch that the hub accepted, which is JSON.
func (in *Inbox) showBatch(body []byte) {
	var batch struct {
		Batch []json.RawMessage `json:"batch"`
	}
	if err := json.Unmarshal(body, &batch); err == nil {
		in.show(batch.Batch)
	}
}
