package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/history"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/serve"
	"commerce-segment/shared/tracking"
)

// reconcileOptions are the flags of hub reconcile.
type reconcileOptions struct {
	telling
	send bool
}

// stillComing is how long Commerce may take for a webhook: "within about 30 minutes".
const stillComing = 30 * time.Minute

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
is in the folder history of the hub's directory, and only there. What is younger than 30
minutes may be on its way and is left out.

It compares no more than the logs go back: functions' logs are kept for 30 days unless
the stack says otherwise. That an order was fulfilled or cancelled Commerce does not
date: where it may have been before the period it is counted as unclear, and not sent.`,
		Example: `  hub reconcile --since 24h --prefix /commerce-segment
  hub reconcile --since 2026-11-20 --until 2026-11-21 --send --prefix /commerce-segment`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return reconcile(cmd, options) },
	}
	addTelling(cmd, &options.telling)
	cmd.Flags().BoolVar(&options.send, "send", false, "send what is missing")
	return cmd
}

func reconcile(cmd *cobra.Command, options reconcileOptions) error {
	now := time.Now().UTC()
	since, until, err := options.period(now, now.Add(-stillComing))
	if err != nil {
		return err
	}
	kinds := []history.Kind{history.Orders, history.Customers}
	t, err := options.open(cmd.Context(), kinds, nil)
	if err != nil {
		return err
	}
	known, err := t.ledger(cmd.Context(), options.addr)
	if err != nil {
		return err
	}
	read, done := counter(cmd.ErrOrStderr(), "orders and customers")
	comparison, err := t.Compare(cmd.Context(), kinds, since, until, known, t.journal(), read)
	done()
	if err != nil {
		return err
	}
	if comparison.Since.After(since) {
		fmt.Fprintf(cmd.ErrOrStderr(), "What is known of webhooks goes back to %s only: what happened before is not compared.\n", moment(comparison.Since))
	}
	if err := printComparison(cmd.OutOrStdout(), comparison, t.Trackings()); err != nil {
		return err
	}
	if len(comparison.Missing) == 0 {
		return nil
	}
	if err := t.explain(cmd, comparison); err != nil {
		return err
	}
	if !options.send {
		fmt.Fprintf(cmd.OutOrStdout(), "\nNothing was sent. Say --send to send what is missing, %s, to %s.\n", words.Count(comparison.Events(), "event"), t.destination)
		return nil
	}
	if err := options.sure(cmd, fmt.Sprintf("Send what is missing, %s, to %s?", words.Count(comparison.Events(), "event"), t.destination)); err != nil {
		return err
	}
	return t.sendMissing(cmd, comparison)
}

// printComparison prints a line for each tracking.
func printComparison(w io.Writer, c *history.Comparison, trackings []string) error {
	fmt.Fprintf(w, "From %s until %s:\n", moment(c.Since), moment(c.Until))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TRACKING\tMISSING\tDELIVERED\tSENT FROM HERE\tWAITING\tSKIPPED\tDEAD LETTERS\tUNCLEAR")
	refused := 0
	for _, name := range trackings {
		t := c.Tallies[name]
		refused += t.Refused
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", name, figure(t.Missing), figure(t.Delivered), figure(t.Here),
			figure(t.Underway), figure(t.Skipped+t.Filtered), figure(t.Buried), figure(t.Unclear))
	}
	if refused > 0 {
		fmt.Fprintf(table, "Of %d the templates make what Segment would drop: they are not sent. hub preview says why.\n", refused)
	}
	return table.Flush()
}

// listed bounds how many missing facts are named.
const listed = 20

// explain names what is missing, and says why it seems lost.
func (t told) explain(cmd *cobra.Command, c *history.Comparison) error {
	w := cmd.OutOrStdout()
	fmt.Fprintln(w)
	for _, m := range c.Missing[:min(listed, len(c.Missing))] {
		fmt.Fprintf(w, "%s  %s of %s\n", moment(m.Happened), m.Event, m.Resource)
	}
	if more := len(c.Missing) - listed; more > 0 {
		fmt.Fprintf(w, "and %d more\n", more)
	}
	for _, name := range t.Trackings() {
		if c.Tallies[name].Missing == 0 {
			continue
		}
		posts, err := t.posts(name)
		if err != nil {
			return err
		}
		reasons, err := t.Explain(cmd.Context(), name, c.Since, c.Until, posts)
		if err != nil {
			return fmt.Errorf("asking Commerce why webhooks of %s were lost: %w", name, err)
		}
		fmt.Fprintf(w, "\nWhy those of %s seem lost:\n", name)
		for _, reason := range reasons {
			fmt.Fprintf(w, "  %s\n", reason)
		}
	}
	return nil
}

// posts says which of Commerce's integrations post to a tracking: those with the URL of a
// deployed store. How Commerce reaches this machine is not known: there it is the path.
func (t told) posts(name string) (func(commerce.Integration) bool, error) {
	row, err := tracking.ByName(name)
	if err != nil {
		return nil, err
	}
	return func(i commerce.Integration) bool {
		if t.Deployment != nil {
			return strings.TrimRight(i.Configuration.URL, "/") == t.Deployment.WebhookURL(row)
		}
		u, err := url.Parse(i.Configuration.URL)
		return err == nil && strings.HasSuffix(strings.TrimRight(u.Path, "/"), serve.Route(name))
	}, nil
}

// sendMissing sends what is missing.
func (t told) sendMissing(cmd *cobra.Command, c *history.Comparison) error {
	bar := newProgress(cmd.ErrOrStderr(), "missing facts sent", len(c.Missing))
	bar.at(0)
	sent, refused, err := t.Send(cmd.Context(), c.Missing, t.journal(), bar.at)
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

// ledger is what a store's log lines tell of the webhooks that came.
type ledger struct {
	log executions.Log
	// about are the trackings to ask for, one after the other, because there is a limit
	// to the lines that are read at once; none means all at once.
	about []tracking.Tracking
	// begins is when the log does; the zero time where it begins with its oldest line.
	begins time.Time
}

// ledger is that of a deployed store's functions, or of the hub that runs here.
func (t told) ledger(ctx context.Context, addr string) (ledger, error) {
	if t.Deployment != nil {
		begins, err := t.Deployment.LogsBegin(ctx)
		if err != nil {
			return ledger{}, err
		}
		about, err := named(t.Trackings())
		return ledger{log: t.Deployment.Logs(), about: about, begins: begins}, err
	}
	host, port, err := splitAddr(addr)
	client := &http.Client{Timeout: answerWithin, CheckRedirect: noRedirects}
	return ledger{log: caller{Client: client, hub: localURL(host, port)}}, err
}

// Arrivals implements history.Ledger.
func (l ledger) Arrivals(ctx context.Context, since time.Time) (all []history.Arrival, complete time.Time, err error) {
	queries := []executions.Query{{Since: since}}
	if len(l.about) > 0 {
		queries = nil
		for _, t := range l.about {
			queries = append(queries, executions.Query{Since: since, Trackings: []tracking.Tracking{t}})
		}
	}
	complete = l.begins
	for _, query := range queries {
		reading, err := l.log.Read(ctx, query)
		if err != nil {
			return nil, time.Time{}, err
		}
		now := time.Now()
		oldest := now
		for _, e := range executions.Of(reading.Lines, now) {
			oldest = e.Received // the newest comes first
			if fate := fateOf(e); fate != 0 && e.Resource != "" {
				all = append(all, history.Arrival{Tracking: e.Tracking, Resource: e.Resource, Fate: fate})
			}
		}
		if (reading.Cut || l.begins.IsZero()) && oldest.After(complete) {
			complete = oldest
		}
	}
	return all, complete, nil
}

// fateOf is what became of a webhook, as far as that says whether its fact is missing; 0
// where it says nothing: it was refused, or about an event that nobody wanted then.
func fateOf(e executions.Execution) history.Fate {
	switch e.Outcome {
	case executions.Delivered:
		return history.Delivered
	case executions.Accepted, executions.Waiting:
		return history.Underway
	case executions.Buried:
		return history.Buried
	case executions.Skipped:
		if e.Reason != "not_observed" {
			return history.Skipped
		}
	}
	return 0
}
