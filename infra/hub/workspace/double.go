package workspace

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/publicapi"
	"commerce-segment/shared/tracking"
)

// DoublePeriod is the period in which Senders looks for orders.
const DoublePeriod = 7 * 24 * time.Hour

// Sender is an enabled source that sent completed orders.
type Sender struct {
	Source publicapi.Source
	Orders int // in DoublePeriod
}

// Senders returns the enabled sources of a workspace that sent completed orders in DoublePeriod,
// the one with the most first. A destination that receives the events of more than one counts each
// order more than once.
func (l Lookup) Senders(ctx context.Context, client *publicapi.Client, now time.Time) ([]Sender, error) {
	volumes, err := client.EventVolumes(ctx, publicapi.VolumeQuery{
		// Segment recommends to ask up to a minute ago.
		Granularity: publicapi.Day, From: now.Add(-DoublePeriod), To: now.Add(-time.Minute),
		GroupBy: []string{publicapi.BySource}, EventNames: []string{tracking.OrderCompleted.Title},
	})
	if err != nil {
		return nil, err
	}
	var senders []Sender
	for _, v := range volumes {
		i := slices.IndexFunc(l.Sources, func(s publicapi.Source) bool { return s.ID == v.Source.ID })
		if i >= 0 && l.Sources[i].Enabled && v.Total > 0 {
			senders = append(senders, Sender{l.Sources[i], int(v.Total)})
		}
	}
	slices.SortFunc(senders, func(a, b Sender) int {
		return cmp.Or(cmp.Compare(b.Orders, a.Orders), strings.Compare(a.Source.ID, b.Source.ID))
	})
	return senders, nil
}

// SayDouble describes the double count of several senders.
func SayDouble(senders []Sender) string {
	var each []string
	for _, s := range senders {
		each = append(each, fmt.Sprintf("%s (%d)", Quote(s.Source.Title()), s.Orders))
	}
	return fmt.Sprintf("%s sent %s in the last 7 days: %s. A destination that receives the events of more than one counts each order more than once",
		words.Count(len(senders), "source"), tracking.OrderCompleted.Title, strings.Join(each, ", "))
}
