package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"golang.org/x/sync/semaphore"

	"commerce-segment/infra/hub/site"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/serve"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
)

const (
	// webhookTakes is what an HTTP API of AWS takes of a request.
	webhookTakes = 10 << 20
	// webhookRoom bounds the bodies of all webhooks that are being accepted at
	// one moment, and webhookCosts is what the smallest takes of it: so no more
	// than 64 are, and the others wait their turn. Accepting a webhook takes
	// a good deal of memory for a moment, because it is compressed.
	webhookRoom  = 64 << 20
	webhookCosts = 1 << 20
)

// webhooks are the seven functions, each with its own queue as on AWS, behind
// one local server.
type webhooks struct {
	functions map[string]*serve.Function
	queues    map[string]*spool.Memory
	room      *semaphore.Weighted
	recents   recents
	// open is held for reading by each webhook that is being accepted, and for
	// writing, for good, once no more are.
	open sync.RWMutex
}

// newWebhooks builds the functions. The backoff is the delay before an event's second delivery.
func newWebhooks(configuration func(tracking.Tracking) relay.Configuration, backoff time.Duration, log *slog.Logger) *webhooks {
	h := &webhooks{
		functions: make(map[string]*serve.Function),
		queues:    make(map[string]*spool.Memory),
		room:      semaphore.NewWeighted(webhookRoom),
	}
	for _, t := range tracking.All() {
		queue := spool.NewMemory()
		function := serve.NewFunction(t, configuration(t), queue, log)
		function.Relay.Backoff = backoff
		h.functions[t.Name], h.queues[t.Name] = function, queue
	}
	return h
}

// deliver carries the queues' events to Segment until the context is done, and
// returns when the deliveries that are underway by then have ended.
func (h *webhooks) deliver(ctx context.Context) {
	var queues sync.WaitGroup
	for name, queue := range h.queues {
		queues.Go(func() { queue.Serve(ctx, h.functions[name].Relay.Deliver) })
	}
	queues.Wait()
}

// stop refuses webhooks from now on, and returns when those underway are answered.
func (h *webhooks) stop() { h.open.Lock() }

// backlog counts the events that are accepted and not delivered, and those that were
// given up.
func (h *webhooks) backlog() (total site.Backlog) {
	for _, queue := range h.queues {
		counts := queue.Counts()
		total.Waiting += counts.Visible + counts.Invisible
		total.Dead += counts.Dead
	}
	return total
}

// graveyard is the events that were given up.
func (h *webhooks) graveyard() site.Graveyard {
	var yard site.Graveyard
	for _, t := range tracking.All() {
		yard = append(yard, site.TrackingQueue{Tracking: t, Queue: site.InMemory{Memory: h.queues[t.Name]}})
	}
	return yard
}

// takes reports whether a request is for the webhooks: by its path, or because it has
// their key and a path that is misspelt.
func (h *webhooks) takes(r *http.Request) bool {
	cleaned := path.Clean("/" + r.URL.Path)
	return cleaned == "/webhooks" || strings.HasPrefix(cleaned, "/webhooks/") || r.Header.Get(serve.KeyHeader) != ""
}

// function returns the function to which a path is routed. For an unknown path it
// returns any one, which answers 404.
func (h *webhooks) function(p string) *serve.Function {
	if function, ok := h.functions[path.Base(p)]; ok {
		return function
	}
	return h.functions[tracking.OrderCompleted.Name]
}

// ServeHTTP hands POST /webhooks/<name> to the function of that name, as the
// HTTP API on AWS does.
func (h *webhooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	function := h.function(r.URL.Path)
	if !h.open.TryRLock() {
		http.Error(w, "the hub is stopping", http.StatusServiceUnavailable)
		return
	}
	defer h.open.RUnlock()
	takes := roomFor(r)
	if err := h.room.Acquire(r.Context(), takes); err != nil {
		return // the client has gone
	}
	defer h.room.Release(takes)

	event, err := toEvent(w, r)
	if err != nil {
		status := http.StatusBadRequest
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			status = http.StatusRequestEntityTooLarge
		}
		http.Error(w, err.Error(), status)
		return
	}
	// Lambda does not notice that whoever called it has gone, either.
	response, err := function.HTTP(context.WithoutCancel(r.Context()), event)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if response.StatusCode == http.StatusAccepted {
		h.recents.keep(function.Relay.Tracking, event.Body)
	}
	for key, value := range response.Headers {
		w.Header().Set(key, value)
	}
	w.WriteHeader(response.StatusCode)
	io.WriteString(w, response.Body)
}

// roomFor is how much of the room a webhook takes. Where its length is not
// known it is the largest.
func roomFor(r *http.Request) int64 {
	if r.ContentLength < 0 {
		return webhookTakes
	}
	return min(max(r.ContentLength, webhookCosts), webhookTakes)
}

// toEvent makes of a request what an HTTP API of AWS makes of it (payload format
// 2.0). The body never needs base64 here: a Go string holds any bytes.
func toEvent(w http.ResponseWriter, r *http.Request) (events.APIGatewayV2HTTPRequest, error) {
	var body bytes.Buffer
	body.Grow(int(max(0, min(r.ContentLength, webhookTakes))) + bytes.MinRead) // in one piece where the length is known
	if _, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, webhookTakes)); err != nil {
		return events.APIGatewayV2HTTPRequest{}, err
	}
	headers := make(map[string]string, len(r.Header)+1)
	for name, values := range r.Header {
		headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	headers["host"] = r.Host
	return events.APIGatewayV2HTTPRequest{
		Version:        "2.0",
		RouteKey:       r.Method + " " + r.URL.Path,
		RawPath:        r.URL.Path,
		RawQueryString: r.URL.RawQuery,
		Headers:        headers,
		Body:           body.String(),
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{
				Method: r.Method, Path: r.URL.Path, Protocol: r.Proto,
				SourceIP: r.RemoteAddr, UserAgent: r.UserAgent(),
			},
		},
	}, nil
}
