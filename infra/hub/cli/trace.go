package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/local"
	"commerce-segment/infra/hub/order"
)

func newTrace() *cobra.Command {
	var w logFlags
	cmd := &cobra.Command{
		Use:   "trace NUMBER | ID [--since 7d] [--dir DIRECTORY | --prefix PREFIX]",
		Short: "Show what happened to the events of one order or customer",
		Long: `trace describes what happened to the webhooks of an order or a customer, or to one
webhook, by its id, or by the first eight or more characters of it. An order is also found by its
number: its order_number in Commerce, or else its external_ref. For each webhook it prints
its outcome and every attempt: when Segment received the message, and with which messageId, or
why not and what to do. Without --prefix it asks the hub that runs on this machine, or reads the
directory of one that does not run; with --prefix it reads the functions' logs.

If the store is connected to Commerce, it asks what Commerce has of the order or customer now,
and compares what was paid with the revenue that Segment was sent, with the reasons of a
difference.

It also describes what hub backfill and hub reconcile have sent from this machine, or from the
console of this hub, at any time. They keep that in the folder backfill of the hub's directory.

The outcomes are those of hub executions.`,
		Example: `  hub trace 0b6f6e5c-7d1f-4a94-8a39-94fbc7e2d1f0
  hub trace 1042
  hub trace 0b6f6e5c-7d1f-4a94-8a39-94fbc7e2d1f0 --prefix /commerce-segment --since 30d`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			v, err := w.open(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			defer v.close()
			host, port, err := local.SplitAddr(w.addr)
			if err != nil {
				return err
			}
			search := executions.Search{Resource: args[0], Since: v.since, Now: v.now, Store: v.store.Named()}
			story, err := order.Trace(cmd.Context(), v.store, local.HubURL(host, port), v.log, search)
			if err != nil {
				return err
			}
			return printStory(cmd.OutOrStdout(), story)
		},
	}
	addLogFlags(cmd, &w, "7d")
	return cmd
}

// printStory prints a paragraph for each webhook or event without one, and its attempts.
func printStory(w io.Writer, story executions.Story) error {
	fmt.Fprintln(w, story.Says)
	for _, id := range story.Candidates {
		fmt.Fprintln(w, "  "+id)
	}
	for i, says := range story.Commerce {
		if i == 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w, says)
	}
	for _, c := range story.Chapters {
		fmt.Fprintf(w, "\n%s\n", c.Says)
		if c.Do != "" {
			fmt.Fprintln(w, c.Do)
		}
		for _, step := range c.Steps {
			fmt.Fprintf(w, "  %s  %s\n", step.Clock(), step.Says)
		}
	}
	for i, rest := range story.Rest {
		if i == 0 {
			fmt.Fprintln(w)
		}
		if _, err := fmt.Fprintln(w, rest); err != nil {
			return err
		}
	}
	return nil
}
