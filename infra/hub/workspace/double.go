package workspace

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/chars"
	"commerce-segment/shared/publicapi"
)

// OrdersPeriod is the period in which OrderSources looks for events.
const OrdersPeriod = 7 * 24 * time.Hour

// OrderSource is an enabled source that sent events of completed orders.
type OrderSource struct {
	Source publicapi.Source
	Events int // in OrdersPeriod
}

// OrderSources returns the enabled sources of a workspace that sent events with one of the names in
// OrdersPeriod, the one with the most first. The names are those of the events that the store sends
// for completed orders: there must be one, because without names Segment counts all events. A
// destination that is connected to more than one of the sources counts each order more than once.
func (l Lookup) OrderSources(ctx context.Context, names []string, now time.Time) ([]OrderSource, error) {
	volumes, err := l.client.EventVolumes(ctx, publicapi.VolumeQuery{
		// Segment recommends to ask up to a minute ago.
		Granularity: publicapi.Day, From: now.Add(-OrdersPeriod), To: now.Add(-time.Minute),
		GroupBy: []string{publicapi.BySource}, EventNames: names,
	})
	if err != nil {
		return nil, err
	}
	var sources []OrderSource
	for _, v := range volumes {
		i := slices.IndexFunc(l.Sources, func(s publicapi.Source) bool { return s.ID == v.Source.ID })
		if i >= 0 && l.Sources[i].Enabled && v.Total > 0 {
			sources = append(sources, OrderSource{l.Sources[i], int(v.Total)})
		}
	}
	slices.SortFunc(sources, func(a, b OrderSource) int {
		return cmp.Or(cmp.Compare(b.Events, a.Events), strings.Compare(a.Source.ID, b.Source.ID))
	})
	return sources, nil
}

// DescribeDoubleCount describes the double count of several sources that sent events with these names.
func DescribeDoubleCount(names []string, sources []OrderSource) string {
	var each []string
	for _, s := range sources {
		each = append(each, fmt.Sprintf("%s (%d)", Quote(s.Source.Title()), s.Events))
	}
	return fmt.Sprintf("%s sent %s in the last 7 days: %s. A destination that is connected to more than one of these sources counts each order more than once",
		words.Count(len(sources), "source"), chars.Line(strings.Join(names, " or ")), strings.Join(each, ", "))
}
