package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/forecast"
	"commerce-segment/infra/hub/lint"
	"commerce-segment/infra/hub/local"
	"commerce-segment/infra/hub/plan"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/chars"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// templateChange is a new source for the template of a tracking.
type templateChange struct {
	stored store.Template
	source string
}

// templateWriter writes templates to a store, after it has printed the effect on the latest
// events.
type templateWriter struct {
	store.Location
	addr string
	yes  bool
}

// addWriterFlags adds the flags of a command that writes templates.
func addWriterFlags(cmd *cobra.Command, o *templateWriter) {
	addAddr(cmd, &o.addr, "the `HOST:PORT` of the running hub, or ADDR in the environment")
	cmd.Flags().BoolVar(&o.yes, "yes", false, "also write templates with which events are not sent")
}

var errBadTemplate = errors.New("nothing was written: with these templates events would not be sent. Correct them, or write them anyway with --yes")

// printEffects prints what changes would do to the latest events, what they would violate in the
// tracking plan, and what hub lint finds in the new templates. It returns an error if events would not be sent, unless --yes is given.
func (o templateWriter) printEffects(cmd *cobra.Command, s store.Store, changes []templateChange) error {
	bad := false
	var faults []fault
	connected := plan.ReadConnected(cmd.Context(), s)
	for _, c := range changes {
		t := c.stored.Tracking
		effect, events := o.effect(cmd.Context(), s, c)
		fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", t.Name, effect.Says())
		printTemplateCheck(cmd.OutOrStdout(), t, connected.CheckTemplate(cmd.Context(), t, c.stored.Source, c.source, events))
		bad = bad || effect.Bad()
		found, err := lintChange(cmd.Context(), c)
		if err != nil {
			return err
		}
		faults = append(faults, found...)
	}
	if len(faults) > 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "hub lint finds:")
		if err := printFaults(cmd.OutOrStdout(), faults); err != nil {
			return err
		}
	}
	if bad && !o.yes {
		return errBadTemplate
	}
	return nil
}

// lintChange returns the faults of a new template, with the bundled samples of its tracking.
func lintChange(ctx context.Context, c templateChange) ([]fault, error) {
	t := c.stored.Tracking
	compiled, err := store.CompileTemplate(t, settings.Template(t), c.source)
	if err != nil {
		return nil, err
	}
	found, err := lint.LintThoroughly(ctx, t, compiled, templates.SamplesOf(t.Name))
	faults := make([]fault, len(found))
	for i, one := range found {
		faults[i] = fault{one, settings.Template(t)}
	}
	return faults, err
}

// printTemplateCheck prints what the messages of a template would violate in the tracking plan, if there
// is one.
func printTemplateCheck(w io.Writer, t tracking.Tracking, check *plan.TemplateCheck) {
	if check == nil {
		return
	}
	fmt.Fprintf(w, "%s: %s\n", t.Name, check.Says())
	for _, d := range check.Found {
		fmt.Fprintf(w, "  %s\n", chars.Line(d.Sentence()))
	}
}

// effect returns what a change would do to the latest events: of the hub that runs on this
// machine, or of Commerce, which it returns. If neither has some, it returns what it does to the
// samples.
func (o templateWriter) effect(ctx context.Context, s store.Store, c templateChange) (forecast.Change, []forecast.Event) {
	t := c.stored.Tracking
	if s.Deployment == nil {
		if client, err := local.NewClient(o.addr, o.Dir); err == nil {
			if effect, err := client.TemplateEffect(ctx, t, c.source); err == nil && !effect.Samples {
				return effect, nil
			}
		}
	}
	events, err := forecast.LatestEvents(ctx, s, t)
	if err != nil || len(events) == 0 {
		effect := forecast.Compare(ctx, t, c.stored.Source, c.source, forecast.SampleEvents(t))
		effect.Samples = true
		return effect, nil
	}
	return forecast.Compare(ctx, t, c.stored.Source, c.source, events), events
}

// write prints the effects of changes, and writes them to the store.
func (o templateWriter) write(cmd *cobra.Command, s store.Store, changes []templateChange) error {
	if len(changes) == 0 {
		return nil
	}
	if err := o.printEffects(cmd, s, changes); err != nil {
		return err
	}
	for _, c := range changes {
		t := c.stored.Tracking
		if err := s.SaveTemplate(cmd.Context(), t, c.source, c.stored.Fingerprint()); err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "wrote %s\n", settings.Template(t))
		if note := s.CommerceNote(t, c.source); note != "" {
			fmt.Fprintf(cmd.ErrOrStderr(), "Note: %s: %s\n", settings.Template(t), note)
		}
	}
	awaitEffect(cmd, s)
	return nil
}

// awaitEffect waits until a hub that runs on this machine knows a change. For a store on AWS it
// prints when the change is in effect.
func awaitEffect(cmd *cobra.Command, s store.Store) {
	s.AwaitHub()
	if known := s.WhenKnown(); known != "" {
		fmt.Fprintln(cmd.OutOrStdout(), known)
	}
}
