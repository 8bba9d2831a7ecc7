package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// templateOptions are the flags of the subcommands of hub templates that use files.
type templateOptions struct {
	templateWriter
	files string
	force bool
}

func newTemplates() *cobra.Command {
	var options templateOptions
	cmd := &cobra.Command{
		Use:   "templates pull|push|diff|versions|restore|fields",
		Short: "Copy templates between files and a store, restore older versions, add fields",
		Long: `templates copies templates between files <name>.jsonata, in the folder templates or
another, and a store: the hub's directory, or with --prefix the Parameter Store of a deployed
store. Without names, pull, push and diff are for all templates. versions lists the older
versions in the store, and restore restores one. fields adds ready-made fields to one.`,
		Example: `  hub templates diff --prefix /commerce-segment
  hub templates push order-completed --prefix /commerce-segment
  hub templates versions order-completed --prefix /commerce-segment`,
	}
	pull := &cobra.Command{
		Use:   "pull [NAME …]",
		Short: "Write the store's templates to files",
		Long: `pull writes the live templates of the store to files: its own, or the default if it has
none. It does not overwrite a file that differs, unless --force is given.`,
		RunE: func(cmd *cobra.Command, args []string) error { return options.run(cmd, args, pullTemplates) },
	}
	pull.Flags().BoolVar(&options.force, "force", false, "overwrite files that differ")
	push := &cobra.Command{
		Use:   "push [NAME …]",
		Short: "Write files to the store's templates",
		Long: `push writes the files that differ to the store's templates. It writes none if one of them
does not compile or is larger than 8 KB, the limit of Parameter Store. Without names it
pushes all files in the folder.

Before it writes, it prints what each change does to the latest events: of the running hub, or
of Commerce if the store is connected. Without them it tries the bundled samples. It also
prints what hub lint finds in the new templates, and writes them all the same. If events
would fail or would not be sent any more, it writes nothing unless --yes is given.`,
		RunE: func(cmd *cobra.Command, args []string) error { return options.run(cmd, args, pushTemplates) },
	}
	addWriterFlags(push, &options.templateWriter)
	diff := &cobra.Command{
		Use:   "diff [NAME …]",
		Short: "Show what push would change in the store",
		Long: `diff shows the differences between the store's templates and the files, which push would
write to the store.

Exit codes: 0 they are the same; 1 they differ; 2 they could not be compared.`,
		Annotations: map[string]string{exitsLikeDiff: "yes"},
		RunE:        func(cmd *cobra.Command, args []string) error { return options.run(cmd, args, diffTemplates) },
	}
	for _, command := range []*cobra.Command{pull, push, diff} {
		addLocation(command, &options.Location)
		command.Flags().StringVar(&options.files, "files", "templates", "the `folder` of the template files")
		addCommand(cmd, command)
	}
	addCommand(cmd, newVersions())
	addCommand(cmd, newRestore())
	addCommand(cmd, newFields())
	return cmd
}

// pair is a template in the store, and the file of the same name.
type pair struct {
	store.Template
	path   string
	file   string // the content
	exists bool   // the file does
}

func (p pair) same() bool { return p.exists && store.SameText(p.Source, p.file) }

// run reads the templates in the store and in files, and calls do with them.
func (o templateOptions) run(cmd *cobra.Command, names []string, do func(*cobra.Command, templateOptions, store.Store, []pair) error) error {
	s, err := store.Open(cmd.Context(), o.Location)
	if err != nil {
		return err
	}
	trackings, err := parseTrackings(s, names)
	if err != nil {
		return err
	}
	pairs, err := o.pairs(cmd.Context(), s, trackings)
	if err != nil {
		return err
	}
	return do(cmd, o, s, pairs)
}

// parseTrackings returns the trackings of a store with these names, and all of them without
// names.
func parseTrackings(s store.Store, names []string) ([]tracking.Tracking, error) {
	if len(names) == 0 {
		return s.Trackings(), nil
	}
	var trackings []tracking.Tracking
	for _, name := range names {
		t, err := tracking.ByName(strings.TrimSuffix(name, ".jsonata"))
		if err != nil {
			return nil, err
		}
		trackings = append(trackings, t)
	}
	return trackings, s.CheckHas(trackings...)
}

