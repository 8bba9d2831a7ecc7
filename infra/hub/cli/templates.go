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

// templateSync is the flags of the commands below hub templates.
type templateSync struct {
	store.Location
	files string
	force bool
}

func newTemplates() *cobra.Command {
	var options templateSync
	cmd := &cobra.Command{
		Use:   "templates pull|push|diff|versions|restore",
		Short: "Exchange templates between files and a store, and go back to older ones",
		Long: `templates exchanges templates between files <name>.jsonata, in the folder templates
or another, and a store: the hub's directory, or with --prefix the Parameter Store of
a deployed one. Without names it is about all of them. The store's older versions are
listed by versions, and put back by restore.`,
		Example: `  hub templates diff --prefix /commerce-segment
  hub templates push order-completed --prefix /commerce-segment
  hub templates versions order-completed --prefix /commerce-segment`,
	}
	pull := &cobra.Command{
		Use:   "pull [NAME …]",
		Short: "Write the store's templates to files",
		Long: `pull writes the templates that count in the store to files, the default where it has
none of its own. A file that differs stays as it is unless --force is given.`,
		RunE: func(cmd *cobra.Command, args []string) error { return options.run(cmd, args, pullTemplates) },
	}
	pull.Flags().BoolVar(&options.force, "force", false, "overwrite files that differ")
	push := &cobra.Command{
		Use:   "push [NAME …]",
		Short: "Write files to the store's templates",
		Long: `push writes files to the store's templates, unless they are the same. It writes none
if one of them does not compile or is larger than Parameter Store keeps, 8 KB.
Without names it pushes the files that there are.`,
		RunE: func(cmd *cobra.Command, args []string) error { return options.run(cmd, args, pushTemplates) },
	}
	diff := &cobra.Command{
		Use:   "diff [NAME …]",
		Short: "Show what push would change in the store",
		Long: `diff shows how the files differ from the store's templates: what push would change.

Exit codes: 0 they are the same; 1 they differ; 2 they could not be compared.`,
		Annotations: map[string]string{saysWhetherTheyDiffer: "yes"},
		RunE:        func(cmd *cobra.Command, args []string) error { return options.run(cmd, args, diffTemplates) },
	}
	for _, command := range []*cobra.Command{pull, push, diff} {
		addWhere(command, &options.Location)
		command.Flags().StringVar(&options.files, "files", "templates", "the `folder` of the files")
		addCommand(cmd, command)
	}
	addCommand(cmd, newVersions())
	addCommand(cmd, newRestore())
	return cmd
}

// pair is a template in the store and in a file.
type pair struct {
	store.Template
	path   string
	file   string
	exists bool
}

func (p pair) same() bool { return p.exists && store.SameText(p.Source, p.file) }

// run reads the templates on both sides and does something with them.
func (o templateSync) run(cmd *cobra.Command, names []string, do func(*cobra.Command, templateSync, store.Store, []pair) error) error {
	trackings, err := named(names)
	if err != nil {
		return err
	}
	s, err := store.Open(cmd.Context(), o.Location)
	if err != nil {
		return err
	}
	pairs, err := o.pairs(cmd.Context(), s, trackings)
	if err != nil {
		return err
	}
	return do(cmd, o, s, pairs)
}

// named are the trackings of these names, and all where there are none.
func named(names []string) ([]tracking.Tracking, error) {
	if len(names) == 0 {
		return tracking.All(), nil
	}
	var trackings []tracking.Tracking
	for _, name := range names {
		t, err := tracking.ByName(strings.TrimSuffix(name, ".jsonata"))
		if err != nil {
			return nil, err
		}
		trackings = append(trackings, t)
	}
	return trackings, nil
}

func (o templateSync) pairs(ctx context.Context, s store.Store, trackings []tracking.Tracking) ([]pair, error) {
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

func pullTemplates(cmd *cobra.Command, o templateSync, _ store.Store, pairs []pair) error {
	if err := os.MkdirAll(o.files, 0o755); err != nil {
		return fmt.Errorf("making the folder of the templates: %w", err)
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
		return fmt.Errorf("%s differs from the store's template and was left as it is: look with hub templates diff, and overwrite it with --force",
			strings.Join(kept, ", "))
	}
	return nil
}

// needFiles refuses a folder in which no file is.
func (o templateSync) needFiles(pairs []pair) error {
	if slices.ContainsFunc(pairs, func(p pair) bool { return p.exists }) {
		return nil
	}
	return fmt.Errorf("there is no %s in the folder %s: name another folder with --files, or have the templates written with hub templates pull",
		filepath.Base(pairs[0].path), o.files)
}

func pushTemplates(cmd *cobra.Command, o templateSync, s store.Store, pairs []pair) error {
	wrong := []error{o.needFiles(pairs)}
	for _, p := range pairs {
		wrong = append(wrong, p.checkFile(cmd.Flags().NArg() > 0))
	}
	if err := errors.Join(wrong...); err != nil {
		return fmt.Errorf("nothing was pushed: %w", err)
	}
	wrote := false
	for _, p := range pairs {
		switch {
		case !p.exists:
			continue
		case p.same():
			fmt.Fprintf(cmd.OutOrStdout(), "unchanged %s\n", settings.Template(p.Tracking))
			continue
		}
		if err := s.SaveTemplate(cmd.Context(), p.Tracking, p.file, p.Fingerprint()); err != nil {
			return err
		}
		wrote = true
		fmt.Fprintf(cmd.OutOrStdout(), "wrote %s\n", settings.Template(p.Tracking))
		if err := s.MayNotAsk(p.Tracking, p.file); err != nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "Note: %s: %v. Until then its events wait.\n", settings.Template(p.Tracking), err)
		}
	}
	if wrote {
		sayWhenKnown(cmd, s)
	}
	return nil
}

func sayWhenKnown(cmd *cobra.Command, s store.Store) {
	if known := s.WhenKnown(); known != "" {
		fmt.Fprintln(cmd.OutOrStdout(), known)
	}
}

// checkFile says why a file cannot be pushed. Where nobody named it, it may be absent.
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

func diffTemplates(cmd *cobra.Command, o templateSync, s store.Store, pairs []pair) error {
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

// diff is a unified diff from the store to the file.
func (p pair) diff(store string) string {
	name := settings.Template(p.Tracking)
	from := fmt.Sprintf("%s in %s", name, store)
	if !p.Own {
		from = name + ", the default"
	}
	to := p.path
	if !p.exists {
		to += ", which is not there"
	}
	return udiff.Unified(from, to, asLines(p.Source), asLines(p.file))
}

// asLines is a text that ends with one line end, so that the ends of two texts that
// are the same do not differ.
func asLines(text string) string {
	if text = strings.TrimRight(text, "\r\n"); text == "" {
		return ""
	}
	return text + "\n"
}
