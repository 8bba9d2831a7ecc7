package cli

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/backfill"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/local"
	"commerce-segment/infra/hub/received"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/chars"
)

// revenueOptions are the flags of hub revenue.
type revenueOptions struct {
	store.Location
	backfill.Period
	addr                  string
	orders, asJSON, asCSV bool
}

func newRevenue() *cobra.Command {
	var options revenueOptions
	cmd := &cobra.Command{
		Use:   "revenue [--since 7d] [--until TIME] [--orders] [--csv | --json] [--dir DIRECTORY | --prefix PREFIX]",
		Short: "Compare what was paid in Commerce with the revenue that Segment was sent",
		Long: `revenue compares, for each day and currency, what was paid according to Commerce with the
revenue of Order Completed that Segment was sent, and prints the reasons of the difference.
Their amounts add up to it. With --orders it lists the orders with a difference.

What was paid is the total of the orders, with tax and shipping. A later refund is not taken
off: Order Refunded is an event of its own. A day is that of the payment, in the time zone of
this machine; the last 30 minutes are left out, since their events may be on their way.

What was sent is in the log line of each delivery. If the log has the delivery but not its
revenue, as in lines of an earlier release, the revenue is that of the current template, and
the order counts as estimated. Orders that were paid before the log begins are not known.

If the store has a token of Segment's Public API, it also shows how many of the messages of Order
Completed that were sent on the day Segment received, in all currencies: in the first row of each
day. The table for a spreadsheet has them as messages_sent and messages_received, which are empty
if they are not known. They are known of whole days of the last 13 days, as far as the log goes back.

It sends nothing: hub reconcile --send sends the missing events.`,
		Example: `  hub revenue --since 7d --prefix /commerce-segment
  hub revenue --since 2026-11-28 --until 2026-11-29 --orders
  hub revenue --since 30d --csv > revenue.csv`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return showRevenue(cmd, options) },
	}
	addStore(cmd, &options.addr, &options.Location)
	cmd.Flags().StringVar(&options.Since, "since", "7d", "the first day, or a `time` in it: 2026-01-31, 36h or 30d (ago)")
	cmd.Flags().StringVar(&options.Until, "until", "", "the end of the period, a `time` that is not included")
	cmd.Flags().BoolVar(&options.orders, "orders", false, "list the orders with a difference")
	cmd.Flags().BoolVar(&options.asJSON, "json", false, "print JSON, with the days and the orders")
	cmd.Flags().BoolVar(&options.asCSV, "csv", false, "print a table for a spreadsheet: the days, or with --orders the orders")
	cmd.MarkFlagsMutuallyExclusive("json", "csv")
	return cmd
}

func showRevenue(cmd *cobra.Command, options revenueOptions) error {
	r, err := readRevenue(cmd, options)
	if err != nil {
		return err
	}
	w := cmd.OutOrStdout()
	switch {
	case options.asJSON:
		return printJSON(w, r)
	case options.asCSV && options.orders:
		return r.WriteOrders(w)
	case options.asCSV:
		return r.WriteDays(w)
	}
	return printRevenue(w, r, options)
}

// readRevenue compares the revenues of the period.
func readRevenue(cmd *cobra.Command, options revenueOptions) (*backfill.Revenue, error) {
	since, until, err := options.ParseDays(time.Now())
	if err != nil {
		return nil, fmt.Errorf("--%w", err)
	}
	s, err := store.Open(cmd.Context(), options.Location)
	if err != nil {
		return nil, err
	}
	client, err := local.NewClient(options.addr, options.Dir)
	if err != nil {
		return nil, err
	}
	t, err := s.OpenRevenue(cmd.Context(), client.URL)
	if err != nil {
		return nil, fmt.Errorf("what was paid is not known: %w", err)
	}
	here, end, err := options.log(cmd, client)
	if err != nil {
		return nil, err
	}
	defer end()
	known, err := t.ArrivalLog(cmd.Context(), here)
	if err != nil {
		return nil, err
	}
	read, done := readCounter(cmd.ErrOrStderr(), "orders")
	defer done()
	found, err := t.Revenue(cmd.Context(), since, until, known, t.Journal(""), read)
	if err != nil || options.orders {
		return found, err
	}
	if s.Deployment != nil {
		here = s.Deployment.Logs()
	}
	r, err := received.Read(cmd.Context(), received.Options{Store: s, Log: here, Inbox: client.URL, Since: since, Until: until}, time.Now())
	if err != nil {
		return nil, err
	}
	if !r.Known() && !r.NotAsked {
		fmt.Fprintf(cmd.ErrOrStderr(), "Note: %s\n", r.Says())
	}
	found.AddMessages(r.CompletedOrders)
	return found, nil
}

