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
		Short: "Show what Segment would be told of a webhook",
		Long: `preview renders a webhook, a file or a bundled sample, with the template of the
tracking NAME, and prints the request body that Segment would get, without the
time of sending. It sends nothing and needs no hub. An event that the settings
do not observe is rendered all the same.

The template is the one that the hub's directory sets, or else the default one.
The write key, which is part of every messageId, comes from there too; without
one the ids are those of an empty key.

$money goes by the decimals in the setting commerce/currencies there, for a bundled
sample by the sample's own prices. Where the template calls $commerce, the Commerce API is asked with the credentials
in that directory, if they are set. For a bundled sample it is asked nothing: the
sample has the answers, or there are none.

Exit codes: 0 rendered, with {"batch": []} where the template filters the event;
1 the template fails, or what it wrote is no valid message.`,
		Example: `  hub preview order-completed order-completed/registered-customer
  hub preview order-completed order.json --template templates/order-completed.jsonata`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := tracking.ByName(args[0])
			if err != nil {
				return err
			}
			body, err := readWebhook(cmd, args[1])
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
	cmd.Flags().StringVar(&file, "template", "", "a template's `file`, instead of the one that is set")
	addDir(cmd, &dir)
	return cmd
}

// preview prints what Segment would be told of a webhook, which may be a sample's.
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
		fmt.Fprintf(cmd.ErrOrStderr(), "Note: %s is not an event that %s can observe (%s): deployed, it would be skipped.\n",
			webhook.Event, t.Name, strings.Join(t.Observable(), ", "))
	}
	compiled, err := template.Compile(name, source)
	if err != nil {
		return err
	}
	asks, err := lookup(cmd, t, source, config, sample)
	if err != nil {
		return err
	}
	currencies := config.Currencies
	if sample.Name != "" {
		currencies = sample.Currencies
	}
	messages, err := render.Render(cmd.Context(), t, compiled.WithCurrencies(currencies), asks, config.Segment.WriteKey, webhook, time.Now())
	if err != nil {
		return lint.InItsWords(err)
	}
	written := make([]json.RawMessage, len(messages))
	for i, message := range messages {
		written[i] = message.JSON
	}
	return printBatch(cmd.OutOrStdout(), written)
}

// lookup is what $commerce asks in a preview: what a sample has answers of its own for,
// or else the store whose credentials are set. Where neither is there it says so.
func lookup(cmd *cobra.Command, t tracking.Tracking, source string, config relay.Config, sample templates.Sample) (template.Fetch, error) {
	switch {
	case !template.UsesCommerce(source) && !t.InParts:
		return nil, nil
	case sample.Name != "":
		return sample.Commerce, nil
	case config.Commerce == commerce.Credentials{}:
		fmt.Fprintln(cmd.ErrOrStderr(), "Note: the template calls $commerce, and no credentials of the Commerce API are set: it gives nothing.")
		return nil, nil
	}
	client, err := commerce.NewClient(config.Commerce, nil)
	if err != nil {
		return nil, err
	}
	return relay.Lookup(client, relay.LookupWithin), nil
}

// printBatch prints messages in a request's shape.
func printBatch(w io.Writer, messages []json.RawMessage) error {
	batch, err := render.Batch(messages)
	if err != nil {
		return err
	}
	_, err = w.Write(batch)
	return err
}

// printIndented prints JSON on lines of its own.
func printIndented(w io.Writer, text []byte) error {
	indented, err := render.Indent(text)
	if err != nil {
		return err
	}
	_, err = w.Write(indented)
	return err
}
