package local

import (
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

	"commerce-segment/infra/hub/console"
	"commerce-segment/infra/hub/deadletters"
	"commerce-segment/infra/hub/measure"
	"commerce-segment/infra/hub/queue"
	"commerce-segment/infra/hub/server"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/serve"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
)

// webhooks is the handler of the webhooks. It has the functions of all trackings, each with its own queue
// as on AWS.
type webhooks struct {
	host       string // allowed in a request's Host, in addition to IP addresses and localhost
	functions  map[string]*serve.Function
	queues     map[string]*queue.Queue
	recoveries map[string]*recovery
	bodyReader *bodyReader
	accepting  *semaphore.Weighted
	accepted   *accepted
	settings   *settings.StableDir
	// open is locked for reading while a webhook is being accepted. stop locks it for writing
	// and does not unlock it.
	open sync.RWMutex
}

// newWebhooks returns the handler of the webhooks. backoff is the delay before an event's
// second attempt.
func newWebhooks(host string, configuration func(tracking.Tracking) relay.Configuration, stable *settings.StableDir, queues *queue.Store, accepted *accepted, meter *measure.Meter, backoff time.Duration, log *slog.Logger) *webhooks {
	log = slog.New(&forgedLog{Handler: log.Handler()})
	h := &webhooks{
		host:       host,
		functions:  make(map[string]*serve.Function),
		queues:     make(map[string]*queue.Queue),
		recoveries: make(map[string]*recovery),
		bodyReader: newBodyReader(),
		accepting:  semaphore.NewWeighted(acceptMemory),
		accepted:   accepted,
		settings:   stable,
	}
	for _, t := range tracking.All() {
		queue := queues.Queue(t.Name)
		function := serve.NewFunction(t, configuration(t), queue, log)
		function.Relay.Backoff = backoff
		recovery := newRecovery(t, queue, log)
		function.Relay.Measured = func(m relay.Measurement) {
			meter.Count(t, m)
			recovery.measured(m)
		}
		h.functions[t.Name], h.queues[t.Name] = function, queue
		h.recoveries[t.Name] = recovery
	}
	return h
}

// deliver delivers the events of the queues until the context is done, and keeps accepted
// webhooks on the disk. It returns when the deliveries and writes in progress have ended.
func (h *webhooks) deliver(ctx context.Context) {
	var queues sync.WaitGroup
	queues.Go(func() { h.accepted.save(ctx) })
	for name, queue := range h.queues {
		paused := &pausable{Queue: queue, tracking: h.functions[name].Relay.Tracking, settings: h.settings}
		queues.Go(func() { spool.Serve(ctx, paused, h.recoveries[name].watch(h.functions[name].Relay.Deliver)) })
	}
	queues.Go(func() { followSettings(ctx, h.settings, h.recoveries) })
	queues.Wait()
}

// stop rejects webhooks from now on. It returns when those in progress have been answered, and
// the latest ones are on the disk.
func (h *webhooks) stop() {
	h.open.Lock()
	h.accepted.write()
}

// stopping reports whether webhooks are rejected because the hub stops.
func (h *webhooks) stopping() bool {
	open := h.open.TryRLock()
	if open {
		h.open.RUnlock()
	}
	return !open
}

// status returns the sum of the statuses of all queues.
func (h *webhooks) status() (total queue.Status) {
	for _, each := range h.queues {
		total.Add(each.Status())
	}
	return total
}

// deadLetters returns the dead-letter queues of all trackings.
func (h *webhooks) deadLetters() deadletters.Queues {
	var letters deadletters.Queues
	for _, t := range tracking.All() {
		letters = append(letters, deadletters.TrackingQueue{Tracking: t, Queue: h.queue(t)})
	}
	return letters
}

// queue returns the queue of a tracking.
func (h *webhooks) queue(t tracking.Tracking) deadletters.Local {
	return deadletters.Local{Queue: h.queues[t.Name], Settle: h.settings.Settle}
}

// handles reports whether a request is a webhook: it has the path of one, or it has the header
// with the key and a misspelt path.
func (h *webhooks) handles(r *http.Request) bool {
	cleaned := path.Clean("/" + r.URL.Path)
	return cleaned == "/webhooks" || strings.HasPrefix(cleaned, "/webhooks/") || r.Header.Get(serve.KeyHeader) != ""
}

