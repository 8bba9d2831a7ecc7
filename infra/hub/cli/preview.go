package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/lint"
	"commerce-segment/infra/hub/render"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

func newPreview() *cobra.Command {
	var file, dir string
	cmd := &cobra.Command{
		Use:   "preview NAME WEBHOOK|- [--template FILE]",
		Short: "Show what Segment would receive for a webhook",
		Long: `preview renders a webhook, a file or a bundled sample, with the template of the tracking
NAME. It prints the request body that Segment would receive, without the time of sending. It
sends nothing and needs no running hub. It also renders events that the settings do not
observe.

The template is the one in the hub's directory, or else the default. The write key, which is
part of every messageId, is read from there too; without one the ids are those of an empty
key.

$money uses the decimals in the setting commerce/currencies there, and for a bundled sample
the prices in the sample. If the template calls $commerce, preview sends the request to the
Commerce API with the credentials in that directory, if they are set. For a bundled sample it
sends none: $commerce returns the answers in the sample, or nothing.

Exit codes: 0 rendered; the output is {"batch": []} if the template filters the event. 1 the
template fails, or its result is not a valid message.`,
		Example: `  hub preview order-completed order-completed/registered-customer
  hub preview order-completed order.json --template templates/order-completed.jsonata`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, body, err := readTrackingAndWebhook(cmd, args)
			if err != nil {
				return err
			}
			directory, err := store.OpenDirectory(dir)
			if err != nil {
				return err
			}
			webhook, err := commerce.Parse(body)
			if err != nil {
				return fmt.Errorf("%s: %w", inputName(args[1]), err)
			}
			sample, _ := findSample(args[1])
			return preview(cmd, t, directory, file, webhook, sample)
		},
	}
	cmd.Flags().StringVar(&file, "template", "", "the `file` of another template than the one that is set")
	addDir(cmd, &dir)
	return cmd
}

// preview prints what Segment would receive for a webhook. The sample is the webhook's, or
// empty.
func preview(cmd *cobra.Command, t tracking.Tracking, directory store.Directory, file string, webhook commerce.Webhook, sample templates.Sample) error {
	config, err := directory.Config(cmd.Context(), t, "")
	if err != nil {
		return fmt.Errorf("the settings in %s: %w", directory.Dir, err)
	}
	name, source := t.Name, config.Template
	if file != "" {
		content, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("reading the template: %w", err)
		}
		name, source = file, string(content)
	}
	if !slices.Contains(t.Observable(), webhook.Event) {
		fmt.Fprintf(cmd.ErrOrStderr(), "Note: %s is not an event that %s can observe (%s): a live webhook would be skipped.\n",
			webhook.Event, t.Name, strings.Join(t.Observable(), ", "))
	}
	compiled, err := template.Compile(name, source)
	if err != nil {
		return err
	}
	fetch, err := lookup(cmd, t, source, config, sample)
	if err != nil {
		return err
	}
	currencies := config.Currencies
	if sample.Name != "" {
		currencies = sample.Currencies
	}
	messages, err := render.Render(cmd.Context(), t, compiled.WithCurrencies(currencies), fetch, config.Segment.WriteKey, webhook, time.Now())
	if err != nil {
		return lint.WithRaisedText(err)
	}
	written := make([]json.RawMessage, len(messages))
	for i, message := range messages {
		written[i] = message.JSON
	}
	return printBatch(cmd.OutOrStdout(), written)
}

// lookup returns what $commerce calls in a preview: the answers of the sample, or without a
// sample the store whose credentials are set. Without credentials it prints a note.
func lookup(cmd *cobra.Command, t tracking.Tracking, source string, config relay.Config, sample templates.Sample) (template.Fetch, error) {
	switch {
	case !template.UsesCommerce(source) && !t.InParts:
		return nil, nil
	case sample.Name != "":
		return sample.Commerce, nil
	case config.Commerce == commerce.Credentials{}:
		fmt.Fprintln(cmd.ErrOrStderr(), "Note: the template calls $commerce, but no credentials of the Commerce API are set: it returns nothing.")
		return nil, nil
	}
	client, err := commerce.NewClient(config.Commerce, nil)
	if err != nil {
		return nil, err
	}
	return relay.Lookup(client, relay.LookupWithin), nil
}

// printBatch prints messages as the body of a request to Segment.
func printBatch(w io.Writer, messages []json.RawMessage) error {
	batch, err := render.Batch(messages)
	if err != nil {
		return err
	}
	_, err = w.Write(batch)
	return err
}

// printIndented prints JSON with indentation.
func printIndented(w io.Writer, text []byte) error {
	indented, err := render.Indent(text)
	if err != nil {
		return err
	}
	_, err = w.Write(indented)
	return err
}
