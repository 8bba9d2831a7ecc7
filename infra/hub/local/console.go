package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"commerce-segment/infra/hub/console"
	"commerce-segment/infra/hub/database"
	"commerce-segment/infra/hub/deadletters"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/server"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/serve"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// machine implements console.Machine for a running hub.
type machine struct{ *hub }

// console returns the console of this hub.
func (h *hub) console(key string) *console.Console {
	live := h.directory
	live.Settle = h.webhooks.settings.Settle
	return &console.Console{Store: store.InDirectory(live), Machine: machine{h}, Key: key, Log: h.log}
}

func (m machine) URL() string              { return m.url }
func (m machine) Recent() []console.Recent { return m.webhooks.accepted.newestFirst() }

func (m machine) DeadLetters() deadletters.Queues { return m.webhooks.deadLetters() }

func (m machine) DeadLetterChanges() uint64 { return m.queues.DeadLetterChanges() }

func (m machine) Queue(t tracking.Tracking) deadletters.Local { return m.webhooks.queue(t) }

func (m machine) Executions() executions.Log { return m.executions }

func (m machine) Inbox() *database.List { return m.inbox.batches }

// Notes implements console.Machine.
func (m machine) Notes(ctx context.Context) ([]string, error) {
	started, err := m.startup(ctx)
	if err != nil {
		return nil, err
	}
	return started.Warnings, nil
}

// Send implements console.Machine. It posts the webhook to the hub's own address, so the hub
// handles it like one from Commerce.
func (m machine) Send(ctx context.Context, t tracking.Tracking, body []byte) (status int, answer string, err error) {
	secret, err := m.directory.First(settings.WebhookSecret)
	if err != nil {
		return 0, "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, m.url+serve.Route(t.Name), bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set(serve.KeyHeader, secret)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", fmt.Errorf("posting the sample: %w", err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	return response.StatusCode, strings.TrimSpace(string(content)), err
}

// ServeConsole serves the console of a store until the context is done. If a hub runs with the
// store on this machine, which serves its console already, it prints the address of that one. The
// hub is at the address hub.
func ServeConsole(ctx context.Context, w store.Location, addr, hub string, stdout, stderr io.Writer) error {
	if w.Prefix == "" {
		running, err := printRunning(ctx, hub, w.Dir, stdout)
		if running || err != nil {
			return err
		}
	}
	s, err := store.Open(ctx, w)
	if err != nil {
		return err
	}
	listener, err := listen(ctx, addr, "--addr")
	if err != nil {
		return err
	}
	defer listener.Close()
	public := publicAddr(listener)
	c := console.Console{Store: s, Key: store.NewSecret(), Elsewhere: public != "", Log: NewLog("text", stderr)}
	address := urlOf(listener)
	if c.Elsewhere {
		address = "http://" + reachable(public)
	}
	fmt.Fprintf(stdout, "The console of %s is at\n%s\n^C stops it.\n", s.Name, c.Link(address))
	pages := server.New(listener, maxConnections, nil, c.Sessions(markKeyHolders(&c, c.Handler())), c.Log)
	context.AfterFunc(ctx, func() { pages.Stop(context.WithoutCancel(ctx)) })
	defer c.Stop()
	return pages.Serve()
}

// printRunning prints an address of the console of the hub that runs with a directory, and
// reports whether one does.
func printRunning(ctx context.Context, addr, dir string, stdout io.Writer) (running bool, err error) {
	client, err := NewClient(addr, dir)
	if err != nil {
		return false, err
	}
	already := client.directory.CheckRunning()
	if !errors.Is(already, store.ErrRunning) {
		return false, already
	}
	link, err := client.NewConsoleLink(ctx)
	if err != nil {
		return true, fmt.Errorf("%w, and serves its console, but not at %s. Print the address of the console with hub run --link%s --addr and its HOST:PORT",
			already, client.URL, store.Location{Dir: dir}.Flag())
	}
	fmt.Fprintf(stdout, "%s, and serves its console at\n%s\n", words.Capital(already.Error()), link)
	return true, nil
}

// markKeyHolders marks the requests that have the key of the console as authenticated.
func markKeyHolders(c *console.Console, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.HasKey(r) {
			server.MarkAuthenticated(r)
		}
		next.ServeHTTP(w, r)
	})
}

// reachable returns an address as another machine writes it: if the listener has all
// addresses of this machine, the host is a placeholder.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("this-machine", port)
	}
	return addr
}
