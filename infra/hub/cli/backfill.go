package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os/user"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/backfill"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/local"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
)

// backfillOptions are the flags of hub backfill.
type backfillOptions struct {
	backfillFlags
	to     []string
	dryRun bool
	again  bool
}

// backfillExample is a command line that sends nothing.
const backfillExample = "hub backfill orders --since 2026-01-01 --dry-run"

func newBackfill() *cobra.Command {
	var options backfillOptions
	cmd := &cobra.Command{
		Use:   "backfill orders|customers --since TIME [--until TIME] [--only NAME,…] [--to INTEGRATION,…] [--again] [--dry-run | --yes]",
		Short: "Send past events of orders or customers to Segment",
		Long: `backfill reads the orders or customers that were created in a period from Commerce,
and sends their events to Segment. It uses the store's templates, the trackings that are
enabled, and the same messageIds as the live webhooks. backfill prints the number of events
and asks before it sends them.

Events that were already sent are left out: those that webhooks delivered, according to the
executions of the hub or the functions' logs, and those that a backfill or a reconciliation
sent from this machine. With --again they are sent too. Segment drops a message that it
received within the last day, and counts an older one twice.

It sends the events that the present state of an order proves: created, paid, authorized,
fulfilled, refunded in full or in part, cancelled. Commerce does not keep what was changed,
so there is no Order Updated and no Customer Updated. The messages show the order as it is
now; an anonymized order has no personal data. The codes of custom discounts are not in
Commerce's list of orders.

The event time of a creation is exact. That of a payment, an authorization and a refund is
the time of the transaction; to read it, backfill sends Commerce one request for each such
order, at most ten a second. For fulfilled and cancelled orders, Commerce keeps only the time
of the last change, which may be later.

If backfill is stopped or killed, run the same command again: it continues where it stopped.
It keeps its position in the folder backfill of the hub's directory. No event is lost, and
an event that is sent twice has the same messageId.

--to limits the messages to some integrations of the source, by their names in Segment,
such as "Google Analytics 4". Then nothing is left out. Segment drops repeated messageIds first: a
message that it received within the last day does not reach another integration either.`,
		Example: `  hub backfill orders --since 2026-01-01 --dry-run
  hub backfill orders --since 2026-01-01 --only order-completed --prefix /commerce-segment
  hub backfill customers --since 365d --to Amplitude --yes`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("name what to backfill, %s or %s. For example: %s", backfill.Orders, backfill.Customers, backfillExample)
			}
			_, err := backfill.ParseKind(args[0])
			return err
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return runBackfill(cmd, backfill.Kind(args[0]), options)
		},
	}
	addBackfillFlags(cmd, &options.backfillFlags)
	cmd.Flags().StringSliceVar(&options.to, "to", nil, "limit the events to these `integrations` of the source")
	cmd.Flags().BoolVar(&options.again, "again", false, "also send the events that were already sent")
	cmd.Flags().BoolVar(&options.dryRun, "dry-run", false, "print the number of events and a sample of each tracking, and send nothing")
	cmd.MarkFlagsMutuallyExclusive("dry-run", "yes")
	return cmd
}

func runBackfill(cmd *cobra.Command, kind backfill.Kind, options backfillOptions) error {
	now := time.Now().UTC()
	since, until, err := options.parse(now, now, backfillExample)
	if err != nil {
		return err
	}
	t, err := options.open(cmd.Context(), store.BackfillOptions{Kinds: []backfill.Kind{kind}, To: options.to, Again: options.again})
	if err != nil {
		return err
	}
	position, err := t.Begun(kind, options.Period)
	if err != nil {
		return err
	}
	continues := position != nil && !options.dryRun
	if continues {
		since = position.Since
	}
	known, err := options.known(cmd.Context(), t, since)
	if err != nil {
		return err
	}
	if continues {
		fmt.Fprintf(cmd.ErrOrStderr(), "Continuing where the last run stopped: %d of %d events are sent, of %s from %s until %s.\nTo start again from the beginning, remove %s.\n",
			position.Sent, position.Events, kind, words.Moment(position.Since), words.Moment(position.Until), position.File())
		return sendBackfill(cmd, t, position, known)
	}
	plan, err := planBackfill(cmd, t, kind, since, until, known)
	if err != nil {
		return err
	}
	printKnown(cmd.ErrOrStderr(), t, known, since)
	if err := options.printPlan(cmd.OutOrStdout(), plan, kind, t.Destination); err != nil {
		return err
	}
	switch {
	case options.dryRun:
		return printSamples(cmd.OutOrStdout(), plan)
	case plan.Total() == 0:
		return nil
	}
	if err := options.confirm(cmd, fmt.Sprintf("Send %s?", words.Count(plan.Total(), "event"))); err != nil {
		return err
	}
	return sendBackfill(cmd, t, t.Begin(kind, options.Period, since, until, plan), known)
}

