package local

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"commerce-segment/infra/hub/console"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/queue"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// Options are the options of a hub.
type Options struct {
	Addr      string        // HOST:PORT to listen on
	Dir       string        // the directory of its settings
	InboxFail float64       // the share of requests that the inbox answers with 500, from 0 to 1
	Backoff   time.Duration // the delay before the second delivery of an event
	Log       string        // the form of the log: text or json
}

// boundMemory sets a memory limit for the garbage collector, unless GOMEMLIMIT has set one.
func boundMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}

// Run runs a hub until the context is done.
func Run(ctx context.Context, options Options, stdout, stderr io.Writer) error {
	boundMemory()
	lines := executions.NewMemory()
	log := slog.New(slog.NewMultiHandler(NewLog(options.Log, stderr).Handler(), lines.Handler()))
	release, err := store.LockDirectory(options.Dir, log)
	if err != nil {
		return err
	}
	defer release()
	listener, err := listen(ctx, options.Addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	directory, stable, err := openSettings(ctx, options.Dir)
	if err != nil {
		return err
	}
	key, err := directory.Key()
	if err != nil {
		return err
	}
	host, _, _ := net.SplitHostPort(options.Addr) // valid, because listen accepted it
	h := &hub{
		url:       urlOf(listener),
		public:    publicAddr(listener),
		directory: directory,
		log:       log,
		lines:     lines,
		inbox: &inbox{
			host: host, writeKey: func() (string, error) {
				values, err := stable.Parameters(ctx, []string{settings.SegmentWriteKey})
				return strings.TrimSpace(values[settings.SegmentWriteKey]), err
			},
			fail: options.InboxFail, bodyReader: newBodyReader(),
		},
	}
	if h.inbox.batches, err = openBatches(directory.File(store.ReceivedFolder), log); err != nil {
		return err
	}
	defer h.inbox.batches.Close()
	accepted, err := openAccepted(directory.File(store.ReceivedFolder), log)
	if err != nil {
		return err
	}
	defer accepted.disk.Close()
	queues, err := queue.Open(directory.File(store.QueueFolder), log)
	if err != nil {
		return err
	}
	defer queues.Close()
	h.webhooks = newWebhooks(host, func(t tracking.Tracking) relay.Configuration {
		return liveConfiguration{tracking: t, settings: stable, inbox: h.url}
	}, stable, queues, accepted, options.Backoff, log)
	h.pages = h.console(key)
	started, err := h.startup(ctx)
	if err != nil {
		return err
	}
	started.write(stdout, h.pages.Link(h.url))
	if err := h.serve(ctx, listener); err != nil {
		return err
	}
	h.printKept(stdout)
	return nil
}

// NewLog returns the log of a hub. The form is text or json.
func NewLog(form string, w io.Writer) *slog.Logger {
	if form == "json" {
		return slog.New(slog.NewJSONHandler(w, nil))
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{
		ReplaceAttr: func(groups []string, attr slog.Attr) slog.Attr {
			if attr.Key == slog.TimeKey && len(groups) == 0 {
				attr.Value = slog.StringValue(attr.Value.Time().Format("15:04:05.000"))
			}
			return attr
		},
	}))
}

// hub is a running hub. It receives webhooks and sends messages to Segment, or to its own inbox
// if the settings name no other host.
type hub struct {
	url       string // for requests from this machine
	public    string // the address for other machines; empty if they cannot reach it
	directory store.Directory
	log       *slog.Logger
	lines     *executions.Memory // the log lines about webhooks
	inbox     *inbox
	webhooks  *webhooks
	pages     *console.Console
}

// routes returns the handler of all requests.
func (h *hub) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", h.pages.Handler())
	pages := h.pages.Sessions(markKeyHolders(h.pages, mux))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	h.inbox.routes(mux, h.pages.RequireKey)
	// The webhooks do not use a mux, which would redirect a path with two slashes.
	all := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h.webhooks.handles(r) {
			h.webhooks.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})
	// A page of another site must not make a visitor's browser send changes to the hub.
	return http.NewCrossOriginProtection().Handler(all)
}

// serve answers requests and delivers events until the context is done. Then it rejects new
// webhooks, and waits for the deliveries in progress and the work of the console. The inbox
// stops last, because they may send to it.
func (h *hub) serve(ctx context.Context, listener net.Listener) error {
	server := newServer(h.routes(), h.log)
	serving := make(chan error, 1)
	go func() { serving <- server.Serve(limitConnections(listener, maxConnections)) }()

	delivering, stopDelivering := context.WithCancel(context.WithoutCancel(ctx))
	defer stopDelivering()
	delivered := make(chan struct{})
	go func() {
		h.webhooks.deliver(delivering)
		close(delivered)
	}()

	select {
	case err := <-serving:
		return fmt.Errorf("serving on %s: %w", h.url, err)
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	await(stopping, func() {
		h.webhooks.stop()
		h.pages.Stop()
		stopDelivering()
		<-delivered
	})
	shutDown(stopping, server)
	return nil
}

// await returns when the work or the context is done.
func await(ctx context.Context, work func()) {
	done := make(chan struct{})
	go func() {
		work()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// newServer returns a server with timeouts, for the connections of a limitedListener.
func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		// Otherwise net/http logs each request with a semicolon in its address.
		Handler:           http.AllowQuerySemicolons(recovers(handler, log)),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ConnState:         noteState,
		ConnContext:       withConnection,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// recovers returns a handler that logs a panic without its value, which may be personal data,
// and closes the connection. The http.Server would log the value.
func recovers(next http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			value := recover()
			if value == nil {
				return
			}
			if value != http.ErrAbortHandler {
				log.Error("panic", "type", fmt.Sprintf("%T", value), "stack", string(debug.Stack()))
			}
			panic(http.ErrAbortHandler)
		}()
		next.ServeHTTP(w, r)
	})
}

// shutDown stops a server. It waits for open requests until the context is done, and at most
// for closeTimeout.
func shutDown(ctx context.Context, server *http.Server) {
	stopping, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	if server.Shutdown(stopping) != nil {
		server.Close() // the open requests have had enough time
	}
}

// printKept prints how many events are kept for the next hub run with this directory.
func (h *hub) printKept(w io.Writer) {
	left := h.webhooks.status()
	if left.Waiting+left.Failed == 0 {
		fmt.Fprintln(w, "\nStopped. No events are queued.")
		return
	}
	fmt.Fprintf(w, "\nStopped. %s and %s are kept in %s. The next hub run with this directory continues with them.\n",
		words.Count(left.Waiting, "event")+" to be delivered", words.Count(left.Failed, "dead letter"), h.directory.File(store.QueueFolder))
}
