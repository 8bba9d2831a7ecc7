package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/history"
	"commerce-segment/infra/hub/words"
)

// backfillOptions are the flags of hub backfill.
type backfillOptions struct {
	telling
	to     []string
	dryRun bool
}

func newBackfill() *cobra.Command {
	var options backfillOptions
	cmd := &cobra.Command{
		Use:   "backfill orders|customers --since TIME [--until TIME] [--only NAME,…] [--to INTEGRATION,…] [--dry-run | --yes]",
		Short: "Tell Segment what happened before anybody listened",
		Long: `backfill reads the orders or customers that were created in a period from Commerce,
and sends what has happened to them to Segment: through the store's own templates, as
its enabled trackings observe it, with the messageIds that the live webhooks have. What
Segment has had within a day it drops. It says how many events there are, and asks.

What is told is what an order's present state proves: that it was begun, paid,
authorized, fulfilled, refunded in full, cancelled. What was changed Commerce does not
keep, so there is no Order Updated and no Customer Updated. The messages show the order
as it is now, of an anonymized one nobody's name; codes of custom discounts are not in
Commerce's list of orders.

Times: a creation has its own. A payment, an authorization and a refund have that of the
movement of money, for which Commerce is asked about each such order, ten times a second
at most. That an order was fulfilled or cancelled is dated by its last change, which may
be later: Commerce keeps no other time.

Whoever stops it, by ^C or harder, says the same again to go on: how far it has come is
in the folder history of the hub's directory. Nothing is lost by it, and what is sent
twice has the same messageIds.

--to keeps the messages within some of the source's integrations, by their names in
Segment, such as "Google Analytics 4". Segment drops by messageId before that: what it
has had within a day reaches no other integration either.`,
		Example: `  hub backfill orders --since 2026-01-01 --dry-run
  hub backfill orders --since 2026-01-01 --only order-completed --prefix /commerce-segment
  hub backfill customers --since 365d --to Amplitude --yes`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			kind, err := history.ParseKind(args[0])
			if err != nil {
				return withUsage(cmd, err)
			}
			return backfill(cmd, kind, options)
		},
	}
	addTelling(cmd, &options.telling)
	cmd.Flags().StringSliceVar(&options.to, "to", nil, "pass the events on to these `integrations` of the source only")
	cmd.Flags().BoolVar(&options.dryRun, "dry-run", false, "count, show a sample of each tracking, and send nothing")
	cmd.MarkFlagsMutuallyExclusive("dry-run", "yes")
	return cmd
}

func backfill(cmd *cobra.Command, kind history.Kind, options backfillOptions) error {
	now := time.Now().UTC()
	since, until, err := options.period(now, now)
	if err != nil {
		return err
	}
	t, err := options.open(cmd.Context(), []history.Kind{kind}, options.to)
	if err != nil {
		return err
	}
	file := t.HistoryFile(options.fileName(kind, t.source))
	position, err := history.OpenPosition(file)
	if err != nil {
		return err
	}
	if position != nil && !options.dryRun {
		fmt.Fprintf(cmd.ErrOrStderr(), "Going on where the last run stopped: %d of %d events are sent, of %s from %s until %s.\nTo begin anew instead, remove %s.\n",
			position.Sent, position.Events, kind, moment(position.Since), moment(position.Until), file)
		return t.backfill(cmd, position)
	}
	plan, err := t.plan(cmd, kind, since, until)
	if err != nil {
		return err
	}
	if err := options.printPlan(cmd.OutOrStdout(), plan, kind, t.destination); err != nil {
		return err
	}
	switch {
	case options.dryRun:
		return printSamples(cmd.OutOrStdout(), plan)
	case plan.Total() == 0:
		return nil
	}
	if err := options.sure(cmd, fmt.Sprintf("Send %s?", words.Count(plan.Total(), "event"))); err != nil {
		return err
	}
	return t.backfill(cmd, history.NewPosition(file, kind, since, until, plan.Total()))
}

