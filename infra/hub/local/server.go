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

// Options say how to run a hub.
type Options struct {
	Addr      string        // HOST:PORT to listen on
	Dir       string        // of its settings
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
	host, _, _ := net.SplitHostPort(options.Addr) // it listens there
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
			fail: options.InboxFail, keeps: inboxKeeps, arriving: newBodies(), log: log,
		},
	}
	queues, err := queue.Open(directory.File(store.QueueFolder), log)
	if err != nil {
		return err
	}
	defer queues.Close()
	h.webhooks = newWebhooks(host, func(t tracking.Tracking) relay.Configuration {
		return live{tracking: t, settings: stable, inbox: h.url}
	}, stable.Settle, queues, options.Backoff, log)
	h.pages = h.console(key)
	started, err := h.startup(ctx)
	if err != nil {
		return err
	}
	started.write(stdout, h.pages.Link(h.url))
	if err := h.serve(ctx, listener); err != nil {
		return err
	}
	h.sayGoodbye(stdout)
	return nil
}

// NewLog returns the log of a hub, in the form text or json.
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

// hub is a running hub: webhooks come in, Segment calls go out, to its own
// inbox unless the settings name another host.
type hub struct {
	url       string // where this machine reaches it
	public    string // where other machines do; empty where they do not
	directory store.Directory
	log       *slog.Logger
	lines     *executions.Memory // what is logged
	inbox     *inbox
	webhooks  *webhooks
	pages     *console.Console
}

// routes are everything that the hub answers.
func (h *hub) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", h.pages.Handler())
	pages := h.pages.Sessions(provenBy(h.pages, mux))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	h.inbox.routes(mux, h.pages.RequireKey)
	// The webhooks do not use a mux, which would redirect a path with two slashes.
	all := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h.webhooks.takes(r) {
			h.webhooks.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})
	// No page elsewhere on the web may have its visitor's browser write here.
	return http.NewCrossOriginProtection().Handler(all)
}

// serve answers requests and delivers events until the context is done. It then
// takes no more webhooks, and ends the deliveries that are underway, and what the
// console does, before the inbox, to which they may go.
func (h *hub) serve(ctx context.Context, listener net.Listener) error {
	server := newServer(h.routes(), h.log)
	serving := make(chan error, 1)
	go func() { serving <- server.Serve(bound(listener, maxConnections)) }()

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
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
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

// await returns when the work is done or the context has ended, whichever is first.
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

// newServer is a server that no client can hold up for long, on connections that are bound.
func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		// Without this each request with a semicolon in its address is a line in the log.
		Handler:           http.AllowQuerySemicolons(recovers(handler, log)),
		ReadHeaderTimeout: headerWithin,
		ReadTimeout:       readWithin,
		WriteTimeout:      writeWithin,
		IdleTimeout:       idleWithin,
		MaxHeaderBytes:    maxHeader,
		ConnState:         noteState,
		ConnContext:       withConnection,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// recovers logs a panic without the value of it, which may be personal data, and closes the
// connection. The http.Server would log the value.
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

// shutDown ends a server within the context, and within closeWithin.
func shutDown(ctx context.Context, server *http.Server) {
	stopping, cancel := context.WithTimeout(ctx, closeWithin)
	defer cancel()
	if server.Shutdown(stopping) != nil {
		server.Close() // whoever is still connected has had the time
	}
}

// sayGoodbye says what waits for the next hub in this directory.
func (h *hub) sayGoodbye(w io.Writer) {
	left := h.webhooks.status()
	if left.Waiting+left.Failed == 0 {
		fmt.Fprintln(w, "\nStopped. No event was waiting.")
		return
	}
	fmt.Fprintf(w, "\nStopped. %s, and %s: they are kept in %s, and the next hub run there goes on with them.\n",
		words.Count(left.Waiting, "event")+" still to be delivered", words.Count(left.Failed, "dead letter"), h.directory.File(store.QueueFolder))
}
