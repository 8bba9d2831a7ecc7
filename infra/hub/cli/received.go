package cli

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/local"
	"commerce-segment/infra/hub/received"
	"commerce-segment/shared/chars"
)

// receivedOptions are the flags of hub received.
type receivedOptions struct {
	logFlags
	hours, asJSON, asCSV bool
}

func newReceived() *cobra.Command {
	var options receivedOptions
	cmd := &cobra.Command{
		Use:   "received [--since 24h] [--hours] [--csv | --json] [--dir DIRECTORY | --prefix PREFIX]",
		Short: "Compare what was sent to Segment with what Segment received",
		Long: `received compares, for each event, how many messages were sent to Segment and how many
Segment received, according to its Public API. It explains the difference: what failed on
ingest, what was blocked at the source, what came late and what another sender added. It also
says what to do. With --hours it lists the hours.

What was sent is in the log lines of the deliveries, and for a backfill or a reconciliation
in the list of what was sent from this machine. A message that was sent twice within a day
counts once, because Segment drops the second. It may count one twice that was sent again
later: that is a finding, if both were sent in the period or a day before it. The hour in progress is not compared. If Segment
received more messages in that hour than were sent in it, the additional ones are late
messages from earlier hours.

It needs a token of the Public API, which hub configure sets. Without a token it is not
known what Segment received: Segment answers 200 even to a wrong write key.

It sends nothing. With --prefix it reads the functions' logs of the period and of a day before
it, which costs as much as hub executions.`,
		Example: `  hub received
  hub received --since 7d --hours --prefix /commerce-segment
  hub received --since 7d --csv > received.csv`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return showReceived(cmd, options) },
	}
	addLogFlags(cmd, &options.logFlags, "24h")
	cmd.Flags().BoolVar(&options.hours, "hours", false, "list the hours")
	cmd.Flags().BoolVar(&options.asJSON, "json", false, "print JSON, with the events, the hours and the findings")
	cmd.Flags().BoolVar(&options.asCSV, "csv", false, "print the hours as a table for a spreadsheet")
	cmd.MarkFlagsMutuallyExclusive("json", "csv")
	return cmd
}

func showReceived(cmd *cobra.Command, options receivedOptions) error {
	r, err := options.read(cmd)
	if err != nil {
		return err
	}
	w := cmd.OutOrStdout()
	switch {
	case options.asJSON:
		return printJSON(w, r)
	case options.asCSV && !r.Known():
		return fmt.Errorf("%s", r.Says())
	case options.asCSV:
		return r.WriteCSV(w)
	}
	return printReportOfReceived(w, r, options.hours)
}

// read compares what was sent and received.
func (o receivedOptions) read(cmd *cobra.Command) (*received.Report, error) {
	client, err := local.NewClient(o.addr, o.Dir)
	if err != nil {
		return nil, err
	}
	v, err := o.open(cmd.Context(), cmd.ErrOrStderr())
	if err != nil {
		return nil, err
	}
	defer v.close()
	if v.since < time.Hour || v.since > received.LongestPeriod {
		return nil, fmt.Errorf("--since %s: choose at least 1 hour and at most %d days", o.since, received.LongestPeriod/(24*time.Hour))
	}
	return received.Read(cmd.Context(), received.Options{Store: v.store, Log: v.log, Inbox: client.URL, Since: v.now.Add(-v.since)}, v.now)
}

func printReportOfReceived(w io.Writer, r *received.Report, hours bool) error {
	fmt.Fprintln(w, r.Says())
	if r.Known() && len(r.Events) > 0 {
		fmt.Fprintf(w, "\nFrom %s until %s (%s), source %s:\n", r.Since.Local().Format(minuteFormat), r.Until.Local().Format(minuteFormat), r.Until.Local().Format("MST"), r.Source)
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		if hours {
			fmt.Fprintln(table, "HOUR\tEVENT\tSENT\tREPEATED\tRECEIVED")
			for _, row := range r.Rows {
				fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\n", row.Hour.Local().Format(minuteFormat), chars.Line(row.Event.String()), row.Messages, row.Repeated, row.Received)
			}
		} else {
			fmt.Fprintln(table, "EVENT\tSENT\tREPEATED\tRECEIVED\tLATE\tFAILED\tBLOCKED")
			for _, t := range r.Events {
				fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t%d\n", chars.Line(t.Event.String()), t.Messages, t.Repeated, t.Received, t.Late, t.Failed, t.Blocked)
			}
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	for _, f := range r.Findings {
		fmt.Fprintf(w, "\n%-8s %s\n", f.Severity, f.Says)
		if f.Do != "" {
			fmt.Fprintf(w, "%8s → %s\n", "", f.Do)
		}
	}
	return nil
}
