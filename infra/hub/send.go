package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/serve"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
)

// How long hub send waits for the inbox: for what should come, and for what
// should not. Commerce, too, waits 10 s for an answer.
const (
	expectedWithin   = 5 * time.Second
	unexpectedWithin = 500 * time.Millisecond
	inboxEvery       = 50 * time.Millisecond
	answerWithin     = 10 * time.Second
)

// sendOptions are the flags of hub send.
type sendOptions struct {
	addr, to, tracking, dir string
}

func newSend() *cobra.Command {
	var options sendOptions
	cmd := &cobra.Command{
		Use:   "send SAMPLE|FILE|-",
		Short: "Post a webhook to the running hub, and show what Segment was told",
		Long: `send posts a webhook, a bundled sample or a file, as Commerce would, and prints
the messages that came to the hub's inbox. The tracking is the one of the
sample, or of the folder in which the file is, or the one that observes the event.`,
		Example: `  hub send order-completed/registered-customer
  hub send order.json --tracking order-completed
  hub send order.json --to https://abc123.execute-api.eu-west-1.amazonaws.com`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return send(cmd, args[0], options) },
	}
	addAddr(cmd, &options.addr, "the `HOST:PORT` of the running hub; ADDR in the environment sets it too")
	cmd.Flags().StringVar(&options.to, "to", "", "post to this `URL` instead; without a path, to its /webhooks/<tracking>")
	cmd.Flags().StringVar(&options.tracking, "tracking", "", "the tracking's `name`")
	addDir(cmd, &options.dir)
	return cmd
}

func send(cmd *cobra.Command, source string, options sendOptions) error {
	body, err := readWebhook(cmd, source)
	if err != nil {
		return err
	}
	t, err := trackingFor(options.tracking, source, body)
	if err != nil {
		return err
	}
	directory, err := store.OpenDirectory(options.dir)
	if err != nil {
		return err
	}
	client, err := newCaller(options.addr, options.dir)
	if err != nil {
		return err
	}
	config, err := directory.Config(cmd.Context(), t, client.hub)
	if err != nil {
		return fmt.Errorf("the settings in %s: %w", directory.Dir, err)
	}
	if len(config.Secrets) == 0 {
		return fmt.Errorf("%s holds no webhook secret: start the hub once with make run, or name its directory with --dir", directory.Dir)
	}
	if options.to != "" {
		return client.post(cmd, webhooksURL(options.to, t), config.Secrets[0], body)
	}
	before, err := client.received(cmd.Context())
	if err != nil {
		return err
	}
	if err := client.post(cmd, client.hub+serve.Route(t.Name), config.Secrets[0], body); err != nil {
		return err
	}
	if config.Segment.Host != client.hub {
		fmt.Fprintf(cmd.ErrOrStderr(), "This hub sends to %s: look there.\n", config.Segment.Host)
		return nil
	}
	return client.showNews(cmd, before, t, config, body)
}

// noRedirects keeps the secret from going where nobody sent it.
func noRedirects(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// webhooksURL is where a tracking's webhooks go below a base URL. One that has
// a path already stays as it is.
func webhooksURL(to string, t tracking.Tracking) string {
	if u, err := url.Parse(to); err == nil && strings.Trim(u.Path, "/") == "" {
		return strings.TrimRight(to, "/") + serve.Route(t.Name)
	}
	return to
}

// trackingFor is the tracking to which a webhook goes: the one named; or the one
// whose name is the first part of the sample's or the file's folder; or the one
// that its event is foremost for, or that may observe it.
func trackingFor(name, source string, body []byte) (tracking.Tracking, error) {
	if name != "" {
		return tracking.ByName(name)
	}
	if t, err := tracking.ByName(filepath.Base(filepath.Dir(source))); err == nil {
		return t, nil
	}
	event := eventOf(body)
	for _, observes := range []func(tracking.Tracking) bool{
		func(t tracking.Tracking) bool { return t.Observes[0] == event },
		func(t tracking.Tracking) bool { return slices.Contains(t.Observable(), event) },
	} {
		candidates := slices.DeleteFunc(tracking.All(), func(t tracking.Tracking) bool { return !observes(t) })
		if len(candidates) == 1 {
			return candidates[0], nil
		}
	}
	if event == "" {
		return tracking.Tracking{}, fmt.Errorf(`%s has no "triggered_by", which says what happened in a webhook, such as order.paid: is it a webhook's body? If so, name its tracking with --tracking`, inputName(source))
	}
	return tracking.Tracking{}, fmt.Errorf("which tracking is %q for? Name one with --tracking", event)
}

// caller speaks to a running hub.
type caller struct {
	*http.Client
	hub       string
	directory store.Directory // which has the key
}

// newCaller speaks to the hub at an address, with the key that is in a directory.
func newCaller(addr, dir string) (caller, error) {
	host, port, err := splitAddr(addr)
	if err != nil {
		return caller{}, err
	}
	directory, err := store.OpenDirectory(dir)
	return caller{&http.Client{Timeout: answerWithin, CheckRedirect: noRedirects}, localURL(host, port), directory}, err
}

// ask asks the hub for what it shows to who has the key, or sends it a form.
func (c caller) ask(ctx context.Context, method, path string, form url.Values) (*http.Response, []byte, error) {
	key, err := c.directory.Key()
	if err != nil {
		return nil, nil, fmt.Errorf("reading the hub's key: %w", err)
	}
	header := http.Header{"Authorization": {"Bearer " + key}, "Content-Type": {"application/x-www-form-urlencoded"}}
	response, content, err := c.do(ctx, method, c.hub+path, header, []byte(form.Encode()))
	if err == nil && response.StatusCode == http.StatusUnauthorized {
		err = fmt.Errorf("the hub at %s has another key than is in %s: name the directory in which it runs with --dir", c.hub, c.directory.KeyFile())
	}
	return response, content, err
}

// do sends a request, and says in a person's words where nothing listens.
func (c caller) do(ctx context.Context, method, address string, header http.Header, body []byte) (*http.Response, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	request.Header = header
	response, err := c.Do(request)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil, nil, fmt.Errorf("nothing listens on %s: start it with make run", request.URL.Host)
	}
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the answer of %s: %w", address, err)
	}
	return response, content, nil
}

