package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/console"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// defaultAddr is where the hub listens: on this machine only.
const defaultAddr = "127.0.0.1:8080"

// addAddr adds --addr, whose default is ADDR in the environment.
func addAddr(cmd *cobra.Command, addr *string, usage string) {
	cmd.Flags().StringVar(addr, "addr", cmp.Or(os.Getenv("ADDR"), defaultAddr), usage)
}

// runOptions are the flags of hub run.
type runOptions struct {
	addr      string
	dir       string
	inboxFail float64
	backoff   time.Duration
	log       string
	link      bool
}

func newRun() *cobra.Command {
	var options runOptions
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Take webhooks here, and show what Segment is told",
		Long: `run takes webhooks at /webhooks/<name> exactly as the functions on AWS do, and
delivers to an inbox that takes what any Segment SDK sends with its write key. The settings are the
files in the directory, made on the first run. The address of the console that it prints
lets in one browser, for twelve hours; for another address say hub run --link. To send to Segment instead, put
its host in segment/host there and a source's write key in segment/write-key.

Events that wait for delivery are kept in memory only, up to 64 MB of each tracking.`,
		Example: `  hub run
  ADDR=127.0.0.1:9000 hub run
  hub run --link                               # in a second terminal: another address of the console
  hub run --inbox-fail 0.5 --backoff 200ms     # an outage of Segment, in quick motion`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if options.link {
				return printLink(cmd, options)
			}
			return runHub(cmd.Context(), options, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	addAddr(cmd, &options.addr, "the `HOST:PORT` to listen on; ADDR in the environment sets it too, port 0 takes a free one")
	addDir(cmd, &options.dir)
	cmd.Flags().Float64Var(&options.inboxFail, "inbox-fail", 0, "the share of requests that the inbox answers with 500, from 0 to 1")
	cmd.Flags().DurationVar(&options.backoff, "backoff", 30*time.Second, "the delay before an event's second delivery; it doubles from there")
	cmd.Flags().StringVar(&options.log, "log", "text", "the log's form on standard error, text or json")
	cmd.Flags().BoolVar(&options.link, "link", false, "print a new address of the console of the hub that runs already, and end")
	return cmd
}

// printLink asks a running hub for a new address of its console.
func printLink(cmd *cobra.Command, options runOptions) error {
	client, err := newCaller(options.addr, options.dir)
	if err != nil {
		return err
	}
	response, path, err := client.ask(cmd.Context(), http.MethodPost, console.LinkPath, nil)
	switch {
	case err != nil:
		return err
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("the hub at %s answers %s: %s", client.hub, response.Status, strings.TrimSpace(string(path)))
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s%s\n", client.hub, path)
	return err
}

func (o runOptions) check() error {
	switch {
	case !(o.inboxFail >= 0 && o.inboxFail <= 1): // so that NaN is refused too
		return fmt.Errorf("--inbox-fail %v: write a share from 0 to 1, for example 0.5", o.inboxFail)
	case o.backoff <= 0:
		return fmt.Errorf("--backoff %v: write a time above zero, for example 200ms", o.backoff)
	case o.log != "text" && o.log != "json":
		return fmt.Errorf("--log %s: write text or json", o.log)
	}
	return nil
}

// runHub runs a hub until the context is done.
func runHub(ctx context.Context, options runOptions, stdout, stderr io.Writer) error {
	if err := options.check(); err != nil {
		return err
	}
	lines := executions.NewMemory()
	log := slog.New(slog.NewMultiHandler(newLog(options.log, stderr).Handler(), lines.Handler()))
	release, err := store.LockDirectory(options.dir, log)
	if err != nil {
		return err
	}
	defer release()
	listener, err := listen(ctx, options.addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	directory, steady, err := openSteady(ctx, options.dir)
	if err != nil {
		return err
	}
	key, err := directory.Key()
	if err != nil {
		return err
	}
	host, _, _ := net.SplitHostPort(options.addr) // it listens there
	h := &hub{
		url:       urlOf(listener),
		public:    publicAddr(listener),
		directory: directory,
		log:       log,
		lines:     lines,
		inbox: &inbox{
			host: host, writeKey: func() (string, error) {
				values, err := steady.Parameters(ctx, []string{settings.SegmentWriteKey})
				return strings.TrimSpace(values[settings.SegmentWriteKey]), err
			},
			fail: options.inboxFail, keeps: inboxKeeps, arriving: newBodies(), log: log,
		},
	}
	h.webhooks = newWebhooks(host, func(t tracking.Tracking) relay.Configuration {
		return live{tracking: t, settings: steady, inbox: h.url}
	}, steady.Settle, options.backoff, log)
	h.pages = h.console(key)
	told, err := h.guide(ctx)
	if err != nil {
		return err
	}
	told.write(stdout, h.pages.Link(h.url))
	if err := h.serve(ctx, listener); err != nil {
		return err
	}
	h.sayGoodbye(stdout)
	return nil
}

// splitAddr splits HOST:PORT, or says how to write one.
func splitAddr(addr string) (host, port string, err error) {
	host, port, err = net.SplitHostPort(addr)
	if err != nil {
		return "", "", fmt.Errorf("the address %q (from ADDR or --addr) is not HOST:PORT: write it like %s", addr, defaultAddr)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", "", fmt.Errorf("the address %q (from ADDR or --addr) has the port %q: write a number up to 65535", addr, port)
	}
	return host, port, nil
}

// localURL is where this machine reaches what listens on an address. One that
// names no host means all of them, this machine's own too.
func localURL(host, port string) string {
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// listen opens the address, or says what to do about it.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	host, port, err := splitAddr(addr)
	if err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, port))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is in use, perhaps by another hub: stop that, or choose another port with ADDR=%s or --addr",
			addr, net.JoinHostPort(cmp.Or(host, "127.0.0.1"), "8081"))
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("%s needs rights that you do not have: choose a port above 1023 with ADDR or --addr", addr)
	case err != nil:
		return nil, fmt.Errorf("listening on %s (from ADDR or --addr): %w", addr, err)
	}
	return listener, nil
}

// urlOf is where this machine reaches the listener.
func urlOf(listener net.Listener) string {
	addr := listener.Addr().(*net.TCPAddr)
	return localURL(addr.IP.String(), strconv.Itoa(addr.Port))
}

// publicAddr is the listener's address unless only this machine reaches it.
func publicAddr(listener net.Listener) string {
	if listener.Addr().(*net.TCPAddr).IP.IsLoopback() {
		return ""
	}
	return listener.Addr().String()
}

func newLog(form string, w io.Writer) *slog.Logger {
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
	h.inbox.routes(mux, h.pages.OnlyWithKey)
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
	h.webhooks.stop()
	h.pages.Stop()
	stopDelivering()
	<-delivered
	shutDown(ctx, server)
	return nil
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

// shutDown ends a server, also where the context has ended.
func shutDown(ctx context.Context, server *http.Server) {
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	if server.Shutdown(stopping) != nil {
		server.Close() // whoever is still connected has had the time
	}
}

// sayGoodbye says what is lost, as the queues were in memory.
func (h *hub) sayGoodbye(w io.Writer) {
	left := h.webhooks.backlog()
	if left.Waiting+left.Dead == 0 {
		fmt.Fprintln(w, "\nStopped. No event was waiting.")
		return
	}
	fmt.Fprintf(w, "\nStopped. Lost, because these queues are in memory only: %s still waiting, %s. On AWS they would have stayed.\n",
		words.Count(left.Waiting, "event"), words.Count(left.Dead, "dead letter"))
}
