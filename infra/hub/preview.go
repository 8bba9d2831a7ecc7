package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/site"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
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
			home, err := site.OpenHome(dir)
			if err != nil {
				return err
			}
			webhook, err := commerce.Parse(body)
			if err != nil {
				return fmt.Errorf("%s: %w", inputName(args[1]), err)
			}
			return preview(cmd, t, home, file, webhook)
		},
	}
	cmd.Flags().StringVar(&file, "template", "", "a template's `file`, instead of the one that is set")
	addDir(cmd, &dir)
	return cmd
}

// preview prints what Segment would be told of a webhook.
func preview(cmd *cobra.Command, t tracking.Tracking, home site.Home, file string, webhook commerce.Webhook) error {
	config, err := home.Config(cmd.Context(), t, "")
	if err != nil {
		return fmt.Errorf("the settings in %s: %w", home.Dir, err)
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
	messages, err := site.Render(cmd.Context(), t, compiled, config.Segment.WriteKey, webhook, time.Now())
	if err != nil {
		return site.InItsWords(err)
	}
	written := make([]json.RawMessage, len(messages))
	for i, message := range messages {
		written[i] = message.JSON
	}
	return printBatch(cmd.OutOrStdout(), written)
}

// printBatch prints messages in a request's shape.
func printBatch(w io.Writer, messages []json.RawMessage) error {
	batch, err := site.Batch(messages)
	if err != nil {
		return err
	}
	_, err = w.Write(batch)
	return err
}

// printIndented prints JSON on lines of its own.
func printIndented(w io.Writer, text []byte) error {
	indented, err := site.Indent(text)
	if err != nil {
		return err
	}
	_, err = w.Write(indented)
	return err
}
