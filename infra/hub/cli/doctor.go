package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/doctor"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/health"
	"commerce-segment/infra/hub/local"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/chars"
)

// doctorOptions are the flags of hub doctor.
type doctorOptions struct {
	store.Location
	addr, since string
	asJSON      bool
	timeout     time.Duration
}

func newDoctor() *cobra.Command {
	var options doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor [--since 24h] [--timeout 10s] [--json] [--dir DIRECTORY | --prefix PREFIX]",
		Short: "Find what is wrong, and what to do",
		Long: `doctor checks the settings, Segment, Commerce and the webhooks there, the secret, the
templates, the queues, the outcomes of the last webhooks, and the clock of this machine. It
takes about ten seconds at most, or as long as --timeout says. It changes nothing, and
prints no secret.

  ok       nothing to do
  note     good to know
  warning  look at it soon
  fault    events are lost, or are retried until you fix it

Exit codes, as hub status: 0 the store works; 1 it is degraded; 2 a fault was found. doctor
cannot check the write key: Segment answers 200 to any key. With --prefix it
reads the functions' logs, which costs as much as hub executions; without it, it asks the hub
that runs on this machine.`,
		Example: `  hub doctor --prefix /commerce-segment
  hub doctor --prefix /commerce-segment --json --since 1h`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runDoctor(cmd, options) },
	}
	addStore(cmd, &options.addr, &options.Location)
	cmd.Flags().StringVar(&options.since, "since", "24h", "how far back to look for webhooks, for example 90m, 24h or 7d")
	cmd.Flags().DurationVar(&options.timeout, "timeout", doctor.DefaultTimeout, "how long the checks may take, for example 1m if the network is slow")
	cmd.Flags().BoolVar(&options.asJSON, "json", false, "print JSON, for programs")
	return cmd
}

func runDoctor(cmd *cobra.Command, options doctorOptions) error {
	report, err := options.report(cmd.Context())
	if err != nil {
		return err
	}
	if options.asJSON {
		err = printJSON(cmd.OutOrStdout(), report)
	} else {
		err = printReport(cmd.OutOrStdout(), report)
	}
	if err == nil {
		err = exitAs(report.State)
	}
	return err
}

// report examines the store. Only an invalid flag is an error: a store that cannot be opened
// is a finding.
func (o doctorOptions) report(ctx context.Context) (doctor.Report, error) {
	since, err := executions.ParseSince(o.since)
	if err != nil {
		return doctor.Report{}, fmt.Errorf("--since %w", err)
	}
	if o.timeout <= 0 {
		return doctor.Report{}, fmt.Errorf("--timeout %v is too short: give a time such as 1m", o.timeout)
	}
	hub, err := local.NewClient(o.addr, o.Dir)
	if err != nil {
		return doctor.Report{}, err
	}
	opening, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	s, err := store.Open(opening, o.Location)
	if errors.Is(err, store.ErrPrefix) {
		return doctor.Report{}, err
	}
	if err != nil {
		return doctor.Unopened(o.Location, err), nil
	}
	p := doctor.Patient{Store: s, Since: since, Timeout: o.timeout}
	if s.Deployment != nil {
		p.Log = s.Deployment.Logs()
		p.Health = func(ctx context.Context) (health.Judgement, error) {
			return health.Source{Store: s, Log: p.Log}.Judge(ctx, time.Now()), nil
		}
	} else {
		p.Log, p.Health = hub, hub.Health
	}
	return doctor.Examine(ctx, p), nil
}

// printReport prints each finding, and below it what to do.
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
