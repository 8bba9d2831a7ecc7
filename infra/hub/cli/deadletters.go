package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/deadletters"
	"commerce-segment/infra/hub/local"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/chars"
)

// selection says which dead letters are meant.
type selection struct {
	store.Location
	addr               string
	reasons, trackings []string
}

func newDeadLetters() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "deadletters list|redrive",
		Short: "Look at what could not be delivered, and send it again",
		Long: `deadletters is about the events that could not be delivered. Without --prefix it asks
the hub that runs on this machine, which has them in its memory until it is stopped.
With --prefix it reads the queues of a deployed store, where they are kept for 14 days
from when they were failed; those for which every attempt was used up, from when they
came. The console's page Dead letters has the same, and shows what is in them.`,
	}
	addCommand(cmd, newDeadLettersList())
	addCommand(cmd, newDeadLettersRedrive())
	return cmd
}

func addSelection(cmd *cobra.Command, s *selection) {
	addStore(cmd, &s.addr, &s.Location)
	cmd.Flags().StringSliceVar(&s.reasons, "reason", nil, "only those with these `reasons`")
	cmd.Flags().StringSliceVar(&s.trackings, "tracking", nil, "only those of these `trackings`")
}

func newDeadLettersList() *cobra.Command {
	var selected selection
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list [--reason REASON] [--tracking NAME] [--json] [--prefix PREFIX]",
		Short: "List dead letters, without what is in them",
		Long: `list shows why each event could not be delivered, and how many there are for each
reason, and says what to do about it. Of the event it shows no more than what Segment
quoted of it. While it reads a deployed store's, and for ten minutes where it is
killed, nobody else can receive them.`,
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
				defer sayWhatIsHidden(cmd.ErrOrStderr(), len(all), now.Dead)
			}
			chosen := slices.DeleteFunc(slices.Clone(all), func(g deadletters.Letter) bool { return !selected.matches(g) })
			if asJSON {
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				return encoder.Encode(written(chosen))
			}
			if err := printDeadLetters(cmd.OutOrStdout(), chosen, time.Now()); err != nil || len(chosen) == 0 {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "\nTo replay them: hub deadletters redrive --reason REASON%s\n", selected.flag())
			return err
		},
	}
	addSelection(cmd, &selected)
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON, for programs")
	return cmd
}

func newDeadLettersRedrive() *cobra.Command {
	var selected selection
	cmd := &cobra.Command{
		Use:   "redrive [--reason REASON] [--tracking NAME] [--prefix PREFIX]",
		Short: "Put dead letters back on their queue, to be delivered again",
		Long: `redrive puts dead letters back on their queue, to be delivered. Mend first what sent
them there: what cannot be delivered again comes back. A change reaches the functions
of a deployed store within 75 seconds, so wait as long. The messageIds are as before, so
Segment drops what it has had within a day. While it runs on a deployed store, and for
an hour where it is killed, nobody else can receive the others.

Those with the reason forged came when no secret could be compared, with one that does
not count now. If that is an old secret, which was rotated away before they were
delivered, put it below the new one in the parameter commerce/webhook-secret
(Parameter Store's history has it), wait 75 seconds, redrive, and when they are
delivered drop it with hub rotate --finish. A stranger's stay dead letters.`,
		Example: `  hub deadletters redrive --reason message_invalid --tracking order-completed
  hub deadletters redrive --reason message_invalid --prefix /commerce-segment`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return redrive(cmd, selected)
		},
	}
	addSelection(cmd, &selected)
	return cmd
}

// open finds the queues of the dead letters that are meant.
func (s selection) open(ctx context.Context) (deadletters.Queues, error) {
	trackings, err := named(s.trackings)
	if err != nil {
		return nil, err
	}
	if s.Prefix == "" {
		return local.OpenDeadLetters(ctx, s.addr, s.Dir, trackings)
	}
	deployed, err := store.OpenDeployed(ctx, s.Prefix)
	if err != nil {
		return nil, err
	}
	return deployed.Deployment.DeadLetters(trackings)
}

// flag says on a command line which store and trackings are meant, with a space before.
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

// written are dead letters as they are shown.
func written(chosen []deadletters.Letter) []deadletters.Summary {
	list := []deadletters.Summary{} // in JSON an empty list, not null
	for _, g := range chosen {
		list = append(list, g.Summary())
	}
	return list
}

// printGraves prints a line for each, and how many there are of each kind.
func printDeadLetters(w io.Writer, chosen []deadletters.Letter, now time.Time) error {
	if len(chosen) == 0 {
		_, err := fmt.Fprintln(w, "There are no dead letters.")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TRACKING\tREASON\tRESOURCE\tAGE\tDETAIL")
	for _, g := range written(chosen) {
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

// explainReasons says of each reason once what it means, and what to do.
func explainReasons(w io.Writer, kinds []deadletters.Group) error {
	said := map[string]bool{}
	for _, kind := range kinds {
		if said[kind.Reason] {
			continue
		}
		said[kind.Reason] = true
		reason := deadletters.Explain(kind.Reason)
		if _, err := fmt.Fprintf(w, "\n%s: %s. %s\n  → %s\n", kind.Reason, reason.Title, reason.Says, reason.Do); err != nil {
			return err
		}
	}
	return nil
}

// redrive puts the selected dead letters back. How many there are is what SQS reckons,
// since to count them is to receive them all.
func redrive(cmd *cobra.Command, selected selection) error {
	letters, err := selected.open(cmd.Context())
	if err != nil {
		return err
	}
	now, err := letters.Backlog(cmd.Context())
	if err != nil {
		return err
	}
	bar := newProgress(cmd.ErrOrStderr(), "dead letters looked at", now.Dead)
	looked := 0
	moved, err := letters.Redrive(cmd.Context(), selected.matches, func(n int) {
		looked = n
		if now.Dead > 0 {
			bar.at(n)
		}
	})
	bar.done()
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%d put back.\n", moved)
	if moved == 0 && looked > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "None of the dead letters has that reason: hub deadletters list%s shows their reasons.\n", selected.flag())
	}
	if selected.Prefix != "" {
		sayWhatIsHidden(cmd.ErrOrStderr(), looked, now.Dead)
	}
	return nil
}

// sayWhatIsHidden says so where fewer dead letters came than there are.
func sayWhatIsHidden(w io.Writer, looked, expected int) {
	if looked < expected {
		fmt.Fprintf(w, "SQS reckons with %d dead letters, of which %d could be looked at. SQS may be a minute\n"+
			"behind. If somebody else has received the others, or a command that was cut off, they are\n"+
			"back within an hour: do it again then.\n", expected, looked)
	}
}
