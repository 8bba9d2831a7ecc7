package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/deadletters"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/forecast"
	"commerce-segment/infra/hub/local"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/chars"
)

// selection is the flags that select dead letters.
type selection struct {
	store.Location
	addr               string
	reasons, trackings []string
}

func newDeadLetters() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "deadletters list|redrive",
		Short: "List the events that could not be delivered, and send them again",
		Long: `deadletters lists and redrives the dead letters: the events that could not be
delivered. Without --prefix it asks the hub that runs on this machine, which keeps them in
its directory for 30 days. With --prefix it reads the dead-letter queues of a deployed store.
They keep an event for 14 days from its failure, or from its arrival if all its attempts were
used up. The console's page Dead letters does the same, and also shows the events.`,
	}
	addCommand(cmd, newDeadLettersList())
	addCommand(cmd, newDeadLettersRedrive())
	return cmd
}

func addSelection(cmd *cobra.Command, s *selection) {
	addStore(cmd, &s.addr, &s.Location)
	cmd.Flags().StringSliceVar(&s.reasons, "reason", nil, "only dead letters with these `reasons`")
	cmd.Flags().StringSliceVar(&s.trackings, "tracking", nil, "only dead letters of these `trackings`")
}

func newDeadLettersList() *cobra.Command {
	var selected selection
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list [--reason REASON] [--tracking NAME] [--json] [--prefix PREFIX]",
		Short: "List dead letters and their reasons",
		Long: `list prints why each event could not be delivered, the number of events for each reason,
and what to do. It does not print the event, except what Segment quoted in its answer. While
it reads the queues of a deployed store, no other program can receive the dead letters. If it
is killed, they are hidden for another ten minutes.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			letters, err := selected.open(cmd.Context())
			if err != nil {
				return err
			}
			now, err := letters.Backlog(cmd.Context())
			if err != nil {
				return err
			}
			all, err := letters.List(cmd.Context())
			if err != nil {
				return err
			}
			if selected.Prefix != "" {
				defer warnUnread(cmd.ErrOrStderr(), len(all), now.Dead)
			}
			chosen, err := selected.choose(all)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), summaries(chosen))
			}
			if err := printDeadLetters(cmd.OutOrStdout(), chosen, time.Now()); err != nil || len(chosen) == 0 {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "\nTo send them again: hub deadletters redrive --reason REASON%s\n", selected.flag())
			return err
		},
	}
	addSelection(cmd, &selected)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, for programs")
	return cmd
}

func newDeadLettersRedrive() *cobra.Command {
	var selected selection
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "redrive [--reason REASON] [--tracking NAME] [--dry-run] [--prefix PREFIX]",
		Short: "Put dead letters back on their queue, to be delivered again",
		Long: `redrive puts dead letters back on their queue, to be delivered again. First it
prints how many would be delivered now, and why the others would fail again, with the present
settings; --dry-run prints only that. On this machine it then prints how they ended, if that
takes no longer than ten seconds. Fix the cause first: an event that fails again becomes a
dead letter again. A change of a setting reaches the functions of a deployed store within 75
seconds, so wait that long. The messageIds do not change, so Segment drops a message that it
received within the last day. While redrive reads the queues of a deployed store, no other
program can receive the dead letters. If it is killed, they are hidden for another hour.

A dead letter with the reason forged arrived while its secret could not be checked, and its
secret was not valid at its delivery. If a rotation had removed that secret too early, put it
below the new one in the parameter commerce/webhook-secret (the parameter's history in
Parameter Store has it), wait 75 seconds, and redrive. After the delivery remove it again with
hub rotate --finish. Events of unauthenticated clients fail again.`,
		Example: `  hub deadletters redrive --reason message_invalid --tracking order-completed
  hub deadletters redrive --reason message_invalid --prefix /commerce-segment`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return redrive(cmd, selected, dryRun)
		},
	}
	addSelection(cmd, &selected)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "print what would happen, and put nothing back")
	return cmd
}

// open returns the queues of the selected trackings.
func (s selection) open(ctx context.Context) (deadletters.Queues, error) {
	opened, err := store.Open(ctx, s.Location)
	if err != nil {
		return nil, err
	}
	trackings, err := parseTrackings(opened, s.trackings)
	if err != nil {
		return nil, err
	}
	if opened.Deployment == nil {
		return local.OpenDeadLetters(ctx, s.addr, s.Dir, trackings)
	}
	return opened.Deployment.DeadLetters(trackings)
}

// flag returns the flags of the store and the trackings for another command line, each
// after a space.
func (s selection) flag() string {
	flags := s.Location.Flag()
	for _, name := range s.trackings {
		flags += " --tracking " + name
	}
	return flags
}

func (s selection) matches(g deadletters.Letter) bool {
	return len(s.reasons) == 0 || slices.Contains(s.reasons, g.Failure.Reason)
}

// summaries returns what is printed of dead letters.
func summaries(chosen []deadletters.Letter) []deadletters.Summary {
	list := []deadletters.Summary{} // in JSON an empty list, not null
	for _, g := range chosen {
		list = append(list, g.Summary())
	}
	return list
}

// printDeadLetters prints a line for each dead letter, and the number for each reason.
func printDeadLetters(w io.Writer, chosen []deadletters.Letter, now time.Time) error {
	if len(chosen) == 0 {
		_, err := fmt.Fprintln(w, "There are no dead letters.")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TRACKING\tREASON\tRESOURCE\tAGE\tDETAIL")
	for _, g := range summaries(chosen) {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", g.Tracking, chars.Line(g.Reason), chars.Line(g.Resource), words.Age(now.Sub(g.FailedAt)), chars.Line(g.Detail))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(table, "\nCOUNT\tTRACKING\tREASON")
	kinds := deadletters.GroupByReason(chosen)
	for _, kind := range kinds {
		fmt.Fprintf(table, "%d\t%s\t%s\n", len(kind.Letters), kind.Tracking.Name, kind.Reason)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return explainReasons(w, kinds)
}

// explainReasons prints once for each reason what it means and what to do.
func explainReasons(w io.Writer, kinds []deadletters.Group) error {
	explained := map[string]bool{}
	for _, kind := range kinds {
		if explained[kind.Reason] {
			continue
		}
		explained[kind.Reason] = true
		reason := deadletters.Explain(kind.Reason)
		if _, err := fmt.Fprintf(w, "\n%s: %s. %s\n  → %s\n", kind.Reason, reason.Title, reason.Says, reason.Do); err != nil {
			return err
		}
	}
	return nil
}

// choose returns the dead letters that match. A reason that none of them has is an error.
func (s selection) choose(all []deadletters.Letter) ([]deadletters.Letter, error) {
	var existing []string
	for _, g := range all {
		existing = append(existing, g.Failure.Reason)
	}
	return slices.DeleteFunc(slices.Clone(all), func(g deadletters.Letter) bool { return !s.matches(g) }),
		checkReasons(s.reasons, existing, "dead letter")
}

// redrive prints what would happen to the selected dead letters, puts them back on their
// queues, and prints what has happened.
func redrive(cmd *cobra.Command, selected selection, dryRun bool) error {
	ctx, stdout := cmd.Context(), cmd.OutOrStdout()
	letters, err := selected.open(ctx)
	if err != nil {
		return err
	}
	now, err := letters.Backlog(ctx)
	if err != nil {
		return err
	}
	all, err := letters.List(ctx)
	if err != nil {
		return err
	}
	if selected.Prefix != "" {
		defer warnUnread(cmd.ErrOrStderr(), len(all), now.Dead)
	}
	chosen, err := selected.choose(all)
	if err != nil {
		return err
	}
	if len(chosen) == 0 {
		fmt.Fprintln(stdout, "There are no dead letters.")
		return nil
	}
	made, err := selected.forecast(ctx, chosen)
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, made.Says())
	if dryRun {
		return nil
	}
	began, known := time.Now(), map[string]bool{}
	for _, g := range chosen {
		known[g.Tracking.Name+" "+g.ID] = true
	}
	bar := newProgress(cmd.ErrOrStderr(), "dead letters read", len(all))
	moved, err := letters.Redrive(ctx, func(g deadletters.Letter) bool { return known[g.Tracking.Name+" "+g.ID] }, bar.at)
	bar.done()
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "Put back on their queues: %d.\n", moved)
	if selected.Prefix != "" {
		fmt.Fprintf(stdout, "Their attempts are in the log within a minute: hub executions%s shows how they end.\n", selected.Location.Flag())
		return nil
	}
	return selected.printEnded(cmd, chosen, began)
}

// forecast returns what a redrive would do. On this machine the running hub has the events.
func (s selection) forecast(ctx context.Context, chosen []deadletters.Letter) (forecast.Forecast, error) {
	if s.Prefix == "" {
		client, err := local.NewClient(s.addr, s.Dir)
		if err != nil {
			return forecast.Forecast{}, err
		}
		return client.ForecastLetters(ctx, chosen)
	}
	deployed, err := store.OpenDeployed(ctx, s.Prefix)
	if err != nil {
		return forecast.Forecast{}, err
	}
	return forecast.Of(ctx, deployed, chosen)
}

// How long redrive waits for the end of the events on this machine.
const (
	endWithin = 10 * time.Second
	endEvery  = 200 * time.Millisecond
)

// printEnded waits until the events have ended, and prints how.
func (s selection) printEnded(cmd *cobra.Command, chosen []deadletters.Letter, began time.Time) error {
	client, err := local.NewClient(s.addr, s.Dir)
	if err != nil {
		return err
	}
	replayed := executions.Replayed{At: began}
	for _, g := range chosen {
		replayed.Events = append(replayed.Events, executions.Replay{Tracking: g.Tracking.Name, Received: g.Envelope.Received})
	}
	for until := began.Add(endWithin); ; time.Sleep(endEvery) {
		ended, err := replayed.Ended(cmd.Context(), client)
		if err != nil {
			return err
		}
		if ended.Waiting == 0 || time.Now().After(until) {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), ended.Says())
			return err
		}
	}
}

// warnUnread warns that fewer dead letters could be read than SQS expects.
func warnUnread(w io.Writer, read, expected int) {
	if read < expected {
		fmt.Fprintf(w, "SQS expects %d dead letters; %d could be read. The number of SQS may be a minute old.\n"+
			"If another program has received the others, or a command that was stopped, they are back\n"+
			"within an hour: run the command again then.\n", expected, read)
	}
}
