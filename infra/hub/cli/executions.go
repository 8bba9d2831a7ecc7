package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/local"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
)

// logFlags are the flags of the store whose log is read, and how far back.
type logFlags struct {
	store.Location
	addr, since string
}

func addLogFlags(cmd *cobra.Command, w *logFlags, since string) {
	addStore(cmd, &w.addr, &w.Location)
	cmd.Flags().StringVar(&w.since, "since", since, "how far back to look, for example 90m, 24h or 7d")
}

// view is a store's log, and the time for which it is read.
type view struct {
	log   executions.Log
	store store.Store
	since time.Duration
	now   time.Time
	close func() error
}

// open opens the log. It prints a note if no hub runs, and the log is read from its directory.
func (w logFlags) open(ctx context.Context, stderr io.Writer) (v view, err error) {
	v = view{now: time.Now(), close: func() error { return nil }}
	if v.since, err = executions.ParseSince(w.since); err != nil {
		return view{}, fmt.Errorf("--since %w", err)
	}
	if v.store, err = store.Open(ctx, w.Location); err != nil {
		return view{}, err
	}
	if w.Prefix == "" {
		client, err := local.NewClient(w.addr, w.Dir)
		if err != nil {
			return view{}, err
		}
		var note string
		v.log, note, v.close, err = client.Executions(ctx)
		if note != "" {
			fmt.Fprintln(stderr, note)
		}
		return v, err
	}
	v.log = v.store.Deployment.Logs()
	return v, nil
}

// executionsOptions are the flags of hub executions.
type executionsOptions struct {
	logFlags
	outcomes, trackings    []string
	event, reason          string
	summary, asJSON, asCSV bool
	limit                  int
}

func newExecutions() *cobra.Command {
	var options executionsOptions
	cmd := &cobra.Command{
		Use:   "executions [--since 24h] [--outcome OUTCOME] [--tracking NAME] [--summary | --json | --csv] [--dir DIRECTORY | --prefix PREFIX] [TEXT]",
		Short: "List the webhooks and their outcomes",
		Long: `executions lists the webhooks of the last 24 hours, or of --since, the newest first. For
each it prints the time of arrival, the order or customer, the outcome and its reason, the
number of attempts, and the delay from the event time to the delivery. Without --prefix it
asks the hub that runs on this machine, or reads the directory of one that does not run. With
--prefix it reads the functions' logs with your own AWS credentials; that costs half a cent
for each gigabyte of logs in that time.

The outcomes are
  accepted   it is on the queue, and no attempt has ended yet
  retrying   an attempt failed, and there will be another
  delivered  Segment accepted it
  skipped    there was nothing to send
  failed     it is a dead letter
  rejected   Commerce was not answered with 202

TEXT filters by a part of an id, an event, a messageId, a reason or a detail.`,
		Example: `  hub executions --outcome retrying,failed,rejected
  hub executions --summary --prefix /commerce-segment
  hub executions --since 7d --tracking order-completed --reason segment_429
  hub executions --since 30d --csv > executions.csv`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return showExecutions(cmd, options, strings.Join(args, ""))
		},
	}
	addLogFlags(cmd, &options.logFlags, "24h")
	cmd.Flags().StringSliceVar(&options.outcomes, "outcome", nil, "only webhooks with these `outcomes`")
	cmd.Flags().StringSliceVar(&options.trackings, "tracking", nil, "only webhooks of these `trackings`")
	cmd.Flags().StringVar(&options.event, "event", "", "only webhooks of this Commerce `event`, for example order.paid")
	cmd.Flags().StringVar(&options.reason, "reason", "", "only webhooks with this `reason`, for example segment_429")
	cmd.Flags().BoolVar(&options.summary, "summary", false, "print the number of webhooks and the delays for each part of the time")
	cmd.Flags().BoolVar(&options.asJSON, "json", false, "print JSON, with all webhooks and their log lines")
	cmd.Flags().BoolVar(&options.asCSV, "csv", false, "print a table for a spreadsheet, with all webhooks")
	cmd.Flags().IntVar(&options.limit, "limit", 50, "the largest number of webhooks to list")
	cmd.MarkFlagsMutuallyExclusive("summary", "json", "csv")
	return cmd
}

// query returns the query of the flags and the text for a store.
func (o executionsOptions) query(s store.Store, text string) (q executions.Query, err error) {
	if o.limit < 1 {
		return q, fmt.Errorf("--limit %d: write a number above zero", o.limit)
	}
	q = executions.Query{Event: o.event, Reason: o.reason, Text: text}
	if q.Outcomes, err = executions.ParseOutcomes(o.outcomes); err != nil {
		return q, err
	}
	q.Trackings, err = parseTrackings(s, o.trackings)
	return q, err
}

