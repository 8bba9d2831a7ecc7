package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/backfill"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
)

// backfillOptions are the flags of hub backfill.
type backfillOptions struct {
	sending
	to     []string
	dryRun bool
}

// backfillExample is a command line that only looks.
const backfillExample = "hub backfill orders --since 2026-01-01 --dry-run"

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
authorized, fulfilled, refunded in full or in part, cancelled. What was changed Commerce
does not keep, so there is no Order Updated and no Customer Updated. The messages show the order
as it is now, of an anonymized one nobody's name; codes of custom discounts are not in
Commerce's list of orders.

Times: a creation has its own. A payment, an authorization and a refund have that of the
movement of money, for which Commerce is asked about each such order, ten times a second
at most. That an order was fulfilled or cancelled is dated by its last change, which may
be later: Commerce keeps no other time.

Whoever stops it, by ^C or harder, says the same again to go on: how far it has come is
in the folder backfill of the hub's directory. Nothing is lost by it, and what is sent
twice has the same messageIds.

--to keeps the messages within some of the source's integrations, by their names in
Segment, such as "Google Analytics 4". Segment drops by messageId before that: what it
has had within a day reaches no other integration either.`,
		Example: `  hub backfill orders --since 2026-01-01 --dry-run
  hub backfill orders --since 2026-01-01 --only order-completed --prefix /commerce-segment
  hub backfill customers --since 365d --to Amplitude --yes`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("say what to tell, %s or %s. For example: %s", backfill.Orders, backfill.Customers, backfillExample)
			}
			_, err := backfill.ParseKind(args[0])
			return err
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return runBackfill(cmd, backfill.Kind(args[0]), options)
		},
	}
	addSending(cmd, &options.sending)
	cmd.Flags().StringSliceVar(&options.to, "to", nil, "pass the events on to these `integrations` of the source only")
	cmd.Flags().BoolVar(&options.dryRun, "dry-run", false, "count, show a sample of each tracking, and send nothing")
	cmd.MarkFlagsMutuallyExclusive("dry-run", "yes")
	return cmd
}

func runBackfill(cmd *cobra.Command, kind backfill.Kind, options backfillOptions) error {
	now := time.Now().UTC()
	since, until, err := options.parse(now, now, backfillExample)
	if err != nil {
		return err
	}
	t, err := options.open(cmd.Context(), []backfill.Kind{kind}, options.to)
	if err != nil {
		return err
	}
	position, err := t.Begun(kind, options.Period)
	if err != nil {
		return err
	}
	if position != nil && !options.dryRun {
		fmt.Fprintf(cmd.ErrOrStderr(), "Going on where the last run stopped: %d of %d events are sent, of %s from %s until %s.\nTo begin anew instead, remove %s.\n",
			position.Sent, position.Events, kind, backfill.Moment(position.Since), backfill.Moment(position.Until), position.File())
		return sendBackfill(cmd, t, position)
	}
	plan, err := planBackfill(cmd, t, kind, since, until)
	if err != nil {
		return err
	}
	if err := options.printPlan(cmd.OutOrStdout(), plan, kind, t.Destination); err != nil {
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
	return sendBackfill(cmd, t, t.Begin(kind, options.Period, since, until, plan))
}

// planBackfill counts what would be sent.
func planBackfill(cmd *cobra.Command, t store.Backfill, kind backfill.Kind, since, until time.Time) (backfill.Plan, error) {
	read, done := counter(cmd.ErrOrStderr(), string(kind))
	defer done()
	return t.Plan(cmd.Context(), kind, since, until, read)
}

// printPlan says what would be sent.
func (o backfillOptions) printPlan(w io.Writer, plan backfill.Plan, kind backfill.Kind, destination string) error {
	fmt.Fprintf(w, "Created in that time: %s.\n", kind.Count(plan.Resources))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, name := range backfill.Trackings(kind) {
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
	if plan.Rejected > 0 {
		fmt.Fprintf(w, "Of %d facts they make what Segment would drop, so these are not sent:\n", plan.Rejected)
		printRefusals(w, plan.Refusals, plan.Rejected)
	}
	if plan.Total() == 0 {
		_, err := fmt.Fprintln(w, "There is nothing to send.")
		return err
	}
	_, err := fmt.Fprintf(w, "Together %s, to %s%s. It takes about %s or longer.\n",
		words.Count(plan.Total(), "event"), destination, onlyTo(o.to), cmp.Or(plan.Takes(o.rate), time.Second))
	return err
}

func onlyTo(integrations []string) string {
	if len(integrations) == 0 {
		return ""
	}
	return ", to be passed on to " + strings.Join(integrations, " and ") + " only"
}

// printSamples shows what would be sent.
func printSamples(w io.Writer, plan backfill.Plan) error {
	for _, sample := range plan.Samples {
		fmt.Fprintf(w, "\nA sample of %s, without what may be personal, and before it is dated:\n", sample.Tracking)
		if err := printIndented(w, sample.JSON); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(w, "\nNothing was sent (--dry-run).")
	return err
}

// sendBackfill sends from a position on.
func sendBackfill(cmd *cobra.Command, t store.Backfill, position *backfill.Position) error {
	bar := newProgress(cmd.ErrOrStderr(), "events sent", position.Events)
	bar.at(position.Sent)
	err := t.Backfill(cmd.Context(), position, t.Journal(), func(p backfill.Position) { bar.at(p.Sent) })
	bar.done()
	if err != nil {
		return fmt.Errorf("%w\nSent so far: %s. To go on, say the same again", stoppedBy(cmd, err), words.Count(position.Sent, "event"))
	}
	fmt.Fprintf(cmd.OutOrStdout(), "Done: %s of %s sent.\n", words.Count(position.Sent, "event"), position.Kind.Count(position.Resources))
	if position.Rejected > 0 {
		fmt.Fprintf(cmd.OutOrStdout(), "%d facts were not, because Segment refuses or would drop them:\n", position.Rejected)
		printRefusals(cmd.OutOrStdout(), position.Refusals, position.Rejected)
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
