package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

func newVersions() *cobra.Command {
	var w store.Location
	cmd := &cobra.Command{
		Use:   "versions NAME",
		Short: "List the versions of a store's template",
		Long: `versions lists the versions of a template, the newest first. A deployed store keeps the
last hundred, with the user who wrote each. The hub's directory keeps the versions that push,
restore and the console have replaced.`,
		Example: `  hub templates versions order-completed --prefix /commerce-segment`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, s, err := templateIn(cmd.Context(), args[0], w)
			if err != nil {
				return err
			}
			now, err := s.Template(cmd.Context(), t)
			if err != nil {
				return err
			}
			versions, err := s.Versions(cmd.Context(), settings.Template(t))
			if err != nil {
				return err
			}
			return printVersions(cmd.OutOrStdout(), now, versions)
		},
	}
	addLocation(cmd, &w)
	return cmd
}

func newRestore() *cobra.Command {
	var w templateWriter
	cmd := &cobra.Command{
		Use:   "restore NAME VERSION|default",
		Short: "Restore an older version of a template",
		Long: `restore replaces the live version of a template by an older version, or by the default.
The replaced version stays in the list of versions. restore rejects a version that does not
compile, for example one of another release.

Before it writes, it prints what that does to the latest events, as hub templates push does.
If events would fail or would not be sent any more, it writes nothing unless --yes is given.`,
		Example: `  hub templates restore order-completed 3 --prefix /commerce-segment
  hub templates restore order-completed default`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, s, err := templateIn(cmd.Context(), args[0], w.Location)
			if err != nil {
				return err
			}
			return w.restore(cmd, s, t, args[1])
		},
	}
	addLocation(cmd, &w.Location)
	addWriterFlags(cmd, &w)
	return cmd
}

// templateIn returns the tracking with that name, and the store in which its template is.
func templateIn(ctx context.Context, name string, w store.Location) (tracking.Tracking, store.Store, error) {
	s, err := store.Open(ctx, w)
	if err != nil {
		return tracking.Tracking{}, store.Store{}, err
	}
	trackings, err := parseTrackings(s, []string{name})
	if err != nil {
		return tracking.Tracking{}, store.Store{}, err
	}
	return trackings[0], s, nil
}

// printVersions prints a table of the versions of a template. now is the live one.
func printVersions(w io.Writer, now store.Template, versions []settings.Stored) error {
	if len(versions) == 0 {
		_, err := fmt.Fprintf(w, "%s was never written. Using the default.\n", settings.Template(now.Tracking))
		return err
	}
	var rows bytes.Buffer
	table := tabwriter.NewWriter(&rows, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "VERSION\tWRITTEN\tBYTES\tBY\t")
	for i, version := range versions {
		var notes []string
		if i == 0 && now.Own {
			notes = append(notes, "live")
		}
		if store.SameText(version.Value, templates.Default(now.Tracking.Name)) {
			notes = append(notes, "the default")
		}
		by := version.By
		if by == "" {
			by = "-"
		}
		fmt.Fprintf(table, "%d\t%s\t%d\t%s\t%s\n", version.Version, version.Modified.UTC().Format(time.RFC3339), len(version.Value), by, strings.Join(notes, ", "))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(rows.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// restore writes a version of a template, given by its number or as "default".
func (o templateWriter) restore(cmd *cobra.Command, s store.Store, t tracking.Tracking, version string) error {
	source := templates.Default(t.Name)
	if version != "default" {
		number, err := strconv.ParseInt(version, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is not a version: write a number from hub templates versions %s%s, or default", version, t.Name, s.Flag())
		}
		stored, err := s.Version(cmd.Context(), t, number)
		if err != nil {
			return err
		}
		source = stored.Value
	}
	if _, err := store.CompileTemplate(t, t.Name, source); err != nil {
		return fmt.Errorf("nothing was written: %w", err)
	}
	now, err := s.Template(cmd.Context(), t)
	if err != nil {
		return err
	}
	if store.SameText(now.Source, source) {
		fmt.Fprintf(cmd.OutOrStdout(), "unchanged %s\n", settings.Template(t))
		return nil
	}
	return o.write(cmd, s, []templateChange{{now, source}})
}
