package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/local"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
)

// watched says which store is looked at, and how far back.
type watched struct {
	store.Location
	addr, since string
}

func addWatched(cmd *cobra.Command, w *watched, since string) {
	addStore(cmd, &w.addr, &w.Location)
	cmd.Flags().StringVar(&w.since, "since", since, "how far to look back, for example 90m, 24h or 7d")
}

// view is what there is to see of a store.
type view struct {
	log   executions.Log
	store store.Store // of a deployed store; empty for the hub on this machine
	since time.Duration
	now   time.Time
}

func (w watched) open(ctx context.Context) (v view, err error) {
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

// read reads what became of the webhooks that are asked for, and says so where it
// could not read them all.
func (v view) read(ctx context.Context, q executions.Query, stderr io.Writer) ([]executions.Execution, error) {
	q.Since = v.now.Add(-v.since)
	reading, err := v.log.Read(ctx, q)
	if err != nil {
		return nil, err
	}
	all := executions.Of(reading.Lines, v.now)
	if reading.Cut && len(all) > 0 {
		fmt.Fprintf(stderr, "There were more log lines than are read at once, or than the hub remembers: these go back to %s.\n",
			executions.Clock(all[len(all)-1].Received))
	}
	return all, nil
}

// executionsOptions are the flags of hub executions.
type executionsOptions struct {
	watched
	outcomes, trackings []string
	summary, asJSON     bool
	limit               int
}

func newExecutions() *cobra.Command {
	var options executionsOptions
	cmd := &cobra.Command{
		Use:   "executions [--since 24h] [--outcome OUTCOME] [--tracking NAME] [--summary | --json] [--dir DIRECTORY | --prefix PREFIX] [TEXT]",
		Short: "See what became of each webhook",
		Long: `executions lists the webhooks that came lately, the newest first: when, about which
order or customer, what became of each and why, after how many attempts, and how
long after the fact it reached Segment. Without --prefix it asks the hub that runs on
this machine, which remembers what came since it started. With --prefix it reads the
functions' logs, with your own AWS credentials; that costs half a cent for every
gigabyte of logs in that time.

The outcomes are accepted (no attempt has ended yet), waiting (another attempt comes),
delivered, skipped, failed (a dead letter) and refused (Commerce was not answered 202).
TEXT is looked for in ids, events, messageIds, reasons and details.`,
		Example: `  hub executions --outcome retrying,failed,rejected
  hub executions --summary --prefix /commerce-segment
  hub executions --since 7d --tracking order-completed segment_429`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return showExecutions(cmd, options, strings.Join(args, ""))
		},
	}
	addWatched(cmd, &options.watched, "24h")
	cmd.Flags().StringSliceVar(&options.outcomes, "outcome", nil, "only those with these `outcomes`")
	cmd.Flags().StringSliceVar(&options.trackings, "tracking", nil, "only those of these `trackings`")
	cmd.Flags().BoolVar(&options.summary, "summary", false, "count them by the hour, with the delays")
	cmd.Flags().BoolVar(&options.asJSON, "json", false, "as JSON, all of them, with their log lines")
	cmd.Flags().IntVar(&options.limit, "limit", 50, "how many to list at most")
	cmd.MarkFlagsMutuallyExclusive("summary", "json")
	return cmd
}

func showExecutions(cmd *cobra.Command, options executionsOptions, text string) error {
	outcomes, err := executions.ParseOutcomes(options.outcomes)
	if err != nil {
		return err
	}
	trackings, err := named(options.trackings)
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
		encoder := json.NewEncoder(cmd.OutOrStdout())
		encoder.SetIndent("", "  ")
		return encoder.Encode(append([]executions.Execution{}, found...)) // an empty list, not null
	case options.summary:
		return v.printSummary(cmd.Context(), cmd.OutOrStdout(), found)
	default:
		return v.printExecutions(cmd.OutOrStdout(), found, options.limit)
	}
}

// printExecutions prints a line for each, and how many there are of each outcome.
func (v view) printExecutions(w io.Writer, found []executions.Execution, limit int) error {
	if len(found) == 0 {
		_, err := fmt.Fprintf(w, "No such webhook came in %s.\n", executions.Lookback(v.since))
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
		fmt.Fprintf(w, "and %d older ones: see more of them with --limit\n", more)
	}
	_, err := fmt.Fprintf(w, "\n%s\n", executions.Summarize(found, v.now.Add(-v.since), v.now).Says(executions.Lookback(v.since)))
	return err
}

func delayOf(e executions.Execution) string {
	if e.Delay == nil {
		return "-"
	}
	return e.Delay.String()
}

// bars is how long the longest bar of a summary is, in characters.
const bars = 30

// printSummary prints the picture of a time.
func (v view) printSummary(ctx context.Context, w io.Writer, found []executions.Execution) error {
	s := executions.Summarize(found, v.now.Add(-v.since), v.now)
	fmt.Fprintln(w, s.Says(executions.Lookback(v.since)))
	if v.store.Deployment != nil {
		now, err := v.store.Deployment.Backlog(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "On the queues now, as SQS reckons: %s, %s.\n", words.Count(now.Waiting, "waiting event"), words.Count(now.Dead, "dead letter"))
	}
	most := 0
	for _, p := range s.Parts {
		most = max(most, p.Came())
	}
	if most == 0 {
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nFROM\tACCEPTED\tDELIVERED\tSKIPPED\tWAITING\tBURIED\tREFUSED\tP50\tP95\t")
	since := slices.IndexFunc(s.Parts, func(p executions.Period) bool { return p.Came() > 0 })
	for _, p := range s.Parts[since:] {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", p.Start.Format("2006-01-02 15:04"),
			figure(p.Taken()), figure(p.Count(executions.Delivered)), figure(p.Count(executions.Skipped)),
			figure(p.Count(executions.Accepted, executions.Retrying)), figure(p.Count(executions.Failed)), figure(p.Count(executions.Rejected)),
			measured(p, p.P50), measured(p, p.P95), strings.Repeat("█", (p.Came()*bars+most-1)/most))
	}
	return table.Flush()
}

func figure(n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.Itoa(n)
}

func measured(p executions.Period, delay executions.Milliseconds) string {
	if !p.Measured() {
		return "-"
	}
	return delay.String()
}
