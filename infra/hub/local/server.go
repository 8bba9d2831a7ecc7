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
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"commerce-segment/infra/hub/console"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/executions/disk"
	"commerce-segment/infra/hub/measure"
	"commerce-segment/infra/hub/queue"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// Options are the options of a hub.
type Options struct {
	Addr         string        // HOST:PORT to listen on
	WebhooksAddr string        // HOST:PORT of another address, for webhooks alone; empty if there is none
	TLSCert      string        // the file with the certificate for WebhooksAddr; empty for plain HTTP
	TLSKey       string        // the file with its private key
	Dir          string        // the directory of its settings
	InboxFail    float64       // the share of requests that the inbox answers with 500, from 0 to 1
	Backoff      time.Duration // the delay before the second delivery of an event
	Log          string        // the form of the log: text or json
	Keep         time.Duration // how long executions are kept
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
	log := NewLog(options.Log, stderr)
	release, err := store.LockDirectory(options.Dir, log)
	if err != nil {
		return err
	}
	defer release()
	l, err := listenAll(ctx, options, log)
	if err != nil {
		return err
	}
	defer l.close()
	h, err := open(ctx, options, l, log)
	if err != nil {
		return err
	}
	defer h.close()
	started, err := h.startup(ctx)
	if err != nil {
		return err
	}
	if options.Log == "json" {
		stdout = io.Discard // which has secrets, and a service manager keeps it
		started.log(ctx, log)
	}
	started.write(stdout, h.pages.Link(h.url))
	if err := h.serve(ctx, l); err != nil {
		return err
	}
	h.printKept(stdout)
	return nil
}

// open opens the settings and the files of a hub. The caller closes it.
func open(ctx context.Context, options Options, l listeners, log *slog.Logger) (h *hub, err error) {
	directory, stable, err := openSettings(ctx, options.Dir)
	if err != nil {
		return nil, err
	}
	key, err := directory.Key()
	if err != nil {
		return nil, err
	}
	records, err := disk.Open(directory.File(store.ExecutionsFolder), disk.Limits{Age: options.Keep, Bytes: executionsBytes}, log)
	if err != nil {
		return nil, err
	}
	log = slog.New(slog.NewMultiHandler(log.Handler(), records.Handler()))
	host, _, _ := net.SplitHostPort(options.Addr) // valid, because listen accepted it
	h = &hub{
		url:        urlOf(l.all),
		public:     publicAddr(l.all),
		elsewhere:  l.elsewhere(),
		directory:  directory,
		log:        log,
		executions: records,
		files:      []io.Closer{records},
		inbox: &inbox{
			host: host, writeKey: func() (string, error) {
				values, err := stable.Parameters(ctx, []string{settings.SegmentWriteKey})
				return strings.TrimSpace(values[settings.SegmentWriteKey]), err
			},
			fail: options.InboxFail, bodyReader: newBodyReader(),
		},
	}
	opened := h // because a return with an error sets h to nil
	defer func() {
		if err != nil {
			opened.close()
		}
	}()
	if h.inbox.batches, err = openBatches(directory.File(store.ReceivedFolder), log); err != nil {
		return nil, err
	}
	h.files = append(h.files, h.inbox.batches)
	accepted, err := openAccepted(directory.File(store.ReceivedFolder), log)
	if err != nil {
		return nil, err
	}
	h.files = append(h.files, accepted.disk)
	h.queues, err = queue.Open(directory.File(store.QueueFolder), log)
	if err != nil {
		return nil, err
	}
	h.files = append(h.files, h.queues)
	h.meter = measure.NewMeter(h.queues)
	h.webhooks = newWebhooks(host, func(t tracking.Tracking) relay.Configuration {
		return &liveConfiguration{tracking: t, settings: stable, inbox: h.url}
	}, stable, h.queues, accepted, h.meter, options.Backoff, log)
	h.pages = h.console(key)
	return h, nil
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
	url        string // for requests from this machine
	public     string // the address for other machines; empty if they cannot reach it
	elsewhere  string // the URL of the address for webhooks alone; empty if there is none
	directory  store.Directory
	log        *slog.Logger
	executions executions.Log
	inbox      *inbox
	queues     *queue.Store
	files      []io.Closer // that open opened, the queues among them
	meter      *measure.Meter
	webhooks   *webhooks
	pages      *console.Console
}

