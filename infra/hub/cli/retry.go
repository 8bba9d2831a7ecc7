package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/local"
	"commerce-segment/infra/hub/queue"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/chars"
	"commerce-segment/shared/tracking"
)

// retryOptions are the flags of hub retry.
type retryOptions struct {
	addr               string
	location           store.Location
	reasons, trackings []string
	list               bool
	limit              int
}

func newRetry() *cobra.Command {
	var options retryOptions
	cmd := &cobra.Command{
		Use:   "retry [--reason REASON] [--tracking NAME] [--list] [--prefix PREFIX] [ID …]",
		Short: "Attempt retrying events now, instead of at their next attempt",
		Long: `retry makes the hub that runs on this machine attempt its retrying events now: all of
them, those with a reason, of a tracking, or about the orders and customers with these ids. A
few are attempted at once, and the others within the next seconds. --list shows the events
with the earliest next attempts, and attempts none. The events of a tracking that is paused are
sent only after hub resume.

Usually this is not necessary: when a delivery succeeds again, or a setting is changed, the
hub attempts the events early by itself. Such an early attempt is not counted among the attempts
of an event. One by retry is counted.

With --prefix it makes the functions of a deployed store attempt their retrying events now; they
do that by themselves three times a minute. SQS cannot select events, so only --tracking selects
some.`,
		Example: `  hub retry --list
  hub retry --reason segment_500
  hub retry ae105c90-74fb-514c-a4ae-303c673d1cd9
  hub retry --tracking order-completed --prefix /commerce-segment`,
		RunE: func(cmd *cobra.Command, ids []string) error { return options.run(cmd, ids) },
	}
	addStore(cmd, &options.addr, &options.location)
	cmd.Flags().StringSliceVar(&options.reasons, "reason", nil, "only events with these `reasons`")
	cmd.Flags().StringSliceVar(&options.trackings, "tracking", nil, "only events of these `trackings`")
	cmd.Flags().BoolVar(&options.list, "list", false, "list the events, and attempt none")
	cmd.Flags().IntVar(&options.limit, "limit", 50, "the largest number of events to list")
	for _, flag := range []string{"reason", "list", "limit"} {
		cmd.MarkFlagsMutuallyExclusive(flag, "prefix")
	}
	return cmd
}

// retryingOf are the selected events of one tracking.
type retryingOf struct {
	tracking tracking.Tracking
	queue.Retrying
}

func (o retryOptions) run(cmd *cobra.Command, ids []string) error {
	if o.limit < 1 {
		return fmt.Errorf("--limit %d: write a number above zero", o.limit)
	}
	s, err := store.Open(cmd.Context(), o.location)
	if err != nil {
		return err
	}
	trackings, err := parseTrackings(s, o.trackings)
	if err != nil {
		return err
	}
	if s.Deployment != nil {
		return runDeployed(cmd, s, trackings, ids)
	}
	client, err := local.NewClient(o.addr, o.location.Dir)
	if err != nil {
		return err
	}
	selection := queue.Selection{Reasons: o.reasons, Resources: ids}
	all, err := o.read(cmd.Context(), client, trackings, selection)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "No event is retried.")
		return nil
	}
	paused, err := o.notePaused(cmd, all)
	if err != nil {
		return err
	}
	if o.list {
		return o.print(cmd.OutOrStdout(), all, time.Now())
	}
	now, later := 0, 0
	for _, of := range all {
		retried, err := client.RetryNow(cmd.Context(), of.tracking, selection)
		if err != nil {
			return err
		}
		if slices.Contains(paused, of.tracking.Name) {
			later += retried
		} else {
			now += retried
		}
	}
	if later > 0 {
		fmt.Fprintf(cmd.OutOrStdout(), "Attempted when the tracking is resumed: %s.\n", words.Count(later, "event"))
	}
	if now > 0 || later == 0 {
		fmt.Fprintf(cmd.OutOrStdout(), "Attempted now: %s. hub executions --outcome retrying shows those that fail again.\n", words.Count(now, "event"))
	}
	return nil
}

