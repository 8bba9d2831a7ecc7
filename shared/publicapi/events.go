package publicapi

import (
	"context"
	"net/http"
	"time"
)

// VolumeQuery says which events EventVolumes counts. An empty list is no restriction.
type VolumeQuery struct {
	Granularity Granularity
	// From is inclusive and To exclusive. Segment recommends a To of at least a minute ago,
	// because newer events may not be counted yet.
	From, To   time.Time
	GroupBy    []string // of ByEventName, ByEventType and BySource
	SourceIDs  []string
	EventNames []string
	EventTypes []string // track, identify and others
}

// Volume is the number of valid events of one group, after Segment's validation. It has the
// members by which the query groups.
type Volume struct {
	Source struct {
		ID   string `json:"id"`
		Name string `json:"name"`
		Slug string `json:"slug"`
	} `json:"source"`
	EventName string  `json:"eventName"`
	EventType string  `json:"eventType"`
	Total     Number  `json:"total"`
	Series    []Count `json:"series"`
}

// EventVolumes returns how many events Segment received from the sources of the workspace, the
// largest group first. Segment returns at most 5,000 groups, and accepts 60 calls a minute.
func (c *Client) EventVolumes(ctx context.Context, q VolumeQuery) ([]Volume, error) {
	query := periodQuery(q.Granularity, q.From, q.To, q.GroupBy)
	setList(query, "sourceId", q.SourceIDs)
	setList(query, "eventName", q.EventNames)
	setList(query, "eventType", q.EventTypes)
	type page struct {
		paged
		Result []Volume `json:"result"`
	}
	r := request{method: http.MethodGet, path: "/events/volume", query: query}
	return list(ctx, c, r, func(p *page) ([]Volume, paged) { return p.Result, p.paged })
}

// Step is a step of the delivery of events from a source.
type Step string

// The steps that are the same for all destinations.
const (
	SuccessfullyReceived Step = "successfully-received"
	FailedOnIngest       Step = "failed-on-ingest"   // rejected by Segment's validation
	FilteredAtSource     Step = "filtered-at-source" // by schema settings or the tracking plan
)

// DeliveryQuery says which events DeliveryOverview counts.
type DeliveryQuery struct {
	SourceID    string
	Granularity Granularity // its comment has the limits of the period
	From, To    time.Time   // inclusive, exclusive
	GroupBy     []string    // of ByEventName, ByEventType and ByDiscardReason
}

// Delivery is the number of events of one group at a step. It has the members by which the query
// groups.
type Delivery struct {
	EventName     string  `json:"eventName"`
	EventType     string  `json:"eventType"`
	DiscardReason string  `json:"discardReason"`
	Total         Number  `json:"total"`
	Series        []Count `json:"series"`
}

// DeliveryOverview returns how many events of a source were at a step. It is in beta, and has
// events about 30 seconds after Segment received them.
func (c *Client) DeliveryOverview(ctx context.Context, step Step, q DeliveryQuery) ([]Delivery, error) {
	query := periodQuery(q.Granularity, q.From, q.To, q.GroupBy)
	query.Set("sourceId", q.SourceID)
	type page struct {
		paged
		Dataset []Delivery `json:"dataset"`
	}
	r := request{method: http.MethodGet, path: "/delivery-overview/" + string(step), query: query, accept: beta}
	return list(ctx, c, r, func(p *page) ([]Delivery, paged) { return p.Dataset, p.paged })
}
