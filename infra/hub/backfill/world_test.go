package backfill

import (
	"context"
	"log/slog"

	"commerce-segment/shared/relay"
)

// fixed is a configuration that does not change.
type fixed relay.Config

func (f fixed) Current(context.Context) (relay.Config, error) { return relay.Config(f), nil }
func (f fixed) Reload(context.Context) (relay.Config, error)  { return relay.Config(f), nil }

var discard = slog.New(slog.DiscardHandler)