// known reads what was already sent since a time.
func (o backfillOptions) known(ctx context.Context, t store.Backfill, since time.Time) (backfill.KnownFacts, error) {
	var log executions.Log // of a deployed store, t has it
	if t.Deployment == nil {
		client, err := local.NewClient(o.addr, o.Dir)
		if err != nil {
			return backfill.KnownFacts{}, err
		}
		var end func() error
		if log, end, err = client.DirectoryLog(); err != nil {
			return backfill.KnownFacts{}, err
		}
		defer end()
	}
	known, err := t.KnownFacts(ctx, log, since)
	if err != nil {
		return known, fmt.Errorf("nothing was sent, because what was already sent could not be read: %w. To send without comparing, pass --again", err)
	}
	return known, nil
}

// printKnown says if what was sent before is not left out, or not all of it.
func printKnown(w io.Writer, t store.Backfill, known backfill.KnownFacts, since time.Time) {
	switch {
	case t.Again():
		fmt.Fprintln(w, "What was already sent is not left out. Segment counts an event twice that it received more than a day ago.")
	case known.LogBegins.After(since):
		fmt.Fprintf(w, "The log of webhooks begins at %s: what webhooks delivered before is not known, and is sent again.\n", words.Moment(known.LogBegins))
	}
}

// planBackfill counts the events to send.
func planBackfill(cmd *cobra.Command, t store.Backfill, kind backfill.Kind, since, until time.Time, known backfill.KnownFacts) (backfill.Plan, error) {
	read, done := readCounter(cmd.ErrOrStderr(), string(kind))
	defer done()
	return t.Plan(cmd.Context(), kind, since, until, known, read)
}

// printPlan prints how many events there are to send, and where.
func (o backfillOptions) printPlan(w io.Writer, plan backfill.Plan, kind backfill.Kind, destination string) error {
	fmt.Fprintf(w, "Created in this period: %s.\n", kind.Count(plan.Resources))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, name := range backfill.Trackings(kind) {
		if plan.Events[name] > 0 {
			fmt.Fprintf(table, "%d\t %s\n", plan.Events[name], name)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if plan.Sent > 0 {
		fmt.Fprintf(w, "Already sent, and left out: %d of %s. --again sends them too.\n", plan.Sent, words.Count(plan.Sent+plan.Total(), "event"))
	}
	if plan.Filtered > 0 {
		fmt.Fprintf(w, "Events that the templates filter: %d.\n", plan.Filtered)
	}
	if plan.Rejected > 0 {
		fmt.Fprintf(w, "Events that are not sent, because Segment would drop their messages: %d.\n", plan.Rejected)
		printRejected(w, plan.Rejections, plan.Rejected)
	}
	if plan.Total() == 0 {
		_, err := fmt.Fprintln(w, "There is nothing to send.")
		return err
	}
	_, err := fmt.Fprintf(w, "To send: %s, to %s%s. Sending takes at least %s.\n",
		words.Count(plan.Total(), "event"), destination, onlyTo(o.to), cmp.Or(plan.Takes(o.rate), time.Second))
	return err
}

func onlyTo(integrations []string) string {
	if len(integrations) == 0 {
		return ""
	}
	return ", limited to " + strings.Join(integrations, " and ")
}

// printSamples prints a message of each tracking as it would be sent.
func printSamples(w io.Writer, plan backfill.Plan) error {
	for _, sample := range plan.Samples {
		fmt.Fprintf(w, "\nA sample of %s, without personal data and without the event time of a transaction:\n", sample.Tracking)
		if err := printIndented(w, sample.JSON); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(w, "\nNothing was sent (--dry-run).")
	return err
}

// printLacking prints how many sent messages lack optional fields.
func printLacking(w io.Writer, messages int) {
	if lacking := backfill.LackingFields(messages); lacking != "" {
		fmt.Fprintln(w, lacking, "hub executions shows which.")
	}
}

// sendBackfill sends the events from a position on.
func sendBackfill(cmd *cobra.Command, t store.Backfill, position *backfill.Position, known backfill.KnownFacts) error {
	bar := newProgress(cmd.ErrOrStderr(), "events sent", position.Events)
	bar.at(position.Sent)
	err := t.Backfill(cmd.Context(), position, known, t.Journal(userName()), func(p backfill.Position) { bar.at(p.Sent) })
	bar.done()
	if err != nil {
		return fmt.Errorf("%w\nSent so far: %s. To continue, run the same command again", stoppedBy(cmd, err), words.Count(position.Sent, "event"))
	}
	fmt.Fprintf(cmd.OutOrStdout(), "Done: %s of %s sent.\n", words.Count(position.Sent, "event"), position.Kind.Count(position.Resources))
	printLacking(cmd.OutOrStdout(), position.Lacking)
	if position.Rejected > 0 {
		fmt.Fprintf(cmd.OutOrStdout(), "Events that were not sent, because Segment rejects or would drop them: %d.\n", position.Rejected)
		printRejected(cmd.OutOrStdout(), position.Rejections, position.Rejected)
	}
	return nil
}

// userName returns the name of the user of this machine, for the journal of what was sent.
func userName() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return "user " + u.Username
}

// stoppedBy replaces an error by "stopped" if the user has stopped the program.
func stoppedBy(cmd *cobra.Command, err error) error {
	if cmd.Context().Err() != nil {
		return errors.New("stopped")
	}
	return err
}
