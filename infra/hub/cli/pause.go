package cli

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/tracking"
)

func newPause() *cobra.Command {
	return pauseCommand(true, &cobra.Command{
		Use:   "pause NAME … | --all [--prefix PREFIX]",
		Short: "Accept and keep webhooks, and send nothing until hub resume",
		Long: `pause stops the delivery of trackings. Their webhooks are accepted and kept, and nothing
is sent to Segment until hub resume. A pause uses up no attempts of the events. The console
and hub doctor show it.

On this machine the events are kept without a limit of time. On AWS pause disables the event
source mapping of the function, and SQS deletes an event 14 days after it arrived.

A tracking that is disabled (hub configure, or the console's page Configurations) is
different: its webhooks are accepted and skipped, and are not sent later.`,
		Example: `  hub pause order-completed
  hub pause --all --prefix /commerce-segment`,
	})
}

func newResume() *cobra.Command {
	return pauseCommand(false, &cobra.Command{
		Use:   "resume NAME … | --all [--prefix PREFIX]",
		Short: "Send the events that were kept since hub pause",
		Long: `resume starts the delivery of trackings again that hub pause stopped. The events that were
kept are sent, the oldest first.`,
		Example: `  hub resume order-completed
  hub resume --all --prefix /commerce-segment`,
	})
}

// pauseCommand completes hub pause or hub resume.
func pauseCommand(paused bool, cmd *cobra.Command) *cobra.Command {
	var w store.Location
	var all bool
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		if all != (len(names) == 0) {
			return withUsage(cmd, fmt.Errorf("name the trackings, or give --all: they are %s", trackingNames()))
		}
		s, err := store.Open(cmd.Context(), w)
		if err != nil {
			return err
		}
		trackings, err := parseTrackings(s, names)
		if err != nil {
			return err
		}
		if err := s.SetPaused(cmd.Context(), trackings, paused); err != nil {
			return err
		}
		s.AwaitHub() // so that what is printed is true
		return printPauses(cmd, s)
	}
	addLocation(cmd, &w)
	cmd.Flags().BoolVar(&all, "all", false, "all trackings")
	return cmd
}

// trackingNames lists the names of all trackings.
func trackingNames() (names string) {
	for i, t := range tracking.All() {
		if i > 0 {
			names += ", "
		}
		names += t.Name
	}
	return names
}

// printPauses prints which trackings are paused.
func printPauses(cmd *cobra.Command, s store.Store) error {
	pauses, err := s.Pauses(cmd.Context())
	if err != nil {
		return err
	}
	if len(pauses) == 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "No tracking is paused.")
	}
	for _, pause := range pauses {
		fmt.Fprintln(cmd.OutOrStdout(), pause.Says())
	}
	return nil
}

// notePaused prints a note for each of the trackings that is paused, with the command that
// resumes it. It returns their names.
func notePaused(cmd *cobra.Command, s store.Store, trackings ...tracking.Tracking) (paused []string, err error) {
	pauses, err := s.Pauses(cmd.Context())
	for _, p := range pauses {
		if slices.ContainsFunc(trackings, func(t tracking.Tracking) bool { return t.Name == p.Tracking.Name }) {
			fmt.Fprintf(cmd.ErrOrStderr(), "Note: %s To send them: hub resume %s%s\n", p.Says(), p.Tracking.Name, s.Flag())
			paused = append(paused, p.Tracking.Name)
		}
	}
	return paused, err
}
