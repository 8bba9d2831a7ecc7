package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"commerce-segment/shared/chars"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

func newSamples() *cobra.Command {
	return &cobra.Command{
		Use:   "samples",
		Short: "List the bundled sample webhooks",
		Long: `samples lists the bundled sample webhooks. hub send, hub preview and hub lint take the
name of a sample in place of a file. hub send posts a sample as if it happened now; the
others use its own times, so that their output is always the same.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "SAMPLE\tCOMMERCE EVENT\tWHAT IT IS")
			for _, sample := range templates.Samples() {
				fmt.Fprintf(table, "%s\t%s\t%s\n", sample.Name, eventOf(sample.Body), sample.Title)
			}
			return table.Flush()
		},
	}
}

// eventOf returns the Commerce event of a webhook's body, empty if it has none.
func eventOf(body []byte) string {
	var webhook struct {
		TriggeredBy string `json:"triggered_by"`
	}
	_ = json.Unmarshal(body, &webhook) // a body that is not a webhook has no event
	return webhook.TriggeredBy
}

// findSample returns the bundled sample with that name, and whether there is one.
func findSample(name string) (templates.Sample, bool) {
	for _, sample := range templates.Samples() {
		if sample.Name == name {
			return sample, true
		}
	}
	return templates.Sample{}, false
}

// readTrackingAndWebhook reads the arguments NAME SAMPLE|FILE|-.
func readTrackingAndWebhook(cmd *cobra.Command, args []string) (tracking.Tracking, []byte, error) {
	t, err := tracking.ByName(args[0])
	if err != nil {
		return tracking.Tracking{}, nil, err
	}
	body, err := readWebhook(cmd, args[1])
	return t, body, err
}

// readWebhook returns a webhook's body: of the bundled sample with that name, of standard
// input for "-", or of a file.
func readWebhook(cmd *cobra.Command, name string) ([]byte, error) {
	if sample, ok := findSample(name); ok {
		return sample.Body, nil
	}
	body, err := readFile(cmd, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is neither a bundled sample nor a file %q: hub samples lists the samples", name)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the webhook: %w", err)
	}
	if body, err = chars.Decode(body); err != nil {
		return nil, fmt.Errorf("reading the webhook in %s: %w", inputName(name), err)
	}
	return body, nil
}

// readFile reads the file with that name, or standard input for "-".
func readFile(cmd *cobra.Command, name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(cmd.InOrStdin())
	}
	return os.ReadFile(name)
}

// inputName returns the name of what readFile reads, for an error.
func inputName(name string) string {
	if name == "-" {
		return "standard input"
	}
	return name
}
