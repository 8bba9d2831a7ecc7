package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/local"
	"commerce-segment/infra/hub/render"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/serve"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
)

// How long hub send waits for the first attempt. It says what it waits for after the shorter time.
const (
	quickly       = 500 * time.Millisecond
	attemptWithin = 10 * time.Second
)

// sendOptions are the flags of hub send.
type sendOptions struct {
	addr, to, tracking, dir string
}

func newSend() *cobra.Command {
	var options sendOptions
	cmd := &cobra.Command{
		Use:   "send SAMPLE|FILE|-",
		Short: "Post a webhook to the running hub, and show what Segment received",
		Long: `send posts a webhook, a bundled sample or a file, as Commerce would, and prints the
messages that arrive in the hub's inbox. The times in a bundled sample are moved, so that its
event happens now.

It sends the webhook secret in the hub's directory with it, as Commerce does. Without
--tracking, the tracking is that of the sample, or the one that the folder of the
file is named after, or the one that observes the event.`,
		Example: `  hub send order-completed/registered-customer
  hub send order.json --tracking order-completed
  hub send order.json --to https://abc123.execute-api.eu-west-1.amazonaws.com`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return send(cmd, args[0], options) },
	}
	addAddr(cmd, &options.addr, "the `HOST:PORT` of the running hub, or ADDR in the environment")
	cmd.Flags().StringVar(&options.to, "to", "", "post to this `URL` instead; if it has no path, to /webhooks/<tracking> there")
	cmd.Flags().StringVar(&options.tracking, "tracking", "", "the `name` of the tracking that receives the webhook, such as order-completed")
	addDir(cmd, &options.dir)
	return cmd
}

func send(cmd *cobra.Command, source string, options sendOptions) error {
	body, err := readWebhook(cmd, source)
	if err != nil {
		return err
	}
	if sample, bundled := findSample(source); bundled {
		body = sample.At(time.Now()).Body
	}
	t, err := trackingFor(options.tracking, source, body)
	if err != nil {
		return err
	}
	directory, err := store.OpenDirectory(options.dir)
	if err != nil {
		return err
	}
	client, err := local.NewClient(options.addr, options.dir)
	if err != nil {
		return err
	}
	config, err := directory.Config(cmd.Context(), t, client.URL)
	if err != nil {
		return fmt.Errorf("the settings in %s: %w", directory.Dir, err)
	}
	if len(config.Secrets) == 0 {
		return fmt.Errorf("%s holds no webhook secret: start the hub once with make run, or name its directory with --dir", directory.Dir)
	}
	if options.to != "" {
		return post(cmd, client, webhooksURL(options.to, t), config.Secrets[0], body)
	}
	webhook, err := commerce.Parse(body)
	if err != nil {
		return err
	}
	before, err := client.Received(cmd.Context())
	if err != nil {
		return err
	}
	paused, err := notePaused(cmd, store.InDirectory(directory), t)
	if err != nil {
		return err
	}
	posted := time.Now()
	if err := post(cmd, client, client.URL+serve.Route(t.Name), config.Secrets[0], body); err != nil {
		return err
	}
	if len(paused) > 0 {
		return nil // nothing is sent, and the note says why
	}
	tried, err := awaitAttempt(cmd, client, t, webhook, posted)
	if err != nil {
		return err
	}
	toInbox := config.Segment.Host == client.URL
	switch {
	case tried.Outcome != executions.Delivered:
		fmt.Fprintln(cmd.ErrOrStderr(), "Segment received nothing"+whyNothing(cmd.Context(), tried, toInbox, t, config, webhook, directory))
		return nil
	case t.Call == tracking.Delete:
		fmt.Fprintln(cmd.ErrOrStderr(), "Segment accepted the request to delete the user: hub deletions follows it.")
		return nil
	case !toInbox:
		fmt.Fprintf(cmd.ErrOrStderr(), "This hub sends to %s: look for the messages there.\n", config.Segment.Host)
		return nil
	}
	messages, err := client.AwaitMessages(cmd.Context(), quickly, before, webhook.ResourceID)
	if err != nil {
		return err
	}
	return printBatch(cmd.OutOrStdout(), messages)
}

// awaitAttempt waits for the hub's first attempt to send a webhook. It returns the webhook without
// an attempt if there is none in time.
func awaitAttempt(cmd *cobra.Command, client local.Client, t tracking.Tracking, webhook commerce.Webhook, posted time.Time) (executions.Execution, error) {
	tried, err := client.AwaitAttempt(cmd.Context(), quickly, t, webhook.ResourceID, posted)
	if err == nil && tried.Outcome == executions.Accepted {
		fmt.Fprintf(cmd.ErrOrStderr(), "Waiting up to %.0f seconds until the hub has tried to send it.\n", attemptWithin.Seconds())
		tried, err = client.AwaitAttempt(cmd.Context(), attemptWithin, t, webhook.ResourceID, posted)
	}
	return tried, err
}