// log returns the log of the hub on this machine, and a function that closes it. For a deployed
// store it is not read.
func (o revenueOptions) log(cmd *cobra.Command, client local.Client) (here executions.Log, end func() error, err error) {
	if o.Prefix != "" {
		return nil, func() error { return nil }, nil
	}
	here, note, end, err := client.Executions(cmd.Context())
	if note != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), note)
	}
	return here, end, err
}

func printRevenue(w io.Writer, r *backfill.Revenue, options revenueOptions) error {
	fmt.Fprintf(w, "Paid from %s until %s (%s):\n", r.Since.Format(minuteFormat), r.Until.Format(minuteFormat), r.Until.Format("MST"))
	if len(r.Days) == 0 {
		_, err := fmt.Fprintln(w, "No order was paid.")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if options.orders {
		fmt.Fprintln(table, "DAY\tORDER\tCURRENCY\tPAID\tSENT\tDIFFERENCE\tWHY")
		for _, o := range r.Orders {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", o.Day.Format(time.DateOnly), chars.Line(o.ID), chars.Line(o.Currency), o.Paid, sentOf(o), o.Difference(), o.Why())
		}
	} else {
		printRevenueDays(table, r.Days)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return printRevenueNotes(w, r, options)
}

// printRevenueDays prints the days. It leaves out what Segment received if that is known of no day.
func printRevenueDays(w io.Writer, days []backfill.RevenueDay) {
	known := slices.ContainsFunc(days, func(d backfill.RevenueDay) bool { return d.Messages != nil })
	ifKnown := func(text string) string {
		if !known {
			return ""
		}
		return text + "\t"
	}
	fmt.Fprintf(w, "DAY\tCURRENCY\tORDERS\tPAID\tSENT\tDIFFERENCE\t%sWHY\n", ifKnown("RECEIVED (ALL CURRENCIES)"))
	for _, d := range days {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\t%s%s\n", d.Day.Format(time.DateOnly), chars.Line(d.Currency), d.Orders, d.Paid, d.SentText(), d.DifferenceText(), ifKnown(d.ReceivedText()), d.Why())
	}
}

// minuteFormat is the form of a time in a table, whose zone is printed above the table.
const minuteFormat = "2006-01-02 15:04"

// sentOf returns what was sent for an order, or that it is not known.
func sentOf(o backfill.RevenueOrder) string {
	if o.Source == backfill.NotKnown {
		return string(backfill.NotKnown)
	}
	return o.Sent.String()
}

// printRevenueNotes prints what of the figures is not certain, and what to do.
func printRevenueNotes(w io.Writer, r *backfill.Revenue, options revenueOptions) error {
	estimated, unknown := 0, 0
	for _, d := range r.Days {
		estimated += d.Estimated
		unknown += d.Unknown
	}
	if estimated > 0 {
		fmt.Fprintf(w, "\nThe log has the delivery of %s but no revenue. The revenue of the current template is used instead.\n", words.Count(estimated, "order"))
	}
	if unknown > 0 {
		fmt.Fprintf(w, "\nIt is not known what was sent for %s. The log of webhooks begins at %s.\n", words.Count(unknown, "order"), r.LogBegins.In(r.Since.Location()).Format(minuteFormat))
	}
	if len(r.Missing) > 0 {
		flag := ""
		if options.Prefix != "" {
			flag = " --prefix " + options.Prefix
		}
		fmt.Fprintf(w, "\nMissing: %s. To send them: hub reconcile --since %s --only order-completed --send%s\n",
			words.Count(len(r.Missing), "order"), words.Moment(r.Since), flag)
	}
	if r.Omitted > 0 {
		fmt.Fprintf(w, "\nThere are %d more orders with a difference: choose a shorter period to list them.\n", r.Omitted)
	}
	return nil
}
