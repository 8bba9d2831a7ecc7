package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/backfill"
	"commerce-segment/infra/hub/compare"
	"commerce-segment/infra/hub/local"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/chars"
)

// compareOptions are the flags of hub compare.
type compareOptions struct {
	store.Location
	addr, ours, order     string
	listen, save          string
	asJSON, asCSV, showPI bool
}

// compareSecret is the variable with the shared secret of a Segment webhook destination.
const compareSecret = "SEGMENT_WEBHOOK_SECRET"

func newCompare() *cobra.Command {
	var options compareOptions
	cmd := &cobra.Command{
		Use:   "compare FILE [--ours FILE] [--order ID] [--csv | --json] [--dir DIRECTORY | --prefix PREFIX]",
		Short: "Compare what another connector sends to Segment with what this store sends",
		Long: `compare reads messages that another connector sent to Segment, and compares them with
those of this store: which events only one of them has, which fields differ and how, and what
that does to the revenue. It sends nothing.

FILE has Segment messages: JSON lines, a JSON list, batches ({"batch":[…]}) or the bodies of a
Segment webhook destination, also with gzip; - is standard input. To receive such a file, make
a webhook destination at the source of the other connector, and run compare with --listen and
--save. It adds each message to the file, until you stop it with ^C. The shared secret of the
destination is read from ` + compareSecret + ` in the environment; without it every post is
accepted. Segment signs only the first message of a batch.

The messages of this store (ours) are the first of these that is available:
  --ours FILE   messages in a file, in the same forms
  Commerce      if the store is connected to Commerce: what happened to its orders and customers
                in the period of FILE, as hub backfill sends it with the store's templates.
                Commerce keeps no updates, so there is no Order Updated and no Customer Updated
  the inbox     of the hub that runs on this machine

Messages are paired by event and order: names that differ only in case, spaces or _ are the
same event. The order is properties.order_id, or if there is none checkout_id, transaction_id or
id. Other calls are paired by userId. Of several messages of an order, as for its updates, those
nearest in time are paired, if they are within a day. If several match equally well, none of
them is paired. A message without an id is not paired, nor are over 10,000 messages of an event
with the same id. A messageId is never compared.

Our messages from before the first or after the last message of FILE are left out. Each side can
have up to a million messages. Temporary files take as much space as the messages.`,
		Example: `  hub compare theirs.jsonl
  hub compare theirs.jsonl.gz --prefix /commerce-segment --csv > differences.csv
  hub compare theirs.jsonl --ours ours.jsonl --order 3a20f8e9-e791-5da2-81d8-1bd6d930811e
  hub compare --listen 127.0.0.1:9191 --save theirs.jsonl`,
		Args: func(_ *cobra.Command, args []string) error { return options.checkArgs(args) },
		RunE: func(cmd *cobra.Command, args []string) error {
			if options.listen != "" {
				return collect(cmd, options)
			}
			return runCompare(cmd, args[0], options)
		},
	}
	addStore(cmd, &options.addr, &options.Location)
	cmd.Flags().StringVar(&options.ours, "ours", "", "a `file` with the messages of this store")
	cmd.Flags().StringVar(&options.order, "order", "", "show both messages about the order or user with this `ID`")
	cmd.Flags().BoolVar(&options.asJSON, "json", false, "print JSON, with everything")
	cmd.Flags().BoolVar(&options.asCSV, "csv", false, "print the differences as a table for a spreadsheet")
	cmd.Flags().BoolVar(&options.showPI, "show-personal", false, "show personal values too")
	cmd.Flags().StringVar(&options.listen, "listen", "", "receive messages of a Segment webhook destination at `HOST:PORT`")
	cmd.Flags().StringVar(&options.save, "save", "", "add the received messages to this `file`")
	cmd.MarkFlagsMutuallyExclusive("json", "csv")
	cmd.MarkFlagsMutuallyExclusive("order", "csv")
	cmd.MarkFlagsRequiredTogether("listen", "save")
	cmd.MarkFlagsMutuallyExclusive("listen", "csv")
	cmd.MarkFlagsMutuallyExclusive("listen", "json")
	return cmd
}

func (o compareOptions) checkArgs(args []string) error {
	switch {
	case o.listen != "" && len(args) > 0:
		return errors.New("--listen receives messages, and compares no file: leave the file out")
	case o.listen == "" && o.save == "" && len(args) != 1:
		return errors.New("name the file with the messages of the other connector. For example: hub compare theirs.jsonl")
	}
	return nil
}

// collect receives messages into a file until the user ends it.
func collect(cmd *cobra.Command, o compareOptions) error {
	collector := &local.Collector{Addr: o.listen, File: o.save, Secret: os.Getenv(compareSecret)}
	out := cmd.OutOrStdout()
	ready := func(url string) {
		fmt.Fprintf(out, `Receiving messages at %[1]s%[2]s, into %[3]s.
Segment reaches only public addresses: run a tunnel to %[1]s. In Segment, add a webhook
destination to the source of the other connector, with the address of the tunnel and the path
%[2]s, such as https://something.tunnel.example%[2]s, as its URL.
`, url, local.CollectPath, o.save)
		if collector.Secret == "" {
			fmt.Fprintf(out, "Anyone who knows the address can add messages. To accept only those of Segment, set the shared\nsecret of the destination in %s.\n", compareSecret)
		}
		fmt.Fprintln(out, "To stop: ^C")
	}
	received, done := readCounter(cmd.ErrOrStderr(), "messages")
	messages, err := collector.Run(cmd.Context(), local.NewLog("text", cmd.ErrOrStderr()), ready, received)
	done()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Received %s. To compare: hub compare %s%s\n", words.Count(messages, "message"), store.ShellQuote(o.save), o.Flag())
	return nil
}