// post posts a webhook, and says what came back. It fails unless it was accepted.
func (c caller) post(cmd *cobra.Command, address, secret string, body []byte) error {
	header := http.Header{"Content-Type": {"application/json"}}
	header.Set(serve.KeyHeader, secret)
	response, content, err := c.do(cmd.Context(), http.MethodPost, address, header, body)
	if err != nil {
		return err
	}
	said := fmt.Sprintf("POST %s: %s %s", address, response.Status, bytes.TrimSpace(content))
	switch {
	case response.StatusCode == http.StatusUnauthorized:
		return fmt.Errorf("%s: the secret here is not the one there: name the directory that has it with --dir", said)
	case response.StatusCode >= http.StatusMultipleChoices:
		return errors.New(said)
	}
	fmt.Fprintln(cmd.ErrOrStderr(), said)
	return nil
}

// received is how many batches the hub's inbox has taken so far.
func (c caller) received(ctx context.Context) (int, error) {
	response, _, err := c.ask(ctx, http.MethodHead, "/inbox", nil)
	if err != nil {
		return 0, err
	}
	received, err := strconv.Atoi(response.Header.Get(receivedHeader))
	if err != nil {
		return 0, fmt.Errorf("what listens at %s has no inbox: is it a hub?", c.hub)
	}
	return received, nil
}

// showNews prints what the inbox has been told of this webhook since it had
// taken that many batches, or says why that is nothing.
func (c caller) showNews(cmd *cobra.Command, before int, t tracking.Tracking, config relay.Config, body []byte) error {
	webhook, err := commerce.Parse(body)
	if err != nil {
		return err
	}
	within, why := unexpectedWithin, whyNothing(cmd.Context(), t, config, webhook)
	if why == "" {
		within, why = expectedWithin, "the hub may be trying again, see its log"
	}
	messages, err := c.waitForNews(cmd.Context(), within, before, webhook.ResourceID)
	if err != nil {
		return err
	}
	if len(messages) == 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "Segment was told nothing of it: %s.\n", why)
		return nil
	}
	return printBatch(cmd.OutOrStdout(), messages)
}

// waitForNews waits for new messages about a resource; none where none came in time.
func (c caller) waitForNews(ctx context.Context, within time.Duration, before int, resource string) ([]json.RawMessage, error) {
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(inboxEvery) {
		now, err := c.received(ctx)
		if err != nil {
			return nil, err
		}
		if now == before {
			continue
		}
		messages, err := c.news(ctx, before, resource)
		if err != nil || len(messages) > 0 {
			return messages, err
		}
	}
	return nil, nil
}

// news is the messages about a resource that came after the inbox had taken
// that many batches. Whatever is about a resource has its id somewhere.
func (c caller) news(ctx context.Context, before int, resource string) ([]json.RawMessage, error) {
	response, content, err := c.ask(ctx, http.MethodGet, "/inbox", nil)
	if err != nil {
		return nil, err
	}
	received, _ := strconv.Atoi(response.Header.Get(receivedHeader))
	var bodies []struct {
		Batch []json.RawMessage `json:"batch"`
	}
	if err := json.Unmarshal(content, &bodies); err != nil {
		return nil, fmt.Errorf("reading the inbox: %w", err)
	}
	var messages []json.RawMessage
	for _, body := range bodies[:min(max(received-before, 0), len(bodies))] {
		for _, message := range body.Batch {
			if bytes.Contains(message, []byte(resource)) {
				messages = append(messages, message)
			}
		}
	}
	return messages, nil
}

// whyNothing says why Segment is told nothing of a webhook, as far as that can
// be seen from here; empty where it should be told something. It takes the
// webhook's body over.
func whyNothing(ctx context.Context, t tracking.Tracking, config relay.Config, webhook commerce.Webhook) string {
	if !config.Enabled {
		return t.Name + " is disabled in the settings"
	}
	if !slices.Contains(config.Events, webhook.Event) {
		return fmt.Sprintf("%s observes %s, not %s", t.Name, strings.Join(config.Events, " and "), webhook.Event)
	}
	compiled, err := template.Compile(t.Name, config.Template)
	if err != nil {
		return waits(err)
	}
	if config.Segment.WriteKey == "" {
		return waits(errors.New("no write key is set in " + settings.SegmentWriteKey))
	}
	var invalid *segment.InvalidError
	switch messages, err := store.Render(ctx, t, compiled.WithCurrencies(config.Currencies), nil, config.Segment.WriteKey, webhook, time.Now()); {
	case errors.As(err, &invalid):
		return err.Error() + ": it is a dead letter, and is not tried again"
	case err != nil:
		return waits(err)
	case len(messages) == 0 && t.InParts && webhook.Event == "order.updated":
		return t.Name + " is told of an update only where Commerce, whose credentials it needs, says that a part of the order was refunded just then"
	case len(messages) == 0:
		return "the template filters this event"
	default:
		return ""
	}
}

// waits says of what the operator must mend that nothing is lost by it.
func waits(why error) string {
	return why.Error() + ": it waits, and is sent once that is mended"
}
