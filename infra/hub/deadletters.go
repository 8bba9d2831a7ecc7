package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
)

// selection says which dead letters are meant.
type selection struct {
	where
	reasons, trackings []string
}

func newDeadLetters() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "deadletters list|redrive",
		Short: "Look at what could not be delivered, and send it again",
		Long: `deadletters is about the events of a deployed store that could not be delivered. They
are kept for 14 days from when they were accepted. On this machine they are in the
memory of a running hub, and in its log.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return withUsage(cmd, fmt.Errorf("say list or redrive")) },
	}
	addCommand(cmd, newDeadLettersList())
	addCommand(cmd, newDeadLettersRedrive())
	return cmd
}

func addSelection(cmd *cobra.Command, s *selection) {
	addPrefix(cmd, &s.where, defaultPrefix)
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
reason. It never shows the event. While it reads, nobody else can receive them.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := selected.open(cmd.Context())
			if err != nil {
				return err
			}
			graves, err := d.list(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				return encoder.Encode(graves)
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
messageIds are as before, so Segment drops what it has had within a day.`,
		Example: `  hub deadletters redrive --reason message_invalid --tracking order-completed`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := selected.open(cmd.Context())
			if err != nil {
				return err
			}
			return d.redrive(cmd)
		},
	}
	addSelection(cmd, &selected)
	return cmd
}

// graveyard is the selected dead letters of a store.
type graveyard struct {
	queues  []trackingQueue
	reasons []string
}

type trackingQueue struct {
	tracking tracking.Tracking
	queue    spool.DeadLetterQueue
}

// open finds the queues of the dead letters that are meant.
func (s selection) open(ctx context.Context) (graveyard, error) {
	trackings, err := named(s.trackings)
	if err != nil {
		return graveyard{}, err
	}
	site, err := openDeployed(ctx, s.prefix)
	if err != nil {
		return graveyard{}, err
	}
	yard := graveyard{reasons: s.reasons}
	for _, t := range trackings {
		queue, err := site.Deployment.deadLetters(t)
		if err != nil {
			return graveyard{}, err
		}
		yard.queues = append(yard.queues, trackingQueue{t, queue})
	}
	return yard, nil
}

func (y graveyard) matches(letter spool.DeadLetter) bool {
	return len(y.reasons) == 0 || slices.Contains(y.reasons, letter.Burial.Reason)
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

// list reads all queues at once, each of which takes a second or more. The oldest
// come first.
func (y graveyard) list(ctx context.Context) ([]grave, error) {
	found := make([][]grave, len(y.queues))
	reading, ctx := errgroup.WithContext(ctx)
	for i, q := range y.queues {
		reading.Go(func() error {
			letters, err := q.queue.List(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", q.tracking.Name, err)
			}
			for _, letter := range letters {
				if y.matches(letter) {
					b := letter.Burial
					found[i] = append(found[i], grave{q.tracking.Name, b.Reason, b.Detail, b.Resource, b.Receives, letter.Buried})
				}
			}
			return nil
		})
	}
	if err := reading.Wait(); err != nil {
		return nil, err
	}
	graves := slices.Concat(found...)
	slices.SortStableFunc(graves, func(a, b grave) int { return a.Buried.Compare(b.Buried) })
	return append([]grave{}, graves...), nil // an empty list in JSON, not null
}

// printGraves prints a line for each, and how many there are of each kind.
func printGraves(w io.Writer, graves []grave, now time.Time) error {
	if len(graves) == 0 {
		_, err := fmt.Fprintln(w, "There are no dead letters.")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TRACKING\tREASON\tRESOURCE\tAGE\tDETAIL")
	for _, g := range graves {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", g.Tracking, g.Reason, g.Resource, age(now.Sub(g.Buried)), strings.Join(lines(g.Detail), " "))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(table, "\nCOUNT\tTRACKING\tREASON")
	for _, kind := range kinds(graves) {
		fmt.Fprintf(table, "%d\t%s\t%s\n", kind.count, kind.tracking, kind.reason)
	}
	return table.Flush()
}

// kind is a tracking and a reason that dead letters have in common.
type kind struct {
	tracking, reason string
	count            int
}

// kinds counts, the most first.
func kinds(graves []grave) []kind {
	counts := map[kind]int{}
	for _, g := range graves {
		counts[kind{tracking: g.Tracking, reason: g.Reason}]++
	}
	var all []kind
	for k, count := range counts {
		k.count = count
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b kind) int {
		return cmp.Or(b.count-a.count, cmp.Compare(a.tracking, b.tracking), cmp.Compare(a.reason, b.reason))
	})
	return all
}

// age is a duration in its largest unit.
func age(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d >= time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d >= time.Minute:
		return fmt.Sprintf("%d min", d/time.Minute)
	default:
		return fmt.Sprintf("%d s", max(d, 0)/time.Second)
	}
}

// redrive puts the selected dead letters back.
func (y graveyard) redrive(cmd *cobra.Command) error {
	graves, err := y.list(cmd.Context())
	if err != nil {
		return err
	}
	bar := newProgress(cmd.ErrOrStderr(), "dead letters put back", len(graves))
	total := 0
	for _, q := range y.queues {
		if !slices.ContainsFunc(graves, func(g grave) bool { return g.Tracking == q.tracking.Name }) {
			continue
		}
		moved, err := q.queue.Redrive(cmd.Context(), y.matches, func(moved int) { bar.at(total + moved) })
		total += moved
		if err != nil {
			bar.done()
			return fmt.Errorf("%s: %w (%d of %d were put back, the rest is where it was)", q.tracking.Name, err, total, len(graves))
		}
	}
	bar.done()
	fmt.Fprintf(cmd.OutOrStdout(), "%d put back.\n", total)
	return nil
}