func showExecutions(cmd *cobra.Command, options executionsOptions, text string) error {
	v, err := options.open(cmd.Context(), cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer v.close()
	q, err := options.query(v.store, text)
	if err != nil {
		return err
	}
	q.From = v.now.Add(-v.since)
	if options.asJSON || options.asCSV {
		err := v.printAll(cmd.Context(), cmd.OutOrStdout(), q, options.asCSV)
		if cut := (executions.ErrCut{}); errors.As(err, &cut) {
			printCut(cmd.ErrOrStderr(), cut.Begins)
			return nil
		}
		return err
	}
	page := executions.Page{Rows: options.limit, Summary: true}
	if options.summary {
		page.Rows = 0
	}
	found, err := v.log.Find(cmd.Context(), q, page)
	if err != nil {
		return err
	}
	printCut(cmd.ErrOrStderr(), found.Begins)
	if options.summary {
		return v.printSummary(cmd.Context(), cmd.OutOrStdout(), found.Summary)
	}
	return v.printExecutions(cmd.OutOrStdout(), found)
}

// printCut prints a note if older log lines were not read.
func printCut(w io.Writer, begins time.Time) {
	if !begins.IsZero() {
		fmt.Fprintf(w, "The log has more lines than can be read: only the lines since %s were read.\n", words.Clock(begins))
	}
}

// printAll prints all webhooks as a table for a spreadsheet, or as JSON.
func (v view) printAll(ctx context.Context, w io.Writer, q executions.Query, asCSV bool) error {
	if asCSV {
		return executions.WriteCSV(w, v.log.All(ctx, q))
	}
	list := []executions.Execution{} // an empty list, not null
	for e, err := range v.log.All(ctx, q) {
		if err != nil {
			return errors.Join(err, printJSON(w, list))
		}
		list = append(list, e)
	}
	return printJSON(w, list)
}

// printExecutions prints a line for each webhook, and the number with each outcome.
func (v view) printExecutions(w io.Writer, found executions.Found) error {
	came := found.Summary.Total.Came()
	if came == 0 {
		_, err := fmt.Fprintf(w, "No such webhook in %s.\n", executions.Lookback(v.since))
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "RECEIVED\tTRACKING\tEVENT\tORDER OR CUSTOMER\tOUTCOME\tATTEMPTS\tDELAY\tREASON")
	for _, e := range found.Rows {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", words.Clock(e.Received), e.Tracking,
			cmp.Or(e.Event, "-"), cmp.Or(e.Resource, "-"), e.Outcome, e.Attempts, delayOf(e), cmp.Or(e.Remark(), "-"))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if more := came - len(found.Rows); more > 0 {
		fmt.Fprintf(w, "and %d older ones: list more with --limit\n", more)
	}
	_, err := fmt.Fprintf(w, "\n%s\n", found.Summary.Says(executions.Lookback(v.since)))
	return err
}

// delayOf returns the delay of a delivered event, and a dash for any other.
func delayOf(e executions.Execution) string {
	if e.Delay == nil {
		return "-"
	}
	return e.Delay.String()
}

// longestBar is the length of the longest bar of a summary, in characters.
const longestBar = 30

// printSummary prints the number of webhooks with each outcome, and the delays, for each
// part of the time.
func (v view) printSummary(ctx context.Context, w io.Writer, s executions.Summary) error {
	fmt.Fprintln(w, s.Says(executions.Lookback(v.since)))
	if v.store.Deployment != nil {
		now, err := v.store.Deployment.Backlog(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "In the queues now, as SQS estimates: %s, %s.\n", words.Count(now.Waiting, "event"), words.Count(now.Dead, "dead letter"))
	}
	most := 0
	for _, p := range s.Parts {
		most = max(most, p.Came())
	}
	if most == 0 {
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nFROM ("+v.now.Format("MST")+")\tANSWERED 202\tDELIVERED\tSKIPPED\tQUEUED\tFAILED\tREJECTED\tP50\tP95\t")
	since := slices.IndexFunc(s.Parts, func(p executions.Period) bool { return p.Came() > 0 })
	for _, p := range s.Parts[since:] {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", p.Start.Format(minuteFormat),
			orDash(p.Taken()), orDash(p.Count(executions.Delivered)), orDash(p.Count(executions.Skipped)),
			orDash(p.Count(executions.Accepted, executions.Retrying)), orDash(p.Count(executions.Failed)), orDash(p.Count(executions.Rejected)),
			delayOrDash(p, p.P50), delayOrDash(p, p.P95), strings.Repeat("█", (p.Came()*longestBar+most-1)/most))
	}
	return table.Flush()
}

func delayOrDash(p executions.Period, delay executions.Milliseconds) string {
	if !p.Measured() {
		return "-"
	}
	return delay.String()
}