func runCompare(cmd *cobra.Command, file string, o compareOptions) (err error) {
	set, err := compare.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, set.Close()) }()
	if err := addFile(cmd, file, set.AddTheirs); err != nil {
		return err
	}
	if set.Theirs == 0 { // before Commerce is asked for the period of their messages
		return fmt.Errorf("%s: %w", inputName(file), compare.ErrEmpty)
	}
	source, err := o.addOurs(cmd, set)
	if err != nil {
		return err
	}
	c, err := set.Compare(cmd.Context(), o.order)
	if err != nil {
		return fmt.Errorf("%s: %w", inputName(file), err)
	}
	if !o.showPI {
		c = c.Redacted()
	}
	switch w := cmd.OutOrStdout(); {
	case o.asJSON:
		return printJSON(w, c)
	case o.asCSV:
		return c.WriteDifferences(w)
	case o.order != "":
		return printPairs(w, c, o)
	default:
		return printCompared(w, c, file, source)
	}
}

// addFile adds the messages in a file.
func addFile(cmd *cobra.Command, file string, add func(context.Context, compare.Messages) error) error {
	content := io.NopCloser(cmd.InOrStdin())
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return err
		}
		content = opened
	}
	defer content.Close()
	if err := add(cmd.Context(), compare.Read(content)); err != nil {
		return fmt.Errorf("%s: %w", inputName(file), err)
	}
	return nil
}

// addOurs adds the messages of this store, and returns where they are from.
func (o compareOptions) addOurs(cmd *cobra.Command, set *compare.Set) (source string, err error) {
	if o.ours != "" {
		return o.ours, addFile(cmd, o.ours, set.AddOurs)
	}
	s, err := store.Open(cmd.Context(), o.Location)
	if err != nil {
		return "", err
	}
	client, err := local.NewClient(o.addr, o.Dir)
	if err != nil {
		return "", err
	}
	_, err = s.Credentials(cmd.Context())
	if errors.Is(err, store.ErrNotConnected) && s.Deployment == nil {
		inbox, failed := client.Inbox(cmd.Context())
		if failed != nil {
			return "", fmt.Errorf("there is nothing to compare with: %w, and the inbox cannot be read: %w. Name a file with --ours", err, failed)
		}
		defer inbox.Close()
		return "the inbox of the hub at " + client.URL, set.AddOurs(cmd.Context(), compare.Read(inbox))
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("Commerce, by the templates of %s", s.Name), o.addFromCommerce(cmd, s, client.URL, set)
}

// addFromCommerce adds the messages that the store's templates make of what happened in Commerce,
// in the period of theirs and a day before and after it: a time may differ.
func (o compareOptions) addFromCommerce(cmd *cobra.Command, s store.Store, inbox string, set *compare.Set) error {
	if set.Since.IsZero() {
		return errors.New("no message in the file has a timestamp, so the period to read from Commerce is not known: name a file with --ours")
	}
	from, err := s.OpenBackfill(cmd.Context(), store.BackfillOptions{Kinds: []backfill.Kind{backfill.Orders, backfill.Customers}, Rate: backfill.DefaultRate, Inbox: inbox})
	if err != nil {
		return err
	}
	read, done := readCounter(cmd.ErrOrStderr(), "orders and customers")
	defer done()
	const margin = 24 * time.Hour
	rejected := func(r backfill.Rejection) {
		fmt.Fprintf(cmd.ErrOrStderr(), "Not among ours, because Segment would drop it: %s\n", r)
	}
	return set.AddOurs(cmd.Context(), compare.ParseAll(from.Messages(cmd.Context(), set.Since.Add(-margin), set.Until.Add(margin), read, rejected)))
}

func printCompared(w io.Writer, c *compare.Comparison, file, source string) error {
	fmt.Fprintf(w, "Theirs: %s in %s", words.Count(c.Theirs, "message"), inputName(file))
	if !c.Since.IsZero() {
		fmt.Fprintf(w, ", from %s until %s", words.Moment(c.Since), words.Moment(c.Until))
	}
	fmt.Fprintf(w, ".\nOurs: %s, from %s.\n\n", words.Count(c.Ours, "message"), source)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "EVENT\tTHEIRS\tOURS\tPAIRED\tSAME\tONLY THEIRS\tONLY OURS\tREPEATED\tNOT PAIRED")
	outside := 0
	for _, e := range c.Events {
		outside += e.Outside
		if e.Theirs+e.Ours == e.Outside {
			continue
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%s\t%s\t%s\t%s\n", chars.Line(e.Name), e.Theirs, e.Ours-e.Outside, e.Paired, e.Same,
			orDash(e.OnlyTheirs), orDash(e.OnlyOurs), orDash(e.Repeated), orDash(e.NotPaired))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if outside > 0 {
		fmt.Fprintf(w, "Left out: %s of this store, from before the first or after the last message of the file.\n", words.Count(outside, "message"))
	}
	printUnlike(w, c)
	if err := printDifferences(w, c); err != nil {
		return err
	}
	printUsers(w, c)
	return printRevenues(w, c)
}

// printUnlike notes the events of which none is paired.
func printUnlike(w io.Writer, c *compare.Comparison) {
	for _, e := range c.Events {
		if e.Paired == 0 && e.OnlyTheirs > 0 && e.OnlyOurs > 0 {
			fmt.Fprintf(w, "No %s has the same id in both: theirs is, for example, %s and ours %s.\n", chars.Line(e.Name),
				chars.Line(exampleOf(c, e.Name, compare.OnlyTheirs)), chars.Line(exampleOf(c, e.Name, compare.OnlyOurs)))
		}
	}
}

// exampleOf returns the first id of a difference of whole messages.
func exampleOf(c *compare.Comparison, event string, kind compare.Kind) string {
	for _, d := range c.Differences {
		if d.Event == event && d.Kind == kind && d.Field == "" && len(d.Examples) > 0 {
			return d.Examples[0]
		}
	}
	return ""
}

func printDifferences(w io.Writer, c *compare.Comparison) error {
	if len(c.Differences) == 0 {
		_, err := fmt.Fprintln(w, "\nThere is no difference.")
		return err
	}
	fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "DIFFERENCE\tFIELD\tEVENT\tEVENTS\tEXAMPLE")
	for _, d := range c.Differences {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d of %d\t%s\n", chars.Line(whatOf(d)), chars.Line(cmp.Or(d.Field, "the whole event")), chars.Line(d.Event),
			d.Events, d.Of, chars.Line(strings.Join(d.Examples[:min(len(d.Examples), 1)], "")))
	}
	return table.Flush()
}