// pairs returns the templates of the trackings in the store and in files.
func (o templateOptions) pairs(ctx context.Context, s store.Store, trackings []tracking.Tracking) ([]pair, error) {
	stored, err := s.Templates(ctx, trackings...)
	if err != nil {
		return nil, err
	}
	pairs := make([]pair, len(trackings))
	for i, one := range stored {
		p := pair{Template: one, path: filepath.Join(o.files, one.Tracking.Name+".jsonata")}
		content, err := os.ReadFile(p.path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("reading a template: %w", err)
		}
		p.file, p.exists = string(content), err == nil
		pairs[i] = p
	}
	return pairs, nil
}

func pullTemplates(cmd *cobra.Command, o templateOptions, _ store.Store, pairs []pair) error {
	if err := os.MkdirAll(o.files, 0o755); err != nil {
		return fmt.Errorf("creating the folder of the templates: %w", err)
	}
	var kept []string
	for _, p := range pairs {
		switch {
		case p.same():
			fmt.Fprintf(cmd.OutOrStdout(), "unchanged %s\n", p.path)
			continue
		case p.exists && !o.force:
			kept = append(kept, p.path)
			continue
		}
		if err := os.WriteFile(p.path, []byte(strings.TrimRight(p.Source, "\r\n")+"\n"), 0o644); err != nil {
			return fmt.Errorf("writing a template: %w", err)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "wrote %s\n", p.path)
	}
	if len(kept) > 0 {
		return fmt.Errorf("%s differs from the store's template and was not overwritten: compare with hub templates diff, and overwrite with --force",
			strings.Join(kept, ", "))
	}
	return nil
}

// needFiles returns an error if the folder has none of the files.
func (o templateOptions) needFiles(pairs []pair) error {
	if slices.ContainsFunc(pairs, func(p pair) bool { return p.exists }) {
		return nil
	}
	return fmt.Errorf("there is no %s in the folder %s: name another folder with --files, or write the templates with hub templates pull",
		filepath.Base(pairs[0].path), o.files)
}

func pushTemplates(cmd *cobra.Command, o templateOptions, s store.Store, pairs []pair) error {
	if err := o.needFiles(pairs); err != nil {
		return fmt.Errorf("nothing was pushed: %w", err)
	}
	var wrong []error
	for _, p := range pairs {
		wrong = append(wrong, p.checkFile(cmd.Flags().NArg() > 0))
	}
	if err := errors.Join(wrong...); err != nil {
		return fmt.Errorf("nothing was pushed: %w", err)
	}
	var changes []templateChange
	for _, p := range pairs {
		switch {
		case !p.exists:
		case p.same():
			fmt.Fprintf(cmd.OutOrStdout(), "unchanged %s\n", settings.Template(p.Tracking))
		default:
			changes = append(changes, templateChange{p.Template, p.file})
		}
	}
	return o.write(cmd, s, changes)
}

// checkFile returns why a file cannot be pushed. A file may be absent unless it was named on
// the command line.
func (p pair) checkFile(isNamed bool) error {
	if !p.exists {
		if isNamed {
			return fmt.Errorf("there is no file %s", p.path)
		}
		return nil
	}
	_, err := store.CompileTemplate(p.Tracking, p.path, p.file)
	return err
}

var errDiffer = errors.New("templates differ")

func diffTemplates(cmd *cobra.Command, o templateOptions, s store.Store, pairs []pair) error {
	if err := o.needFiles(pairs); err != nil {
		return err
	}
	differ := 0
	for _, p := range pairs {
		if p.same() || !p.exists && !p.Own {
			continue
		}
		differ++
		fmt.Fprint(cmd.OutOrStdout(), p.diff(s.Name))
	}
	if differ > 0 {
		return fmt.Errorf("%d of %d %w", differ, len(pairs), errDiffer)
	}
	return nil
}

// diff returns a unified diff from the store to the file.
func (p pair) diff(store string) string {
	name := settings.Template(p.Tracking)
	from := fmt.Sprintf("%s in %s", name, store)
	if !p.Own {
		from = name + ", the default"
	}
	to := p.path
	if !p.exists {
		to += ", which does not exist"
	}
	return udiff.Unified(from, to, asLines(p.Source), asLines(p.file))
}

// asLines returns a text with exactly one line end at its end, so that other line ends there
// are no difference.
func asLines(text string) string {
	if text = strings.TrimRight(text, "\r\n"); text == "" {
		return ""
	}
	return text + "\n"
}
