package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/archive"
	"commerce-segment/infra/hub/local"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/chars"
)

// importOptions are the flags of hub import.
type importOptions struct {
	store.Location
	confirmation
}

func newImport() *cobra.Command {
	var options importOptions
	cmd := &cobra.Command{
		Use:   "import FILE [--dry-run | --yes] [--dir DIRECTORY | --prefix PREFIX]",
		Short: "Read a file of hub export into a store",
		Long: `import reads a file that hub export wrote into a store: into a directory in which no hub
runs, or with --prefix into a deployed store. It first reads the whole file, and imports
nothing if the file is not complete. It prints what it will change and asks first; in a script
pass --yes. A webhook secret that the store has is kept. A tracking that is paused in the file
is paused before the events are added; import resumes none.

A repeated import from this machine changes nothing, and one that was stopped continues. After
a kill, at most 200 events are added twice. An event has the same messageId each time, and
Segment drops a message that it received within the last day.

In a deployed store the attempts of a waiting event begin again, the age of a dead letter is
counted from the import, and older versions of templates are not imported: each of them would
be in effect for a moment.`,
		Example: `  hub import backup.jsonl.gz --dir restored
  hub import backup.jsonl.gz --prefix /commerce-segment --dry-run`,
		Args:        cobra.ExactArgs(1),
		Annotations: map[string]string{makesDir: "yes"},
		RunE:        func(cmd *cobra.Command, args []string) error { return importFile(cmd, args[0], options) },
	}
	addLocation(cmd, &options.Location)
	options.addFlags(cmd)
	return cmd
}

func importFile(cmd *cobra.Command, file string, options importOptions) error {
	a, err := archive.Open(file)
	if err != nil {
		return err
	}
	defer a.Close()
	s, err := store.Open(cmd.Context(), options.Location)
	if err != nil {
		return err
	}
	plan, err := a.Plan(cmd.Context(), s)
	if err != nil {
		return err
	}
	printImport(cmd.OutOrStdout(), a, plan, s)
	if plan.IsEmpty() {
		fmt.Fprintln(cmd.OutOrStdout(), "\nNothing to import.")
		return nil
	}
	confirmed, err := options.confirm(cmd, fmt.Sprintf("Import this into %s?", s.Name))
	if err != nil || !confirmed {
		return err
	}
	bar := newProgress(cmd.ErrOrStderr(), "events imported", a.Waiting+a.Dead)
	done, err := plan.Apply(cmd.Context(), local.NewLog("text", cmd.ErrOrStderr()), bar.at)
	bar.done()
	out := cmd.OutOrStdout()
	for _, name := range done.Settings {
		fmt.Fprintf(out, "wrote %s\n", name)
	}
	if done.Waiting+done.Dead > 0 || err == nil {
		fmt.Fprintf(out, "imported %s and %s\n", words.Count(done.Waiting, "waiting event"), words.Count(done.Dead, "dead letter"))
	}
	if err != nil {
		return err
	}
	if done.TooLarge > 0 {
		return fmt.Errorf("%s, of these, do not fit into SQS, and are only in %s: import the file into a directory, whose hub delivers them", words.Count(done.TooLarge, "event"), file)
	}
	if done.Unreadable > 0 {
		return fmt.Errorf("%s, of these, cannot be read by this release, and are only in %s: another release wrote them, or they are damaged. The kind of store from which they were exported, a directory or AWS, can keep them: import the file there, and run the release that wrote them", words.Count(done.Unreadable, "event"), file)
	}
	if len(done.Settings) > 0 && s.Takes > 0 {
		fmt.Fprintln(out, s.WhenKnown())
	}
	return nil
}

// printImport prints what an import does, without secrets.
func printImport(w io.Writer, a *archive.Archive, plan *archive.Plan, s store.Store) {
	fmt.Fprintf(w, "%s was exported at %s.\n", chars.Line(a.From), a.At.Format("2006-01-02 15:04:05 MST"))
	for _, c := range plan.Changes {
		fmt.Fprintf(w, "%-8s %s%s\n", c.Action, c.Name, difference(c))
		if c.Why != "" {
			fmt.Fprintf(w, "         %s\n", c.Why)
		}
	}
	if plan.Same > 0 {
		fmt.Fprintf(w, "%-8s %s\n", "same", words.Count(plan.Same, "setting"))
	}
	if plan.Versions > 0 {
		fmt.Fprintf(w, "%-8s %s of templates\n", archive.Add, words.Count(plan.Versions, "older version"))
	}
	if plan.LeftVersions > 0 {
		fmt.Fprintf(w, "%-8s %s of templates, which are not imported here\n", "leave", words.Count(plan.LeftVersions, "older version"))
	}
	if plan.Events() > 0 {
		fmt.Fprintf(w, "%-8s %s and %s\n", archive.Add, words.Count(a.Waiting, "waiting event"), words.Count(a.Dead, "dead letter"))
	}
	if plan.Imported > 0 {
		fmt.Fprintf(w, "%-8s %d of %s: they were imported earlier from this machine. To import them again, remove %s\n",
			"leave", plan.Imported, words.Count(a.Waiting+a.Dead, "event"), s.ImportFile(a.ID))
	}
	if len(plan.Missing) > 0 {
		fmt.Fprintf(w, "\nIn neither the file nor the store: %s. Set them with hub configure%s\n", strings.Join(plan.Missing, ", "), s.Flag())
	}
}

// longest is the longest value that is shown in one line.
const longest = 60

// difference returns what a change replaces, if both values are short.
func difference(c archive.Change) string {
	if c.After == "" || len(c.Before) > longest || len(c.After) > longest || strings.Contains(c.Before+c.After, "\n") {
		return ""
	}
	if c.Action == archive.Add {
		return ": " + chars.Line(c.After)
	}
	return ": " + chars.Line(c.Before) + " → " + chars.Line(c.After)
}
