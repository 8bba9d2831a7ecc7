package cli

import (
	"cmp"
	"context"
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
	store store.Store // of a deployed store; empty for the hub on this machine
	since time.Duration
	now   time.Time
}

func (w logFlags) open(ctx context.Context) (v view, err error) {
	v.now = time.Now()
	if v.since, err = executions.ParseSince(w.since); err != nil {
		return view{}, fmt.Errorf("--since %w", err)
	}
	if w.Prefix == "" {
		v.log, err = local.NewClient(w.addr, w.Dir)
		return v, err
	}
	if v.store, err = store.OpenDeployed(ctx, w.Prefix); err != nil {
		return view{}, err
	}
	v.log = v.store.Deployment.Logs()
	return v, nil
}

// read returns the webhooks that match the query, and prints a note if it could not read
// all of them.
func (v view) read(ctx context.Context, q executions.Query, stderr io.Writer) ([]executions.Execution, error) {
	q.Since = v.now.Add(-v.since)
	reading, err := v.log.Read(ctx, q)
	if err != nil {
		return nil, err
	}
	all := executions.Of(reading.Lines, v.now)
	if reading.Cut && len(all) > 0 {
		fmt.Fprintf(stderr, "There are more log lines than are read at once, or than the hub keeps: these begin at %s.\n",
			executions.Clock(all[len(all)-1].Received))
	}
	return all, nil
}

// executionsOptions are the flags of hub executions.
type executionsOptions struct {
	logFlags
	outcomes, trackings []string
	summary, asJSON     bool
	limit               int
}

func newExecutions() *cobra.Command {
	var options executionsOptions
	cmd := &cobra.Command{
		Use:   "executions [--since 24h] [--outcome OUTCOME] [--tracking NAME] [--summary | --json] [--dir DIRECTORY | --prefix PREFIX] [TEXT]",
		Short: "List the webhooks and their outcomes",
		Long: `executions lists the webhooks of the last 24 hours, or of --since, the newest first. For
each it prints the time of arrival, the order or customer, the outcome and its reason, the
number of attempts, and the delay from the event time to the delivery. Without --prefix it
asks the hub that runs on this machine, which remembers the webhooks since it started. With
--prefix it reads the functions' logs with your own AWS credentials; that costs half a cent
for each gigabyte of logs in that time.

The outcomes are
  accepted   it is on the queue, and no attempt has ended yet
  retrying   an attempt failed, and there will be another
  delivered  Segment took it
  skipped    there was nothing to send
  failed     it is a dead letter
  rejected   Commerce was not answered with 202

TEXT filters by a part of an id, an event, a messageId, a reason or a detail.`,
		Example: `  hub executions --outcome retrying,failed,rejected
  hub executions --summary --prefix /commerce-segment
  hub executions --since 7d --tracking order-completed segment_429`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return showExecutions(cmd, options, strings.Join(args, ""))
		},
	}
	addLogFlags(cmd, &options.logFlags, "24h")
	cmd.Flags().StringSliceVar(&options.outcomes, "outcome", nil, "only webhooks with these `outcomes`")
	cmd.Flags().StringSliceVar(&options.trackings, "tracking", nil, "only webhooks of these `trackings`")
	cmd.Flags().BoolVar(&options.summary, "summary", false, "print the number of webhooks and the delays for each hour")
	cmd.Flags().BoolVar(&options.asJSON, "json", false, "print JSON, with all webhooks and their log lines")
	cmd.Flags().IntVar(&options.limit, "limit", 50, "the largest number of webhooks to list")
	cmd.MarkFlagsMutuallyExclusive("summary", "json")
	return cmd
}

func showExecutions(cmd *cobra.Command, options executionsOptions, text string) error {
	outcomes, err := executions.ParseOutcomes(options.outcomes)
	if err != nil {
		return err
	}
	trackings, err := parseTrackings(options.trackings)
	if err != nil {
		return err
	}
	v, err := options.open(cmd.Context())
	if err != nil {
		return err
	}
	all, err := v.read(cmd.Context(), executions.Query{Trackings: trackings}, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	found := executions.Filter{Outcomes: outcomes, Text: text}.Of(all)
	switch {
	case options.asJSON:
		return printJSON(cmd.OutOrStdout(), append([]executions.Execution{}, found...)) // an empty list, not null
	case options.summary:
		return v.printSummary(cmd.Context(), cmd.OutOrStdout(), found)
	default:
		return v.printExecutions(cmd.OutOrStdout(), found, options.limit)
	}
}

// printExecutions prints a line for each webhook, and the number with each outcome.
func (v view) printExecutions(w io.Writer, found []executions.Execution, limit int) error {
	if len(found) == 0 {
		_, err := fmt.Fprintf(w, "No such webhook in %s.\n", executions.Lookback(v.since))
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "RECEIVED\tTRACKING\tEVENT\tORDER OR CUSTOMER\tOUTCOME\tATTEMPTS\tDELAY\tREASON")
	for _, e := range found[:min(max(limit, 0), len(found))] {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", executions.Clock(e.Received), e.Tracking,
			cmp.Or(e.Event, "-"), cmp.Or(e.Resource, "-"), e.Outcome, e.Attempts, delayOf(e), cmp.Or(e.Reason, "-"))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if more := len(found) - limit; more > 0 {
		fmt.Fprintf(w, "and %d older ones: list more with --limit\n", more)
	}
	_, err := fmt.Fprintf(w, "\n%s\n", executions.Summarize(found, v.now.Add(-v.since), v.now).Says(executions.Lookback(v.since)))
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
func (v view) printSummary(ctx context.Context, w io.Writer, found []executions.Execution) error {
	s := executions.Summarize(found, v.now.Add(-v.since), v.now)
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
	fmt.Fprintln(table, "\nFROM\tANSWERED 202\tDELIVERED\tSKIPPED\tQUEUED\tFAILED\tREJECTED\tP50\tP95\t")
	since := slices.IndexFunc(s.Parts, func(p executions.Period) bool { return p.Came() > 0 })
	for _, p := range s.Parts[since:] {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", p.Start.Format("2006-01-02 15:04"),
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