// whatOf returns the kind of a difference, with how far apart times are.
func whatOf(d compare.Difference) string {
	if d.Longest == 0 {
		return string(d.Kind)
	}
	shortest, longest := seconds(d.Shortest), seconds(d.Longest)
	if shortest == longest {
		return fmt.Sprintf("%s by %s", d.Kind, longest)
	}
	return fmt.Sprintf("%s by %s to %s", d.Kind, shortest, longest)
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

// printUsers prints what another userId does to the users in Segment.
func printUsers(w io.Writer, c *compare.Comparison) {
	if c.Users.Changed == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s with another userId: after a switch these events belong to other users in Segment.\n", words.Count(c.Users.Changed, "pair"))
	if c.Users.Split > 0 {
		fmt.Fprintf(w, "Split: %s of theirs would each become several users of ours.\n", words.Count(c.Users.Split, "user"))
	}
	if c.Users.Merged > 0 {
		fmt.Fprintf(w, "Merged: %s of ours would each combine several users of theirs.\n", words.Count(c.Users.Merged, "user"))
	}
}

func printRevenues(w io.Writer, c *compare.Comparison) error {
	if len(c.Revenue) == 0 {
		return nil
	}
	fmt.Fprintln(w, "\nRevenue:")
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "EVENT\tCURRENCY\tTHEIRS\tOURS\tDIFFERENCE\tWHY")
	for _, r := range c.Revenue {
		reasons := make([]string, len(r.Reasons))
		for i, reason := range r.Reasons {
			reasons[i] = fmt.Sprintf("%s %s (%s)", reason.Why, reason.Amount, words.Count(reason.Events, "event"))
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", chars.Line(r.Event), chars.Line(cmp.Or(r.Currency, "none")), r.Theirs, r.Ours, r.Difference, strings.Join(reasons, ", "))
	}
	return table.Flush()
}

// printPairs prints the pairs of an order or a user.
func printPairs(w io.Writer, c *compare.Comparison, o compareOptions) error {
	if len(c.Pairs) == 0 {
		return fmt.Errorf("no pair of messages is about %s: run it without --order to see the messages that only one side has", o.order)
	}
	for i, p := range c.Pairs {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s of %s\n", chars.Line(p.Event), chars.Line(p.ID))
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "FIELD\tTHEIRS\tOURS\tDIFFERENCE")
		for _, d := range p.Differences {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", chars.Line(d.Field), chars.Line(valueOrDash(d.Theirs)), chars.Line(valueOrDash(d.Ours)), d.Kind)
		}
		if err := table.Flush(); err != nil {
			return err
		}
		for _, side := range []struct {
			name string
			json []byte
		}{{"Theirs", p.Theirs}, {"Ours", p.Ours}} {
			fmt.Fprintf(w, "%s:\n", side.name)
			if err := printIndented(w, side.json); err != nil {
				return err
			}
		}
	}
	return nil
}

// valueOrDash returns a value for a table, and a dash for none.
func valueOrDash(value []byte) string { return cmp.Or(string(value), "-") }
