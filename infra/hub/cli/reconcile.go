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
	sending
	send bool
}

// reconcileExample is a command line that only looks.
const reconcileExample = "hub reconcile --since 24h"

func newReconcile() *cobra.Command {
	var options reconcileOptions
	cmd := &cobra.Command{
		Use:   "reconcile --since TIME [--until TIME] [--only NAME,…] [--send [--yes]]",
		Short: "Find what Commerce has and Segment was not told, and send it",
		Long: `reconcile compares what has happened to the orders and customers in Commerce with the
webhooks that came: by the functions' logs with --prefix, or else by what the running hub
remembers. It prints how much is missing, and what Commerce itself says of the attempts
to deliver it. With --send it sends exactly that, as hub backfill does, after a question.

What waits is not missing, nor what was skipped, nor a dead letter: see hub deadletters.
What was sent from here, by backfill or reconcile, is not missing either: a list of that
is in the folder backfill of the hub's directory, and only there. What is younger than 30
minutes may be on its way and is left out.

It compares no more than the logs go back: functions' logs are kept for 30 days unless
the stack says otherwise. That an order was fulfilled or cancelled Commerce does not
date: where it may have been before the period it is counted as unclear, and not sent.`,
		Example: `  hub reconcile --since 24h --prefix /commerce-segment
  hub reconcile --since 2026-11-20 --until 2026-11-21 --send --prefix /commerce-segment`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return reconcile(cmd, options) },
	}
	addSending(cmd, &options.sending)
	cmd.Flags().BoolVar(&options.send, "send", false, "send what is missing")
	return cmd
}

func reconcile(cmd *cobra.Command, options reconcileOptions) error {
	now := time.Now().UTC()
	since, until, err := options.parse(now, backfill.Settled(now), reconcileExample)
	if err != nil {
		return err
	}
	kinds := []backfill.Kind{backfill.Orders, backfill.Customers}
	t, err := options.open(cmd.Context(), kinds, nil)
	if err != nil {
		return err
	}
	here, err := local.NewClient(options.addr, options.Dir)
	if err != nil {
		return err
	}
	known, err := t.ArrivalLog(cmd.Context(), here)
	if err != nil {
		return err
	}
	read, done := counter(cmd.ErrOrStderr(), "orders and customers")
	comparison, err := t.Compare(cmd.Context(), kinds, since, until, known, t.Journal(), read)
	done()
	if err != nil {
		return err
	}
	if comparison.Since.After(since) {
		fmt.Fprintf(cmd.ErrOrStderr(), "What is known of webhooks goes back to %s only: what happened before is not compared.\n", backfill.Moment(comparison.Since))
	}
	if err := printComparison(cmd.OutOrStdout(), comparison, t.Trackings()); err != nil {
		return err
	}
	if len(comparison.Missing) == 0 {
		return nil
	}
	if err := printMissing(cmd, t, comparison); err != nil {
		return err
	}
	if !options.send {
		fmt.Fprintf(cmd.OutOrStdout(), "\nNothing was sent. Say --send to send what is missing, %s, to %s.\n", words.Count(comparison.Events(), "event"), t.Destination)
		return nil
	}
	if err := options.sure(cmd, fmt.Sprintf("Send what is missing, %s, to %s?", words.Count(comparison.Events(), "event"), t.Destination)); err != nil {
		return err
	}
	return sendMissing(cmd, t, comparison)
}

// printComparison prints a line for each tracking.
func printComparison(w io.Writer, c *backfill.Comparison, trackings []string) error {
	fmt.Fprintf(w, "From %s until %s:\n", backfill.Moment(c.Since), backfill.Moment(c.Until))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TRACKING\tMISSING\tDELIVERED\tSENT FROM HERE\tWAITING\tSKIPPED\tDEAD LETTERS\tUNCLEAR")
	refused := 0
	for _, name := range trackings {
		t := c.Tallies[name]
		refused += t.Rejected
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", name, figure(t.Missing), figure(t.Delivered), figure(t.SentFromHere),
			figure(t.Pending), figure(t.Skipped+t.Filtered), figure(t.DeadLettered), figure(t.Unclear))
	}
	if refused > 0 {
		fmt.Fprintf(table, "Of %d the templates make what Segment would drop: they are not sent. hub preview says why.\n", refused)
	}
	return table.Flush()
}

// listed bounds how many missing facts are named.
const listed = 20

// printMissing names what is missing, and says why it seems lost.
func printMissing(cmd *cobra.Command, t store.Backfill, c *backfill.Comparison) error {
	w := cmd.OutOrStdout()
	fmt.Fprintln(w)
	for _, m := range c.Missing[:min(listed, len(c.Missing))] {
		fmt.Fprintf(w, "%s  %s of %s\n", backfill.Moment(m.Happened), m.Event, chars.Line(m.Resource))
	}
	if more := len(c.Missing) - listed; more > 0 {
		fmt.Fprintf(w, "and %d more\n", more)
	}
	losses, err := t.Losses(cmd.Context(), c)
	if err != nil {
		return err
	}
	for _, loss := range losses {
		fmt.Fprintf(w, "\nWhy those of %s seem lost:\n", loss.Tracking)
		for _, reason := range loss.Reasons {
			fmt.Fprintf(w, "  %s\n", reason)
		}
	}
	return nil
}

// sendMissing sends what is missing.
func sendMissing(cmd *cobra.Command, t store.Backfill, c *backfill.Comparison) error {
	bar := newProgress(cmd.ErrOrStderr(), "missing facts sent", len(c.Missing))
	bar.at(0)
	sent, refused, err := t.Send(cmd.Context(), c.Missing, t.Journal(), bar.at)
	bar.done()
	if err != nil {
		return fmt.Errorf("%w\nSent so far: %s. To go on, say the same again", stoppedBy(cmd, err), words.Count(sent, "event"))
	}
	fmt.Fprintf(cmd.OutOrStdout(), "Done: %s sent.\n", words.Count(sent, "event"))
	if len(refused) > 0 {
		fmt.Fprintf(cmd.OutOrStdout(), "%d facts were not, because Segment refuses or would drop them:\n", len(refused))
		printRefusals(cmd.OutOrStdout(), refused[:min(listed, len(refused))], len(refused))
	}
	return nil
}
