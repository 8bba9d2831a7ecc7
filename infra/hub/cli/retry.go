package cli

import (
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
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/chars"
	"commerce-segment/shared/tracking"
)

// retryOptions are the flags of hub retry.
type retryOptions struct {
	addr, dir          string
	reasons, trackings []string
	list               bool
}

func newRetry() *cobra.Command {
	var options retryOptions
	cmd := &cobra.Command{
		Use:   "retry [--reason REASON] [--tracking NAME] [--list] [ID …]",
		Short: "Attempt retrying events now, instead of at their next attempt",
		Long: `retry makes the hub that runs on this machine attempt its retrying events now: all of
them, those with a reason, of a tracking, or about the orders and customers with these ids. A
few are attempted at once, and the others within the next seconds. --list shows the events
and their next attempts, and attempts none.

Usually this is not necessary: when a delivery succeeds again, or a setting is changed, the
hub attempts the events early by itself. Such an early attempt is not counted among the attempts
of an event. One by retry is counted.`,
		Example: `  hub retry --list
  hub retry --reason segment_500
  hub retry ae105c90-74fb-514c-a4ae-303c673d1cd9`,
		RunE: func(cmd *cobra.Command, ids []string) error { return options.run(cmd, ids) },
	}
	addAddr(cmd, &options.addr, "the `HOST:PORT` of the running hub, or ADDR in the environment")
	addDir(cmd, &options.dir)
	cmd.Flags().StringSliceVar(&options.reasons, "reason", nil, "only events with these `reasons`")
	cmd.Flags().StringSliceVar(&options.trackings, "tracking", nil, "only events of these `trackings`")
	cmd.Flags().BoolVar(&options.list, "list", false, "list the events, and attempt none")
	return cmd
}

// retryingOf are the retrying events of one tracking.
type retryingOf struct {
	tracking tracking.Tracking
	events   []queue.Waiting
}

func (o retryOptions) run(cmd *cobra.Command, ids []string) error {
	trackings, err := parseTrackings(o.trackings)
	if err != nil {
		return err
	}
	client, err := local.NewClient(o.addr, o.dir)
	if err != nil {
		return err
	}
	var all []retryingOf
	var reasons, resources []string
	for _, t := range trackings {
		events, err := client.Retrying(cmd.Context(), t)
		if err != nil {
			return err
		}
		for _, e := range events {
			reasons, resources = append(reasons, e.Reason), append(resources, e.Resource)
		}
		all = append(all, retryingOf{t, events})
	}
	if err := errors.Join(checkReasons(o.reasons, reasons, "retrying event"), checkResources(ids, resources)); err != nil {
		return err
	}
	total := 0
	for i := range all {
		all[i].events = slices.DeleteFunc(all[i].events, func(e queue.Waiting) bool {
			return len(o.reasons) > 0 && !slices.Contains(o.reasons, e.Reason) || len(ids) > 0 && !slices.Contains(ids, e.Resource)
		})
		total += len(all[i].events)
	}
	if total == 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "No event is retried.")
		return nil
	}
	if o.list {
		return printRetrying(cmd.OutOrStdout(), all, time.Now())
	}
	retried := 0
	for _, of := range all {
		if len(of.events) == 0 {
			continue
		}
		n, err := client.RetryNow(cmd.Context(), of.tracking, of.events)
		retried += n
		if err != nil {
			return err
		}
	}
	fmt.Fprintf(cmd.OutOrStdout(), "Attempted now: %s. hub executions --outcome retrying shows those that fail again.\n", words.Count(retried, "event"))
	return nil
}

// printRetrying prints a line for each event, with its next attempt.
func printRetrying(w io.Writer, all []retryingOf, now time.Time) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TRACKING\tREASON\tORDER OR CUSTOMER\tATTEMPTS\tNEXT ATTEMPT")
	for _, of := range all {
		for _, e := range of.events {
			fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\n", of.tracking.Name, chars.Line(e.Reason), chars.Line(e.Resource), e.Attempts, "in "+words.Age(max(e.Next.Sub(now), 0)))
		}
	}
	return table.Flush()
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
func checkResources(ids, existing []string) error {
	for _, id := range ids {
		if !slices.Contains(existing, id) {
			return fmt.Errorf("no event about %s is retried: hub trace %s shows what happened to it", id, id)
		}
	}
	return nil
}
