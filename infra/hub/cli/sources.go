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

	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/infra/hub/workspace"
	"commerce-segment/shared/chars"
	"commerce-segment/shared/settings"
)

// askSegmentWithin limits how long a command waits for Segment's Public API.
const askSegmentWithin = 30 * time.Second

func newSourceCommands() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sources",
		Short: "Show the sources of the Segment workspace, or create one",
		Long: `sources asks Segment's Public API about the sources of the workspace. It needs a token of the
API: set it with hub configure and SEGMENT_API_TOKEN in the environment. It shows no write key.`,
	}
	addCommand(cmd, newSourcesList())
	addCommand(cmd, newSourcesCreate())
	return cmd
}

func newSourcesList() *cobra.Command {
	var w store.Location
	cmd := &cobra.Command{
		Use:   "list [--dir DIRECTORY | --prefix PREFIX]",
		Short: "Show the sources, and which one this store uses",
		Long: `list shows the sources of the workspace, and marks the one whose write key this store uses. To see
the write keys, the token needs the role Source Admin.`,
		Example: `  hub sources list --prefix /commerce-segment`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return listSources(cmd, w) },
	}
	addLocation(cmd, &w)
	return cmd
}

func newSourcesCreate() *cobra.Command {
	var w store.Location
	var use bool
	cmd := &cobra.Command{
		Use:   "create NAME [--use] [--dir DIRECTORY | --prefix PREFIX]",
		Short: "Create a source, and send to it",
		Long: `create makes a source of the kind HTTP API in the workspace, with this name. At a terminal it
asks whether this store should send to the new source. If you answer yes, or pass --use, it saves
the write key, and also the host if it is missing or belongs to another region. It shows no key.

The token needs the role Source Admin for all sources. The source has no destinations: connect
them in Segment.`,
		Example: `  hub sources create "Elastic Path Commerce"
  hub sources create Shop --use --prefix /commerce-segment`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return createSource(cmd, w, args[0], use) },
	}
	addLocation(cmd, &w)
	cmd.Flags().BoolVar(&use, "use", false, "save the write key of the source, so that the store sends to it")
	return cmd
}

func listSources(cmd *cobra.Command, w store.Location) error {
	s, err := store.Open(cmd.Context(), w)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), askSegmentWithin)
	defer cancel()
	l, err := workspace.Of(ctx, s)
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "Sources of the workspace %s\n", workspace.Quote(l.Workspace.Name))
	if err := printSources(cmd.OutOrStdout(), l); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "\n%s.\n", words.Capital(l.Says()))
	if do := l.WhatToDo(s.Flag()); do != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s.\n", words.Capital(do))
	}
	return nil
}

// printSources prints the sources as a table.
func printSources(w io.Writer, l workspace.Lookup) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SOURCE\tKIND\tSTATE\tTHIS STORE\tID")
	for _, source := range l.Sources {
		uses := yesIf(l.Source != nil && l.Source.ID == source.ID)
		if uses != "" && l.Inbox {
			uses = "key set, not used"
		}
		if len(source.WriteKeys) == 0 {
			uses = "key not visible"
		}
		state := "enabled"
		if !source.Enabled {
			state = "disabled"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", chars.Line(source.Title()), chars.Line(source.Metadata.Name), state, uses, chars.Line(source.ID))
	}
	return table.Flush()
}

func createSource(cmd *cobra.Command, w store.Location, name string, use bool) error {
	s, err := store.Open(cmd.Context(), w)
	if err != nil {
		return err
	}
	current, err := s.Parameters(cmd.Context(), store.AllNames())
	if err != nil {
		return err
	}
	client, err := s.PublicAPIOf(current)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), askSegmentWithin)
	defer cancel()
	source, failed := workspace.Create(ctx, client, name)
	if source.ID == "" {
		return failed
	}
	fmt.Fprintf(cmd.OutOrStdout(), "Created the source %s.\n", workspace.Quote(source.Title()))
	if keyboard := openTerminal(cmd); keyboard != nil && !use {
		question := "Send the events of this store to it: yes or no [yes]: "
		if store.IsSourceKey(current[settings.SegmentWriteKey]) {
			question = "Send the events of this store to it, and no longer to the current source: yes or no [no]: "
		}
		answer, err := keyboard.ask(cmd.Context(), question, false)
		if err != nil {
			return errors.Join(failed, err)
		}
		use = slices.Contains([]string{"yes", "y"}, strings.ToLower(answer)) || answer == "" && strings.Contains(question, "[yes]")
	}
	if !use {
		fmt.Fprintf(cmd.OutOrStdout(), "The store does not use the source. To use it, copy its write key from its settings in Segment and set it with hub configure%s.\n", s.Flag())
		return failed
	}
	wanted, err := workspace.SettingsFor(source, current)
	if err != nil {
		return errors.Join(failed, err)
	}
	return errors.Join(failed, write(cmd, s, current, wanted))
}
