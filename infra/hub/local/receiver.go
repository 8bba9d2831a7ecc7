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
	"commerce-segment/infra/hub/queue"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/serve"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
)

// webhooks are the seven functions, each with its own queue as on AWS, behind
// one local server.
type webhooks struct {
	host      string // by which they may be called, in addition to IP addresses and localhost
	functions map[string]*serve.Function
	queues    map[string]*queue.Queue
	bodies    *bodies
	accepting *semaphore.Weighted
	accepted  accepted
	settle    func(context.Context) error // waits until the settings that are written are in effect
	// open is held for reading by each webhook that is being accepted, and for
	// writing, for good, once no more are.
	open sync.RWMutex
}

// newWebhooks builds the functions. The backoff is the delay before an event's second
// delivery. A stranger cannot make the log grow.
func newWebhooks(host string, configuration func(tracking.Tracking) relay.Configuration, settle func(context.Context) error, queues *queue.Store, backoff time.Duration, log *slog.Logger) *webhooks {
	log = slog.New(&forgeries{Handler: log.Handler()})
	h := &webhooks{
		host:      host,
		functions: make(map[string]*serve.Function),
		queues:    make(map[string]*queue.Queue),
		bodies:    newBodies(),
		accepting: semaphore.NewWeighted(acceptRoom),
		settle:    settle,
	}
	for _, t := range tracking.All() {
		queue := queues.Queue(t.Name)
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
		queues.Go(func() { spool.Serve(ctx, queue, h.functions[name].Relay.Deliver) })
	}
	queues.Wait()
}

// stop refuses webhooks from now on, and returns when those underway are answered.
func (h *webhooks) stop() { h.open.Lock() }

// status counts the events of all queues.
func (h *webhooks) status() (total queue.Status) {
	for _, each := range h.queues {
		total.Add(each.Status())
	}
	return total
}

// deadLetters is the events that were given up.
func (h *webhooks) deadLetters() deadletters.Queues {
	var letters deadletters.Queues
	for _, t := range tracking.All() {
		letters = append(letters, deadletters.TrackingQueue{Tracking: t, Queue: deadletters.Local{Queue: h.queues[t.Name], Settle: h.settle}})
	}
	return letters
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

// errNoSecret is why a stranger's name is refused where no key can be compared.
var errNoSecret = errors.New("no webhook secret is set, so webhooks are taken only by the hub's IP address, as localhost or by the name in --addr, " +
	"and not through a tunnel: hub configure makes one, and with it they come by any name")

// ServeHTTP hands POST /webhooks/<name> to the function of that name, as the
// HTTP API on AWS does. Of what the function refuses by its headers alone, such as a wrong
// key, nothing more is read.
func (h *webhooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	function, event := h.function(r.URL.Path), toEvent(r)
	if response, rejected := function.Reject(r.Context(), event); rejected {
		refuse(w)
		respond(w, response)
		return
	}
	if isOpenToAll(r.Context(), function) && !console.HasLocalName(r, h.host) {
		refuse(w)
		http.Error(w, errNoSecret.Error(), http.StatusForbidden)
		return
	}
	proven(r)
	body, err := h.bodies.read(r.Context(), r.Body, webhookTakes)
	defer body.close()
	if err != nil {
		refuse(w)
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

// accept hands a request to its function, with its body.
func (h *webhooks) accept(r *http.Request, function *serve.Function, event events.APIGatewayV2HTTPRequest, body []byte) (events.APIGatewayV2HTTPResponse, error) {
	if !h.open.TryRLock() {
		return events.APIGatewayV2HTTPResponse{}, errors.New("the hub is stopping")
	}
	defer h.open.RUnlock()
	costs := int64(max(len(body), acceptCosts))
	if err := h.accepting.Acquire(r.Context(), costs); err != nil {
		return events.APIGatewayV2HTTPResponse{}, err // the client has gone
	}
	defer h.accepting.Release(costs)
	event.Body = string(body)
	// Lambda does not notice that the client has gone, either.
	response, err := function.HTTP(context.WithoutCancel(r.Context()), event)
	if response.StatusCode == http.StatusAccepted {
		h.accepted.keep(function.Relay.Tracking, event.Body)
	}
	return response, err
}

// isOpenToAll says that no secret is set, and so any key is taken until one is.
func isOpenToAll(ctx context.Context, function *serve.Function) bool {
	config, err := function.Relay.Configuration.Current(ctx)
	return err == nil && config.Secrets.Verify(commerce.Digest{}) == commerce.Unknown
}

// refuse has the connection closed after the answer, and waits only a moment for the rest of
// the body, which would otherwise be read first. It comes before the answer.
func refuse(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(refuseWithin)) // or it takes readWithin
}

func respond(w http.ResponseWriter, response events.APIGatewayV2HTTPResponse) {
	for key, value := range response.Headers {
		w.Header().Set(key, value)
	}
	w.WriteHeader(response.StatusCode)
	io.WriteString(w, response.Body)
}

// statusOf is the status for a body that could not be read.
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

// toEvent makes of a request what an HTTP API of AWS makes of it (payload format
// 2.0), without the body. That never needs base64 here: a Go string holds any bytes.
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
