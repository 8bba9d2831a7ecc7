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
	"commerce-segment/templates"
)

func newSamples() *cobra.Command {
	return &cobra.Command{
		Use:   "samples",
		Short: "List the bundled sample webhooks",
		Long: `samples lists the bundled sample webhooks. Their names go where a webhook's file
does, in hub send and hub preview.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "SAMPLE\tCOMMERCE EVENT")
			for _, sample := range templates.Samples() {
				fmt.Fprintf(table, "%s\t%s\n", sample.Name, eventOf(sample.Body))
			}
			return table.Flush()
		},
	}
}

// eventOf is the Commerce event of a webhook's body, empty where there is none.
func eventOf(body []byte) string {
	var webhook struct {
		TriggeredBy string `json:"triggered_by"`
	}
	_ = json.Unmarshal(body, &webhook) // what is no webhook has no event
	return webhook.TriggeredBy
}

// findSample is the bundled sample of that name.
func findSample(name string) (templates.Sample, bool) {
	for _, sample := range templates.Samples() {
		if sample.Name == name {
			return sample, true
		}
	}
	return templates.Sample{}, false
}

// readWebhook is a webhook's body: a bundled sample's by its name, standard
// input's for "-", or a file's.
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

// readFile reads the file of that name, or standard input where it is "-".
func readFile(cmd *cobra.Command, name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(cmd.InOrStdin())
	}
	return os.ReadFile(name)
}

// inputName is what to call what readFile reads.
func inputName(name string) string {
	if name == "-" {
		return "standard input"
	}
	return name
}
