package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/doctor"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/local"
	"commerce-segment/shared/chars"
)

// examination is the flags of hub doctor.
type examination struct {
	registration
	addr, since string
	asJSON      bool
}

func newDoctor() *cobra.Command {
	var options examination
	cmd := &cobra.Command{
		Use:   "doctor [--since 24h] [--json] [--url URL] [--dir DIRECTORY | --prefix PREFIX]",
		Short: "See what is wrong, and what to do",
		Long: `doctor looks at everything at once, for some ten seconds at most: the settings, Segment
and Commerce, the webhooks there, the secret, the templates, the queues, what became of
webhooks, this machine's clock. It changes nothing, and shows no secret.

  ok       it is as it should be
  note     it is worth knowing
  warning  somebody should look at it soon
  fault    events are lost, or wait until it is mended

It exits 1 where there is a fault, and 0 otherwise. What it cannot tell is whether the
write key is right: Segment answers 200 to any. With --prefix it reads the functions'
logs, as hub executions does, and that costs as much; without it, it asks the hub that
runs on this machine.`,
		Example: `  hub doctor --prefix /commerce-segment
  hub doctor --prefix /commerce-segment --json --since 1h`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return examine(cmd, options) },
	}
	addStore(cmd, &options.addr, &options.Location)
	addURL(cmd, &options.url)
	cmd.Flags().StringVar(&options.since, "since", "24h", "how far to look back for webhooks, for example 90m, 24h or 7d")
	cmd.Flags().BoolVar(&options.asJSON, "json", false, "as JSON, for programs")
	return cmd
}

func examine(cmd *cobra.Command, options examination) error {
	report, err := options.report(cmd.Context())
	if err != nil {
		return err
	}
	if options.asJSON {
		encoder := json.NewEncoder(cmd.OutOrStdout())
		encoder.SetIndent("", "  ")
		err = encoder.Encode(report)
	} else {
		err = printReport(cmd.OutOrStdout(), report)
	}
	if err == nil && report.Count(doctor.Fault) > 0 {
		err = fmt.Errorf("faults found: %d", report.Count(doctor.Fault))
	}
	return err
}

// report examines the store. Only a command line that says nothing sensible is an error:
// that the store cannot be opened is a finding.
func (o examination) report(ctx context.Context) (doctor.Report, error) {
	since, err := executions.ParseSince(o.since)
	if err != nil {
		return doctor.Report{}, fmt.Errorf("--since %w", err)
	}
	hub, err := local.NewClient(o.addr, o.Dir)
	if err != nil {
		return doctor.Report{}, err
	}
	opening, cancel := context.WithTimeout(ctx, local.AnswerWithin)
	defer cancel()
	s, base, err := o.open(opening)
	if err != nil {
		return doctor.Unopened(o.Location, err), nil
	}
	p := doctor.Patient{Store: s, Base: base, Since: since}
	if s.Deployment != nil {
		p.Log = s.Deployment.Logs()
	} else {
		p.Log = hub
	}
	return doctor.Examine(ctx, p), nil
}

// printReport prints each finding, and what to do below it.
func printReport(w io.Writer, report doctor.Report) error {
	for _, f := range report.Findings {
		fmt.Fprintf(w, "%-8s %-10s %s\n", f.State, f.Check, chars.Line(f.Says))
		if f.Do != "" {
			fmt.Fprintf(w, "%19s → %s\n", "", f.Do)
		}
	}
	_, err := fmt.Fprintf(w, "\n%s: %s\n", report.Store, report.Says())
	return err
}
