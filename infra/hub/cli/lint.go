package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/lint"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

func newLint() *cobra.Command {
	var name, webhook, dir string
	cmd := &cobra.Command{
		Use:   "lint [TEMPLATE …] [--tracking NAME] [--webhook WEBHOOK|-] [--dir DIRECTORY]",
		Short: "Find numbers and fields that Segment would misread",
		Long: `lint renders webhooks with templates and checks the messages against the rules of
Segment's e-commerce spec; templates/README.md lists the rules. It sends nothing.

A TEMPLATE is a file that is named after its tracking, order-completed.jsonata or just
order-completed; for another file name, give the tracking with --tracking. Without a
TEMPLATE, lint checks those in the folder templates. The webhooks are the bundled samples
of the template's tracking, or the one of --webhook, which is a file or a sample. lint renders
it with each template whose tracking can observe it. $commerce returns the answers in a
bundled sample, and otherwise nothing. For a file, $money uses the decimals in the setting
commerce/currencies of the hub's directory.

A fault that is the same in several webhooks or products is listed once: +3 means that three
more webhooks have it.

lint then renders variants of each webhook: with a field missing, null, of another type, or
with invisible characters, and with no, one and 500 lines. It lists the variants for which the
template fails or writes a message that Segment drops.

A warning is about something that may be intended, such as an event with another name.

Exit codes: 0 nothing was found, or only warnings; 1 a fault was found, or a template
does not compile.`,
		Example: `  hub lint
  hub lint .hub/templates/order-completed
  hub lint mine.jsonata --tracking order-completed --webhook order.json`,
		RunE: func(cmd *cobra.Command, files []string) error {
			sources, err := readSources(files, name)
			if err != nil {
				return err
			}
			samples := templates.Samples()
			if webhook != "" {
				if samples, err = samplesOf(cmd, webhook, dir); err != nil {
					return err
				}
			}
			return lintAll(cmd, sources, samples)
		},
	}
	cmd.Flags().StringVar(&name, "tracking", "", "the `name` of the templates' tracking, if their files have other names")
	cmd.Flags().StringVar(&webhook, "webhook", "", "a `webhook`, a file or a sample, instead of all samples; - is standard input")
	addDir(cmd, &dir)
	return cmd
}

// source is a template to lint.
type source struct {
	file     string
	tracking tracking.Tracking
	compiled *template.Template
}

// readSources compiles the templates in files, or without files those in the folder
// templates.
func readSources(files []string, name string) ([]source, error) {
	if len(files) == 0 {
		for _, t := range tracking.All() {
			files = append(files, filepath.Join("templates", t.Name+".jsonata"))
		}
	}
	sources := make([]source, len(files))
	for i, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading the template: %w", err)
		}
		t, err := trackingOf(file, name)
		if err != nil {
			return nil, err
		}
		compiled, err := template.Compile(file, string(content))
		if err != nil {
			return nil, err
		}
		sources[i] = source{file, t, compiled}
	}
	return sources, nil
}

// trackingOf returns the tracking with that name, or without a name the one that a file is
// named after.
func trackingOf(file, name string) (tracking.Tracking, error) {
	if name != "" {
		return tracking.ByName(name)
	}
	t, err := tracking.ByName(strings.TrimSuffix(filepath.Base(file), ".jsonata"))
	if err != nil {
		return t, fmt.Errorf("%s is not named after a tracking: name its tracking with --tracking: %w", file, err)
	}
	return t, nil
}

// samplesOf returns a webhook as a sample of each tracking that can observe it. A webhook
// that is not bundled has the currencies of the store in the directory.
func samplesOf(cmd *cobra.Command, name, dir string) ([]templates.Sample, error) {
	body, err := readWebhook(cmd, name)
	if err != nil {
		return nil, err
	}
	webhook, err := commerce.Parse(body)
	if err != nil {
		return nil, err
	}
	bundled, isBundled := findSample(name)
	if !isBundled {
		directory, err := store.OpenDirectory(dir)
		if err != nil {
			return nil, err
		}
		if bundled.Currencies, err = store.InDirectory(directory).Currencies(cmd.Context()); err != nil {
			return nil, err
		}
	}
	var samples []templates.Sample
	for _, t := range tracking.All() {
		if slices.Contains(t.Observable(), webhook.Event) {
			samples = append(samples, templates.Sample{Name: name, Tracking: t.Name, Body: body, Answers: bundled.Answers, Currencies: bundled.Currencies})
		}
	}
	return samples, nil
}

// lintAll prints the faults of the templates, each with the samples of its tracking.
func lintAll(cmd *cobra.Command, sources []source, samples []templates.Sample) error {
	var faults []fault
	rendered := 0
	for _, s := range sources {
		own := slices.DeleteFunc(slices.Clone(samples), func(sample templates.Sample) bool { return sample.Tracking != s.tracking.Name })
		rendered += len(own)
		found, err := lint.LintThoroughly(cmd.Context(), s.tracking, s.compiled, own)
		if err != nil {
			return err
		}
		for _, one := range found {
			faults = append(faults, fault{one, s.file})
		}
	}
	if len(faults) > 0 {
		if err := printFaults(cmd.OutOrStdout(), faults); err != nil {
			return err
		}
	}
	warnings := 0
	for _, f := range faults {
		if f.Warning {
			warnings++
		}
	}
	if certain := len(faults) - warnings; certain > 0 {
		return fmt.Errorf("faults found: %d", certain)
	}
	if rendered == 0 {
		return errors.New("no template is of a tracking that can observe the webhook: name another webhook, or another template")
	}
	found := "Nothing found."
	if warnings > 0 {
		found = fmt.Sprintf("No faults found. Warnings: %d.", warnings)
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "Webhooks rendered: %d. %s\n", rendered, found)
	return err
}

// fault is a fault of the template in a file.
type fault struct {
	*lint.Fault
	file string
}

// printFaults prints a table with a line for the place of each fault. The line below it
// describes the fault, which is too long for a column.
func printFaults(w io.Writer, faults []fault) error {
	var rows bytes.Buffer
	table := tabwriter.NewWriter(&rows, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TEMPLATE\tSAMPLE\tMESSAGE\tRULE\tPATH")
	for _, f := range faults {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", f.file, f.Where(), orDash(f.Message), f.Rule, f.Path)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	header, rest, _ := strings.Cut(rows.String(), "\n")
	lines := []string{header}
	for i, row := range strings.Split(strings.TrimSuffix(rest, "\n"), "\n") {
		says := faults[i].Wrong + ": " + faults[i].Instead
		if faults[i].Warning {
			says = "warning: " + says
		}
		lines = append(lines, strings.TrimRight(row, " "), "    "+strings.ReplaceAll(says, "\n", "\n    "))
	}
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}
