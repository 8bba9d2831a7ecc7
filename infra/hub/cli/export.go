package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/archive"
	"commerce-segment/infra/hub/local"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
)

// exportOptions are the flags of hub export.
type exportOptions struct {
	store.Location
	addr                    string
	secrets, noEvents, take bool
}

func newExport() *cobra.Command {
	var options exportOptions
	cmd := &cobra.Command{
		Use:   "export FILE [--secrets] [--no-events | --take] [--dir DIRECTORY | --prefix PREFIX]",
		Short: "Write a store into a file, for a backup or a move",
		Long: `export writes a store into one new file: its settings, its templates with their versions,
the waiting events and the dead letters. hub import reads it. export removes nothing. If a
hub runs with the directory, it continues to accept and deliver; the file then has every
event that was accepted before the export and not delivered before its end.

The events contain personal data. The file has no secrets, except with --secrets. Only you can
read it (mode 600).

With --prefix, the waiting events are not included: SQS only hands them out to be delivered.
Reading the dead letters makes them invisible to other readers meanwhile.

--take is for a move. It needs a stopped hub, and then sets the queue of the directory aside,
so that no hub delivers these events from there too: the folder queue.exported-TIME can be
deleted when the import is done.`,
		Example: `  hub export backup.jsonl.gz
  hub export backup.jsonl.gz --secrets --prefix /commerce-segment
  hub export events.jsonl.gz --take`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return export(cmd, args[0], options) },
	}
	addStore(cmd, &options.addr, &options.Location)
	cmd.Flags().BoolVar(&options.secrets, "secrets", false, "include the write key, the webhook secret and the client secret")
	cmd.Flags().BoolVar(&options.noEvents, "no-events", false, "export only settings and templates")
	cmd.Flags().BoolVar(&options.take, "take", false, "set the queue of the directory aside after the export; the hub must be stopped")
	cmd.MarkFlagsMutuallyExclusive("no-events", "take")
	cmd.MarkFlagsMutuallyExclusive("prefix", "take")
	return cmd
}

func export(cmd *cobra.Command, file string, options exportOptions) (err error) {
	s, err := store.Open(cmd.Context(), options.Location)
	if err != nil {
		return err
	}
	var events archive.Events
	var here *local.Events
	switch {
	case options.noEvents:
	case s.Deployment != nil:
		events = archive.FromDeployment(s.Deployment)
	default:
		if here, err = local.OpenEvents(options.addr, options.Dir, local.NewLog("text", cmd.ErrOrStderr())); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, here.Close()) }()
		if here.Running && options.take {
			return fmt.Errorf("a hub runs with the directory %s, and would deliver the events too: stop it first. Nothing was exported", options.Dir)
		}
		events = here.Events
	}
	counts, err := archive.ExportFile(cmd.Context(), file, s, events, options.secrets)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "wrote %s: %s, %s of templates, %s, %s\n", file, words.Count(counts.Settings, "setting")+" that differ from the defaults",
		words.Count(counts.Versions, "older version"), words.Count(counts.Waiting, "waiting event"), words.Count(counts.Dead, "dead letter"))
	if counts.Waiting+counts.Dead > 0 {
		fmt.Fprintln(out, "It contains personal data: the events.")
	}
	if options.secrets {
		fmt.Fprintln(out, "It contains secrets: who has the file can send webhooks to the store and events to Segment, and read orders.")
	}
	if s.Deployment != nil && events != nil {
		backlog, err := s.Deployment.Backlog(cmd.Context())
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "Not in it: about %s on the queues. The functions deliver them.\n", words.Count(backlog.Waiting, "event"))
	}
	if options.take {
		return setQueueAside(cmd, here)
	}
	return nil
}

// setQueueAside sets the queue of a directory aside, after its events were exported.
func setQueueAside(cmd *cobra.Command, here *local.Events) error {
	aside, err := here.SetAside()
	if err != nil {
		return fmt.Errorf("the file is complete, but the queue cannot be set aside: rename it before a hub runs there again: %w", err)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "The queue is now %s. Delete it when the import is done.\n", aside)
	return nil
}
