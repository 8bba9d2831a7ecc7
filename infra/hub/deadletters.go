package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/site"
	"commerce-segment/infra/hub/words"
)

// selection says which dead letters are meant.
type selection struct {
	site.Where
	reasons, trackings []string
}

func newDeadLetters() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "deadletters list|redrive",
		Short: "Look at what could not be delivered, and send it again",
		Long: `deadletters is about the events of a deployed store that could not be delivered. They
are kept for 14 days from when they were buried; those for which every attempt was
used up, from when they came. On this machine they are in the memory of a running
hub, and in its log.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return withUsage(cmd, fmt.Errorf("say list or redrive")) },
	}
	addCommand(cmd, newDeadLettersList())
	addCommand(cmd, newDeadLettersRedrive())
	return cmd
}

func addSelection(cmd *cobra.Command, s *selection) {
	addPrefix(cmd, &s.Where, site.DefaultPrefix)
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
reason. It never shows the event. While it reads, and for ten minutes where it is
killed, nobody else can receive them.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			yard, err := selected.open(cmd.Context())
			if err != nil {
				return err
			}
			now, err := yard.Backlog(cmd.Context())
			if err != nil {
				return err
			}
			all, err := yard.List(cmd.Context())
			if err != nil {
				return err
			}
			defer sayWhatIsHidden(cmd.ErrOrStderr(), len(all), now.Dead)
			graves := slices.DeleteFunc(slices.Clone(all), func(g site.Grave) bool { return !selected.matches(g) })
			if asJSON {
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				return encoder.Encode(written(graves))
			}
			return printGraves(cmd.OutOrStdout(), graves, time.Now())
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
		Long: `redrive puts dead letters back on their queue, for the functions to deliver. Mend
first what sent them there: what cannot be delivered again comes back. Their
messageIds are as before, so Segment drops what it has had within a day. While it
runs, and for an hour where it is killed, nobody else can receive the others.

Those with the reason forged came when no secret could be compared, with one that does
not count now. If that is an old secret, which was rotated away before they were
delivered, put it below the new one in the parameter commerce/webhook-secret
(Parameter Store's history has it), wait 75 seconds, redrive, and when they are
delivered drop it with hub rotate --finish. A stranger's stay dead letters.`,
		Example: `  hub deadletters redrive --reason message_invalid --tracking order-completed`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return redrive(cmd, selected)
		},
	}
	addSelection(cmd, &selected)
	return cmd
}

// open finds the queues of the dead letters that are meant.
func (s selection) open(ctx context.Context) (site.Graveyard, error) {
	trackings, err := named(s.trackings)
	if err != nil {
		return nil, err
	}
	deployed, err := site.OpenDeployed(ctx, s.Prefix)
	if err != nil {
		return nil, err
	}
	return deployed.Deployment.Graveyard(trackings)
}

func (s selection) matches(g site.Grave) bool {
	return len(s.reasons) == 0 || slices.Contains(s.reasons, g.Burial.Reason)
}

// grave is a dead letter as it is shown: what is written on it, not what is in it.
type grave struct {
	Tracking string    `json:"tracking"`
	Reason   string    `json:"reason"`
	Detail   string    `json:"detail,omitempty"`
	Resource string    `json:"resource,omitempty"`
	Receives int       `json:"receives"`
	Buried   time.Time `json:"buried"`
}

// written are dead letters as they are shown.
func written(graves []site.Grave) []grave {
	list := []grave{} // in JSON an empty list, not null
	for _, g := range graves {
		b := g.Burial
		list = append(list, grave{g.Tracking.Name, b.Reason, b.Detail, b.Resource, b.Receives, g.Buried})
	}
	return list
}

// printGraves prints a line for each, and how many there are of each kind.
func printGraves(w io.Writer, graves []site.Grave, now time.Time) error {
	if len(graves) == 0 {
		_, err := fmt.Fprintln(w, "There are no dead letters.")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TRACKING\tREASON\tRESOURCE\tAGE\tDETAIL")
	for _, g := range written(graves) {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", g.Tracking, g.Reason, g.Resource, words.Age(now.Sub(g.Buried)), strings.Join(site.Lines(g.Detail), " "))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(table, "\nCOUNT\tTRACKING\tREASON")
	for _, kind := range site.Kinds(graves) {
		fmt.Fprintf(table, "%d\t%s\t%s\n", kind.Count, kind.Tracking, kind.Reason)
	}
	return table.Flush()
}

// redrive puts the selected dead letters back. How many there are is what SQS reckons,
// since to count them is to receive them all.
func redrive(cmd *cobra.Command, selected selection) error {
	yard, err := selected.open(cmd.Context())
	if err != nil {
		return err
	}
	now, err := yard.Backlog(cmd.Context())
	if err != nil {
		return err
	}
	bar := newProgress(cmd.ErrOrStderr(), "dead letters looked at", now.Dead)
	looked := 0
	moved, err := yard.Redrive(cmd.Context(), selected.matches, func(n int) {
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
	sayWhatIsHidden(cmd.ErrOrStderr(), looked, now.Dead)
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