// runDeployed makes the functions of a deployed store attempt their events.
func runDeployed(cmd *cobra.Command, s store.Store, trackings []tracking.Tracking, ids []string) error {
	if len(ids) > 0 {
		return errors.New("with --prefix, retry cannot select events by their ids: leave out the ids, and it attempts all events, or those of --tracking")
	}
	paused, err := notePaused(cmd, s, trackings...)
	if err != nil {
		return err
	}
	trackings = slices.DeleteFunc(trackings, func(t tracking.Tracking) bool { return slices.Contains(paused, t.Name) })
	events, err := s.Deployment.RetryNow(cmd.Context(), trackings)
	switch {
	case err != nil:
		return err
	case events == 0:
		fmt.Fprintln(cmd.OutOrStdout(), "No event is retried.")
	default:
		fmt.Fprintf(cmd.OutOrStdout(), "Attempted now: about %s. An event that was attempted just before follows at its next attempt. hub executions --outcome retrying%s shows those that fail again.\n",
			words.Count(events, "event"), s.Flag())
	}
	return nil
}

// read reads the selected events of the trackings that have some. It returns an error for a
// reason or an id that selects none.
func (o retryOptions) read(ctx context.Context, client local.Client, trackings []tracking.Tracking, selection queue.Selection) (all []retryingOf, err error) {
	limit := 0
	if o.list {
		limit = o.limit
	}
	var reasons, resources []string
	for _, t := range trackings {
		found, err := client.Retrying(ctx, t, selection, limit)
		if err != nil {
			return nil, err
		}
		reasons, resources = append(reasons, found.Reasons...), append(resources, found.Resources...)
		if found.Count > 0 {
			all = append(all, retryingOf{t, found})
		}
	}
	return all, errors.Join(checkReasons(o.reasons, reasons, "retrying event"), checkResources(selection, resources))
}

// notePaused says which of the trackings are paused, and returns their names.
func (o retryOptions) notePaused(cmd *cobra.Command, all []retryingOf) ([]string, error) {
	s, err := store.Open(cmd.Context(), o.location)
	if err != nil {
		return nil, err
	}
	var selected []tracking.Tracking
	for _, of := range all {
		selected = append(selected, of.tracking)
	}
	return notePaused(cmd, s, selected...)
}

// print prints a line for each of the first events, with its next attempt.
func (o retryOptions) print(w io.Writer, all []retryingOf, now time.Time) error {
	type row struct {
		tracking string
		queue.Waiting
	}
	var rows []row
	count := 0
	for _, of := range all {
		count += of.Count
		for _, e := range of.Events {
			rows = append(rows, row{of.tracking.Name, e})
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int { return a.Next.Compare(b.Next) })
	rows = rows[:min(len(rows), o.limit)]
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TRACKING\tREASON\tORDER OR CUSTOMER\tATTEMPTS\tNEXT ATTEMPT")
	for _, e := range rows {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\n", e.tracking, chars.Line(e.Reason), chars.Line(e.Resource), e.Attempts, "in "+words.Age(max(e.Next.Sub(now), 0)))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if more := count - len(rows); more > 0 {
		fmt.Fprintf(w, "and %d later ones: list more with --limit\n", more)
	}
	return nil
}

// checkReasons returns an error for a reason that none of the events has, unless there are no
// events. It lists the reasons that exist.
func checkReasons(asked, existing []string, noun string) error {
	existing = slices.Clone(existing)
	slices.Sort(existing)
	existing = slices.Compact(existing)
	for _, reason := range asked {
		if len(existing) == 0 || slices.Contains(existing, reason) {
			continue
		}
		return fmt.Errorf("--reason %s: no %s has this reason. The reasons are: %s", reason, noun, strings.Join(existing, ", "))
	}
	return nil
}

// checkResources returns an error for an id about which no event is retried.
func checkResources(selection queue.Selection, existing []string) error {
	because := ""
	if len(selection.Reasons) > 0 {
		because = " because of " + strings.Join(selection.Reasons, " or ")
	}
	for _, id := range selection.Resources {
		if !slices.Contains(existing, id) {
			return fmt.Errorf("no event about %s is retried%s: hub trace %s shows what happened to it", id, because, id)
		}
	}
	return nil
}