// function returns the function for a path. For an unknown path it returns any function, which
// answers 404.
func (h *webhooks) function(p string) *serve.Function {
	if function, ok := h.functions[path.Base(p)]; ok {
		return function
	}
	return h.functions[tracking.OrderCompleted.Name]
}

// errNoSecret means that a webhook has another host name while there is no secret to check.
var errNoSecret = errors.New("no webhook secret is set. Until then webhooks are accepted only at the hub's IP address, localhost or the name in --addr, " +
	"and not through a tunnel: create a secret with hub configure")

// ServeHTTP calls the function for POST /webhooks/<name>, as the HTTP API on AWS does. If the
// function rejects a request because of its headers, such as a wrong key, the body is not
// read.
func (h *webhooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	function, event := h.function(r.URL.Path), toEvent(r)
	if response, rejected := function.Reject(r.Context(), event); rejected {
		closeAfterAnswer(w)
		respond(w, response)
		return
	}
	if acceptsAnyKey(r.Context(), function) && !console.HasLocalName(r, h.host) {
		closeAfterAnswer(w)
		http.Error(w, errNoSecret.Error(), http.StatusForbidden)
		return
	}
	server.MarkAuthenticated(r)
	body, err := h.bodyReader.read(r.Context(), r.Body, maxWebhookBytes)
	defer body.close()
	if err != nil {
		closeAfterAnswer(w)
		http.Error(w, err.Error(), statusOf(err))
		return
	}
	response, err := h.accept(r, function, event, body.bytes)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	respond(w, response)
}

// accept calls the function with a request and its body, and keeps an accepted webhook for the
// pages.
func (h *webhooks) accept(r *http.Request, function *serve.Function, event events.APIGatewayV2HTTPRequest, body []byte) (events.APIGatewayV2HTTPResponse, error) {
	if !h.open.TryRLock() {
		return events.APIGatewayV2HTTPResponse{}, errStopping
	}
	defer h.open.RUnlock()
	size := int64(max(len(body), minAcceptMemory))
	if err := h.accepting.Acquire(r.Context(), size); err != nil {
		return events.APIGatewayV2HTTPResponse{}, err // the client has disconnected
	}
	defer h.accepting.Release(size)
	event.Body = string(body)
	// Lambda also continues when the client disconnects.
	response, err := function.HTTP(context.WithoutCancel(r.Context()), event)
	if response.StatusCode == http.StatusAccepted {
		h.accepted.keep(function.Relay.Tracking, event.Body)
	}
	return response, err
}

var errStopping = errors.New("the hub is stopping")

// acceptsAnyKey reports whether no secret is set. Then webhooks are accepted with any key.
func acceptsAnyKey(ctx context.Context, function *serve.Function) bool {
	config, err := function.Relay.Configuration.Current(ctx)
	return err == nil && config.Secrets.Verify(commerce.Digest{}) == commerce.Unknown
}

// closeAfterAnswer closes the connection after the answer, and limits the time for the rest of
// the body to rejectTimeout. Call it before the answer is written.
func closeAfterAnswer(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(rejectTimeout))
}

// respond writes the response of a function.
func respond(w http.ResponseWriter, response events.APIGatewayV2HTTPResponse) {
	for key, value := range response.Headers {
		w.Header().Set(key, value)
	}
	w.WriteHeader(response.StatusCode)
	io.WriteString(w, response.Body)
}

// statusOf returns the HTTP status for an error of reading a body.
func statusOf(err error) int {
	var tooLarge errTooLarge
	var encoding errEncoding
	switch {
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.As(err, &encoding):
		return http.StatusUnsupportedMediaType
	case errors.Is(err, errBusy):
		return http.StatusServiceUnavailable
	default:
		return http.StatusBadRequest
	}
}

// toEvent returns the event that an HTTP API of AWS makes of a request (payload format 2.0),
// without the body. The body is not encoded in base64 later: a Go string can hold any bytes.
func toEvent(r *http.Request) events.APIGatewayV2HTTPRequest {
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
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{
				Method: r.Method, Path: r.URL.Path, Protocol: r.Proto,
				SourceIP: r.RemoteAddr, UserAgent: r.UserAgent(),
			},
		},
	}
}