// fileName is that of the file in which a backfill keeps its position. Whoever says the
// same again means the same backfill.
func (o backfillOptions) fileName(kind history.Kind, source string) string {
	only, to := slices.Sorted(slices.Values(o.only)), slices.Sorted(slices.Values(o.to))
	return fmt.Sprintf("backfill-%s-%s.json", kind, digest(source, o.since, o.until, strings.Join(only, ","), strings.Join(to, ",")))
}

// plan counts what would be sent.
func (t told) plan(cmd *cobra.Command, kind history.Kind, since, until time.Time) (history.Plan, error) {
	read, done := counter(cmd.ErrOrStderr(), string(kind))
	defer done()
	return t.Plan(cmd.Context(), kind, since, until, read)
}

// printPlan says what would be sent.
func (o backfillOptions) printPlan(w io.Writer, plan history.Plan, kind history.Kind, destination string) error {
	fmt.Fprintf(w, "Created in that time: %s.\n", counted(kind, plan.Resources))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, name := range history.Trackings(kind) {
		if plan.Events[name] > 0 {
			fmt.Fprintf(table, "%d\t %s\n", plan.Events[name], name)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if plan.Filtered > 0 {
		fmt.Fprintf(w, "Of %d facts the templates make nothing.\n", plan.Filtered)
	}
	if plan.Refused > 0 {
		fmt.Fprintf(w, "Of %d facts they make what Segment would drop, so these are not sent:\n", plan.Refused)
		printRefusals(w, plan.Refusals, plan.Refused)
	}
	if plan.Total() == 0 {
		_, err := fmt.Fprintln(w, "There is nothing to send.")
		return err
	}
	_, err := fmt.Fprintf(w, "Together %s, to %s%s. It takes about %s or longer.\n",
		words.Count(plan.Total(), "event"), destination, onlyTo(o.to), cmp.Or(plan.Takes(o.rate), time.Second))
	return err
}

// counted is so many orders or customers.
func counted(kind history.Kind, n int) string {
	return words.Count(n, strings.TrimSuffix(string(kind), "s"))
}

func onlyTo(integrations []string) string {
	if len(integrations) == 0 {
		return ""
	}
	return ", to be passed on to " + strings.Join(integrations, " and ") + " only"
}

// printSamples shows what would be sent.
func printSamples(w io.Writer, plan history.Plan) error {
	for _, sample := range plan.Samples {
		fmt.Fprintf(w, "\nA sample of %s, without what may be personal, and before it is dated:\n", sample.Tracking)
		if err := printIndented(w, sample.JSON); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(w, "\nNothing was sent (--dry-run).")
	return err
}

// backfill sends from a position on.
func (t told) backfill(cmd *cobra.Command, position *history.Position) error {
	bar := newProgress(cmd.ErrOrStderr(), "events sent", position.Events)
	bar.at(position.Sent)
	err := t.Backfill(cmd.Context(), position, t.journal(), func(p history.Position) { bar.at(p.Sent) })
	bar.done()
	if err != nil {
		return fmt.Errorf("%w\nSent so far: %s. To go on, say the same again", stoppedBy(cmd, err), words.Count(position.Sent, "event"))
	}
	fmt.Fprintf(cmd.OutOrStdout(), "Done: %s of %s sent.\n", words.Count(position.Sent, "event"), counted(position.Kind, position.Resources))
	if position.Refused > 0 {
		fmt.Fprintf(cmd.OutOrStdout(), "%d facts were not, because Segment refuses or would drop them:\n", position.Refused)
		printRefusals(cmd.OutOrStdout(), position.Refusals, position.Refused)
	}
	return nil
}

// stoppedBy is in place of an error that only says that somebody stopped the program.
func stoppedBy(cmd *cobra.Command, err error) error {
	if cmd.Context().Err() != nil {
		return errors.New("stopped")
	}
	return err
}
