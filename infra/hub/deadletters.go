package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"commerce-segment/infra/hub/site"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
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
			d, err := selected.open(cmd.Context())
			if err != nil {
				return err
			}
			expected, err := d.count(cmd.Context())
			if err != nil {
				return err
			}
			graves, looked, err := d.list(cmd.Context())
			if err != nil {
				return err
			}
			defer sayWhatIsHidden(cmd.ErrOrStderr(), looked, expected)
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
	deployed, err := site.OpenDeployed(ctx, s.Prefix)
	if err != nil {
		return graveyard{}, err
	}
	yard, err := graveyardOf(deployed.Deployment, trackings)
	yard.reasons = s.reasons
	return yard, err
}

// graveyardOf is all dead letters of these trackings.
func graveyardOf(d *site.Deployment, trackings []tracking.Tracking) (graveyard, error) {
	var yard graveyard
	for _, t := range trackings {
		queue, err := d.DeadLetters(t)
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
// come first. It looked at more where only some reasons are meant.
func (y graveyard) list(ctx context.Context) (graves []grave, looked int, err error) {
	found, counts := make([][]grave, len(y.queues)), make([]int, len(y.queues))
	reading, ctx := errgroup.WithContext(ctx)
	for i, q := range y.queues {
		reading.Go(func() error {
			letters, err := q.queue.List(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", q.tracking.Name, err)
			}
			counts[i] = len(letters)
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
		return nil, 0, err
	}
	for _, n := range counts {
		looked += n
	}
	graves = slices.Concat(found...)
	slices.SortStableFunc(graves, func(a, b grave) int { return a.Buried.Compare(b.Buried) })
	return append([]grave{}, graves...), looked, nil // an empty list in JSON, not null
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
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", g.Tracking, g.Reason, g.Resource, words.Age(now.Sub(g.Buried)), strings.Join(site.Lines(g.Detail), " "))
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

// redrive puts the selected dead letters back, from all queues at once: each takes
// a second or more. How many there are is what SQS reckons, since to count them is
// to receive them all. One queue's error leaves the others to finish.
func (y graveyard) redrive(cmd *cobra.Command) error {
	expected, err := y.count(cmd.Context())
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var moved, looked int
	bar := newProgress(cmd.ErrOrStderr(), "dead letters looked at", expected)
	var redriving errgroup.Group
	failures := make([]error, len(y.queues))
	for i, q := range y.queues {
		redriving.Go(func() error {
			n, err := q.queue.Redrive(cmd.Context(), y.matches, func(int) {
				mu.Lock()
				defer mu.Unlock()
				looked++
				if expected > 0 {
					bar.at(looked)
				}
			})
			mu.Lock()
			defer mu.Unlock()
			moved += n
			if err != nil {
				failures[i] = fmt.Errorf("%s: %w", q.tracking.Name, err)
			}
			return nil
		})
	}
	_ = redriving.Wait()
	bar.done()
	if err := errors.Join(failures...); err != nil {
		return fmt.Errorf("%w (%d were put back, the rest is where it was)", err, moved)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%d put back.\n", moved)
	sayWhatIsHidden(cmd.ErrOrStderr(), looked, expected)
	return nil
}

// count is about how many dead letters there are, for whatever reason.
func (y graveyard) count(ctx context.Context) (int, error) {
	return y.total(ctx, spool.DeadLetterQueue.Count)
}

// total asks all queues at once for a number.
func (y graveyard) total(ctx context.Context, of func(spool.DeadLetterQueue, context.Context) (int, error)) (total int, err error) {
	counts := make([]int, len(y.queues))
	counting, ctx := errgroup.WithContext(ctx)
	for i, q := range y.queues {
		counting.Go(func() (err error) {
			if counts[i], err = of(q.queue, ctx); err != nil {
				return fmt.Errorf("%s: %w", q.tracking.Name, err)
			}
			return nil
		})
	}
	if err := counting.Wait(); err != nil {
		return 0, err
	}
	for _, n := range counts {
		total += n
	}
	return total, nil
}

// sayWhatIsHidden says so where fewer dead letters came than there are.
func sayWhatIsHidden(w io.Writer, looked, expected int) {
	if looked < expected {
		fmt.Fprintf(w, "SQS reckons with %d dead letters, of which %d could be looked at. SQS may be a minute\n"+
			"behind. If somebody else has received the others, or a command that was cut off, they are\n"+
			"back within an hour: do it again then.\n", expected, looked)
	}
}
