package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/forecast"
	"commerce-segment/infra/hub/local"
	"commerce-segment/infra/hub/store"
)

var errBadTemplate = errors.New("nothing was pushed: with these templates events would not be sent. Correct them, or push them anyway with --yes")

// printEffects prints what the files that differ would do to the latest events. It returns an
// error if events would not be sent, unless --yes is given.
func (o templateOptions) printEffects(cmd *cobra.Command, s store.Store, pairs []pair) error {
	bad := false
	for _, p := range pairs {
		if !p.exists || p.same() {
			continue
		}
		effect := o.effect(cmd.Context(), s, p)
		fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", p.Tracking.Name, effect.Says())
		bad = bad || effect.Bad()
	}
	if bad && !o.yes {
		return errBadTemplate
	}
	return nil
}

// effect returns what a file would do to the latest events: of the hub that runs on this
// machine, or of Commerce. If neither has some, it returns what it does to the samples.
func (o templateOptions) effect(ctx context.Context, s store.Store, p pair) forecast.Change {
	if s.Deployment == nil {
		if client, err := local.NewClient(o.addr, o.Dir); err == nil {
			if effect, err := client.TemplateEffect(ctx, p.Tracking, p.file); err == nil && !effect.Samples {
				return effect
			}
		}
	}
	events, err := forecast.LatestEvents(ctx, s, p.Tracking)
	if err != nil || len(events) == 0 {
		effect := forecast.Compare(ctx, p.Tracking, p.Source, p.file, forecast.SampleEvents(p.Tracking))
		effect.Samples = true
		return effect
	}
	return forecast.Compare(ctx, p.Tracking, p.Source, p.file, events)
}
