package site

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"

	"commerce-segment/shared/relay"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// historyFolder is where a hub's directory keeps how far a backfill has come, and what
// was sent from here.
const historyFolder = "history"

// HistoryFile is a file about what was sent from this machine. Of a deployed store it is
// in the default directory.
func (s Site) HistoryFile(name string) string {
	return filepath.Join(cmp.Or(s.Dir, DefaultDir), historyFolder, name)
}

// Configs are the settings of all trackings, by their names. A store on this machine
// that has no Segment host sends to the inbox at that URL.
func (s Site) Configs(ctx context.Context, inbox string) (map[string]relay.Config, error) {
	configs := map[string]relay.Config{}
	for _, t := range tracking.All() {
		config, err := s.config(ctx, t, inbox)
		if err != nil {
			return nil, fmt.Errorf("the settings in %s: %w", s.Name, err)
		}
		configs[t.Name] = config
	}
	return configs, nil
}

func (s Site) config(ctx context.Context, t tracking.Tracking, inbox string) (relay.Config, error) {
	if home, isHere := s.Store.(Home); isHere {
		return home.Config(ctx, t, inbox)
	}
	parameters, err := s.Parameters(ctx, settings.Names(t))
	if err != nil {
		return relay.Config{}, err
	}
	return settings.Parse(t, parameters)
}