// webhooksURL returns the URL of a tracking's webhooks at a base URL. A URL with a path is
// returned as it is.
func webhooksURL(to string, t tracking.Tracking) string {
	if u, err := url.Parse(to); err == nil && strings.Trim(u.Path, "/") == "" {
		return strings.TrimRight(to, "/") + serve.Route(t.Name)
	}
	return to
}

// trackingFor returns the tracking to which a webhook is posted: the one with that name; or
// the one that the folder of the sample or the file is named after; or the one that observes
// its event by default; or the one that can observe it. One that every store has comes before an
// optional one.
func trackingFor(name, source string, body []byte) (tracking.Tracking, error) {
	if name != "" {
		return tracking.ByName(name)
	}
	if t, err := tracking.ByName(filepath.Base(filepath.Dir(source))); err == nil {
		return t, nil
	}
	event := eventOf(body)
	for _, observes := range []func(tracking.Tracking) bool{
		func(t tracking.Tracking) bool { return !t.Optional && t.Observes[0] == event },
		func(t tracking.Tracking) bool { return !t.Optional && slices.Contains(t.Observable(), event) },
		func(t tracking.Tracking) bool { return slices.Contains(t.Observable(), event) },
	} {
		candidates := slices.DeleteFunc(tracking.All(), func(t tracking.Tracking) bool { return !observes(t) })
		if len(candidates) == 1 {
			return candidates[0], nil
		}
	}
	if event == "" {
		return tracking.Tracking{}, fmt.Errorf(`%s has no "triggered_by", which is the event of a webhook, such as order.paid: is it the body of a webhook? If so, name its tracking with --tracking`, inputName(source))
	}
	return tracking.Tracking{}, fmt.Errorf("the event %q does not belong to exactly one tracking: name one with --tracking", event)
}

// post posts a webhook and prints the answer.
func post(cmd *cobra.Command, client local.Client, address, secret string, body []byte) error {
	answer, err := client.Post(cmd.Context(), address, secret, body)
	if err == nil {
		fmt.Fprintln(cmd.ErrOrStderr(), answer)
	}
	return err
}

// whyNothing returns why Segment received nothing for a webhook, as the end of a sentence: from the
// settings if messages go to the inbox and they show it, and otherwise from what the hub did.
func whyNothing(ctx context.Context, tried executions.Execution, toInbox bool, t tracking.Tracking, config relay.Config, webhook commerce.Webhook, directory store.Directory) string {
	if toInbox {
		if why := whyNotSent(ctx, t, config, webhook); why != "" {
			return ": " + why + "."
		}
	}
	chapter := executions.Search{Store: store.InDirectory(directory).Named()}.Chapter(tried)
	return strings.TrimSpace(". " + chapter.Says + " " + chapter.Do)
}

// whyNotSent returns why Segment receives nothing for a webhook, as far as the settings show
// it, and empty if it should receive something. It may change the body of the webhook.
func whyNotSent(ctx context.Context, t tracking.Tracking, config relay.Config, webhook commerce.Webhook) string {
	if !config.Enabled {
		return t.Name + " is disabled in the settings"
	}
	if !slices.Contains(config.Events, webhook.Event) {
		return fmt.Sprintf("%s observes %s, not %s", t.Name, strings.Join(config.Events, " and "), webhook.Event)
	}
	compiled, err := template.Compile(t.Name, config.Template)
	if err != nil {
		return retriedUntilFixed(err)
	}
	if config.Segment.WriteKey == "" {
		return retriedUntilFixed(errors.New("no write key is set in " + settings.SegmentWriteKey))
	}
	var invalid *segment.InvalidError
	switch messages, err := render.Render(ctx, t, compiled.WithCurrencies(config.Currencies), nil, config.Segment.WriteKey, webhook, time.Now()); {
	case errors.As(err, &invalid):
		return err.Error() + ": it is a dead letter, and is not retried"
	case err != nil:
		return retriedUntilFixed(err)
	case len(messages) == 0 && t.InParts && webhook.Event == "order.updated":
		return t.Name + " is sent for an update only if Commerce, whose credentials it needs, reports that a part of the order was refunded at that time"
	case len(messages) == 0:
		return "the template filters this event"
	case t.Call == tracking.Delete:
		return "Segment is not asked to delete users while messages go to the inbox, so the event is retried until there is a Segment host"
	default:
		return ""
	}
}

// retriedUntilFixed returns the text for a cause that the operator must fix. No event is
// lost meanwhile.
func retriedUntilFixed(cause error) string {
	return cause.Error() + ": the event is retried, and sent once that is fixed"
}