// close closes the files, the last one first.
func (h *hub) close() {
	for _, file := range slices.Backward(h.files) {
		file.Close()
	}
}

// routes returns the handler of all requests.
func (h *hub) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", h.pages.Handler())
	pages := h.pages.Sessions(markKeyHolders(h.pages, mux))
	h.healthRoutes(mux)
	mux.HandleFunc("GET /metrics", h.pages.RequireKey(h.meter.Handler().ServeHTTP))
	mux.HandleFunc("GET "+eventsPath, h.pages.RequireKey(h.copyEvents))
	h.inbox.routes(mux, h.pages.RequireKey)
	// The webhooks do not use a mux, which would redirect a path with two slashes.
	all := h.webhooksOr(pages)
	// A page of another site must not make a visitor's browser send changes to the hub.
	return http.NewCrossOriginProtection().Handler(all)
}

// webhookRoutes returns the handler of the address for webhooks alone. It has only what
// everyone may reach.
func (h *hub) webhookRoutes() http.Handler {
	mux := http.NewServeMux()
	h.healthRoutes(mux)
	return h.webhooksOr(mux)
}

// webhooksOr returns a handler for webhooks, which calls another one for other requests.
func (h *hub) webhooksOr(other http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h.webhooks.handles(r) {
			h.webhooks.ServeHTTP(w, r)
			return
		}
		other.ServeHTTP(w, r)
	})
}

// serve answers requests and delivers events until the context is done or a listener fails.
// Then it rejects new webhooks, and waits for the deliveries in progress and the work of the
// console. The servers stop last, because these may send to the inbox.
func (h *hub) serve(ctx context.Context, l listeners) error {
	servers := l.servers(h)
	serving := make(chan error, len(servers))
	for _, each := range servers {
		go func() { serving <- each.Serve() }()
	}
	delivering, stopDelivering := context.WithCancel(context.WithoutCancel(ctx))
	defer stopDelivering()
	var working sync.WaitGroup
	working.Go(func() { h.webhooks.deliver(delivering) })
	working.Go(func() { h.alerts().Run(delivering) })
	working.Go(func() { h.pages.WatchReceived(delivering) })
	notify(daemon.SdNotifyReady)

	var failed error
	select {
	case failed = <-serving:
	case <-ctx.Done():
		h.log.Info("stopping, after the requests and the deliveries in progress")
	}
	notify(daemon.SdNotifyStopping)
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	await(stopping, func() {
		stopDelivering()
		h.webhooks.stop()
		h.pages.Stop()
		working.Wait()
	})
	var closing sync.WaitGroup
	for _, each := range servers {
		closing.Go(func() { each.Stop(stopping) })
	}
	closing.Wait()
	return failed
}

// notify tells systemd the state of the hub, if systemd started it.
func notify(state string) {
	_, _ = daemon.SdNotify(false, state) // systemd ends a service of which it hears nothing
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

// printKept prints how many events are kept for the next hub run with this directory.
func (h *hub) printKept(w io.Writer) {
	left := h.webhooks.status()
	h.log.Info("stopped", "waiting", left.Waiting, "dead_letters", left.Failed)
	if left.Waiting+left.Failed == 0 {
		fmt.Fprintln(w, "\nStopped. No events are queued.")
		return
	}
	fmt.Fprintf(w, "\nStopped. %s and %s are kept in %s. The next hub run with this directory continues with them.\n",
		words.Count(left.Waiting, "event")+" to be delivered", words.Count(left.Failed, "dead letter"), h.directory.File(store.QueueFolder))
}
