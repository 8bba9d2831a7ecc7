package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/deletions"
	"commerce-segment/infra/hub/words"
)

func newDeletions() *cobra.Command {
	var options logFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "deletions [--since 35d] [--json] [--dir DIRECTORY | --prefix PREFIX]",
		Short: "Follow the requests to delete users that Segment accepted",
		Long: `deletions lists the requests to delete users that customer-deleted made, and what Segment says
about them: not begun yet, in progress, finished or failed, and in which destinations. Segment
promises to delete a user within 30 days. It forgets a request after 90 days.

The requests are in the log of the store. Segment's Public API has their state, so the store
needs a token of that API. If Segment cannot be asked, deletions lists the requests without it.

Exit codes: 0 nothing needs attention; 1 a request, a deletion that Segment has not accepted, or a
dead letter needs attention, or the command failed.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return showDeletions(cmd, options, asJSON) },
	}
	addLogFlags(cmd, &options, "35d")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func showDeletions(cmd *cobra.Command, options logFlags, asJSON bool) error {
	v, err := options.open(cmd.Context(), cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer v.close()
	report, err := deletions.Read(cmd.Context(), v.log, v.now.Add(-v.since))
	if err != nil {
		return err
	}
	segment, unread := v.store.PublicAPI(cmd.Context())
	if unread == nil {
		unread = report.Ask(cmd.Context(), segment)
	}
	if asJSON {
		err = printJSON(cmd.OutOrStdout(), report)
	} else {
		err = printDeletions(cmd.OutOrStdout(), report, v)
	}
	if err != nil {
		return err
	}
	if unread != nil {
		return unread
	}
	if report.NeedsAttention(v.now) {
		return errors.New("some deletions need attention: see the list above")
	}
	return nil
}

func printDeletions(w io.Writer, report deletions.Report, v view) error {
	if len(report.Requests) > 0 {
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "REQUESTED\tREGULATION\tUSERS\tSTATE")
		for _, r := range report.Requests {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", words.Clock(r.Requested), r.Regulation, usersOf(r), r.State(v.now))
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	printCut(w, report.Begins)
	_, err := fmt.Fprintln(w, strings.Join(append([]string{report.Says(v.now)}, report.Fixes(v.store.Named(), v.now)...), "\n"))
	return err
}

// usersOf returns the user of a request, or how many there are.
func usersOf(r deletions.Request) string {
	switch len(r.Users) {
	case 0:
		return "not in the log"
	case 1:
		return r.Users[0]
	}
	return words.Count(len(r.Users), "user")
}
