package cli

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/backfill"
	"commerce-segment/infra/hub/local"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/chars"
)

// reconcileOptions are the flags of hub reconcile.
type reconcileOptions struct {
	backfillFlags
	send bool
}

// reconcileExample is a command line that sends nothing.
const reconcileExample = "hub reconcile --since 24h"

func newReconcile() *cobra.Command {
	var options reconcileOptions
	cmd := &cobra.Command{
		Use:   "reconcile --since TIME [--until TIME] [--only NAME,…] [--send [--yes]]",
		Short: "Find the events that Segment did not receive, and send them",
		Long: `reconcile compares the events of the orders and customers in Commerce with the webhooks
that arrived: in the functions' logs with --prefix, and otherwise in the executions that the
running hub keeps. It prints how many events are missing, and what Commerce reports about its
attempts to deliver them. With --send it asks, and sends exactly these events, as hub
backfill does.

Events that are accepted, retrying, skipped or failed are not missing; hub deadletters is
for the failed ones. Nor are the events that hub backfill or hub reconcile sent from this
machine: they are listed in the folder backfill of the hub's directory, and only there.
Events of the last 30 minutes are left out, since they may be on their way.

reconcile compares only the time for which there are logs. The functions' logs are kept for
30 days unless the stack sets another time. Commerce does not keep when an order was
fulfilled or cancelled: if it may have been before the period, the event is shown as unclear,
and is not sent.`,
		Example: `  hub reconcile --since 24h --prefix /commerce-segment
  hub reconcile --since 2026-11-20 --until 2026-11-21 --send --prefix /commerce-segment`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return reconcile(cmd, options) },
	}
	addBackfillFlags(cmd, &options.backfillFlags)
	cmd.Flags().BoolVar(&options.send, "send", false, "send the missing events")
	return cmd
}

func reconcile(cmd *cobra.Command, options reconcileOptions) error {
	now := time.Now().UTC()
	since, until, err := options.parse(now, backfill.Settled(now), reconcileExample)
	if err != nil {
		return err
	}
	kinds := []backfill.Kind{backfill.Orders, backfill.Customers}
	t, err := options.open(cmd.Context(), store.BackfillOptions{Kinds: kinds})
	if err != nil {
		return err
	}
	here, err := local.NewClient(options.addr, options.Dir)
	if err != nil {
		return err
	}
	known, err := t.KnownFacts(cmd.Context(), here, since)
	if err != nil {
		return err
	}
	read, done := readCounter(cmd.ErrOrStderr(), "orders and customers")
	comparison, err := t.Compare(cmd.Context(), kinds, since, until, known, read)
	done()
	if err != nil {
		return err
	}
	if comparison.Since.After(since) {
		fmt.Fprintf(cmd.ErrOrStderr(), "The log of webhooks begins at %s: earlier events are not compared.\n", words.Moment(comparison.Since))
	}
	if err := printComparison(cmd.OutOrStdout(), comparison, t.Sender.Trackings()); err != nil {
		return err
	}
	if len(comparison.Missing) == 0 {
		return nil
	}
	if err := printMissing(cmd, t, comparison); err != nil {
		return err
	}
	if !options.send {
		fmt.Fprintf(cmd.OutOrStdout(), "\nNothing was sent. Pass --send to send the missing events, %s, to %s.\n", words.Count(comparison.Events(), "event"), t.Destination)
		return nil
	}
	if err := options.confirm(cmd, fmt.Sprintf("Send the missing events, %s, to %s?", words.Count(comparison.Events(), "event"), t.Destination)); err != nil {
		return err
	}
	return sendMissing(cmd, t, comparison)
}

// printComparison prints a line for each tracking.
func printComparison(w io.Writer, c *backfill.Comparison, trackings []string) error {
	fmt.Fprintf(w, "From %s until %s:\n", words.Moment(c.Since), words.Moment(c.Until))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TRACKING\tMISSING\tDELIVERED\tSENT FROM HERE\tQUEUED\tSKIPPED\tFAILED\tUNCLEAR")
	rejected := 0
	for _, name := range trackings {
		t := c.Outcomes[name]
		rejected += t.Rejected
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", name, orDash(t.Missing), orDash(t.Delivered), orDash(t.SentFromHere),
			orDash(t.Pending), orDash(t.Skipped+t.Filtered), orDash(t.DeadLettered), orDash(t.Unclear))
	}
	if rejected > 0 {
		fmt.Fprintf(table, "Events that are not sent, because Segment would drop their messages: %d. hub preview shows why.\n", rejected)
	}
	return table.Flush()
}

// listed is the largest number of missing events that are listed.
const listed = 20

// printMissing lists the missing events, and why they were probably lost.
func printMissing(cmd *cobra.Command, t store.Backfill, c *backfill.Comparison) error {
	w := cmd.OutOrStdout()
	fmt.Fprintln(w)
	for _, m := range c.Missing[:min(listed, len(c.Missing))] {
		fmt.Fprintf(w, "%s  %s of %s\n", words.Moment(m.Happened), m.Event, chars.Line(m.Resource))
	}
	if more := len(c.Missing) - listed; more > 0 {
		fmt.Fprintf(w, "and %d more\n", more)
	}
	losses, err := t.Losses(cmd.Context(), c)
	if err != nil {
		return err
	}
	for _, loss := range losses {
		fmt.Fprintf(w, "\nProbable reasons for those of %s:\n", loss.Tracking)
		for _, reason := range loss.Reasons {
			fmt.Fprintf(w, "  %s\n", reason)
		}
	}
	return nil
}

// sendMissing sends the missing events.
func sendMissing(cmd *cobra.Command, t store.Backfill, c *backfill.Comparison) error {
	bar := newProgress(cmd.ErrOrStderr(), "missing events sent", len(c.Missing))
	bar.at(0)
	result, err := t.Send(cmd.Context(), c.Missing, t.Journal(userName()), bar.at)
	bar.done()
	if err != nil {
		return fmt.Errorf("%w\nSent so far: %s. To continue, run the same command again", stoppedBy(cmd, err), words.Count(result.Sent, "event"))
	}
	fmt.Fprintf(cmd.OutOrStdout(), "Done: %s sent.\n", words.Count(result.Sent, "event"))
	printLacking(cmd.OutOrStdout(), result.Lacking)
	if rejected := result.Rejected; len(rejected) > 0 {
		fmt.Fprintf(cmd.OutOrStdout(), "Events that were not sent, because Segment rejects or would drop them: %d.\n", len(rejected))
		printRejected(cmd.OutOrStdout(), rejected[:min(listed, len(rejected))], len(rejected))
	}
	return nil
}
