package publicapi

import (
	"context"
	"net/http"
	"net/url"

	"commerce-segment/shared/apicall"
)

// RegulationType is what Segment does with the users of a regulation.
type RegulationType string

// The types of regulations that delete a user from Segment, from its warehouses and S3, and
// forward the request to destinations.
const (
	SuppressWithDelete RegulationType = "SUPPRESS_WITH_DELETE" // and drops later messages about the user
	DeleteOnly         RegulationType = "DELETE_ONLY"
)

// MaxSubjects is the most users of one call of CreateRegulation, which also has a limit of 4 MB.
// Segment accepts 600 calls a minute, and 110,000 users a calendar month for the two types
// together.
const MaxSubjects = 5_000

// The statuses of a regulation, and of a destination in it. Failed is also the status of a
// regulation if only a destination failed that cannot delete users: read the destinations.
const (
	StatusInitialized    = "INITIALIZED"
	StatusRunning        = "RUNNING"
	StatusFinished       = "FINISHED"
	StatusPartialSuccess = "PARTIAL_SUCCESS"
	StatusFailed         = "FAILED"
	StatusInvalid        = "INVALID"
	StatusNotSupported   = "NOT_SUPPORTED"
)

// CreateRegulation asks Segment to delete users of the workspace, by their user ids. Segment does
// it later. The id that is returned identifies the request; see Regulation.
func (c *Client) CreateRegulation(ctx context.Context, kind RegulationType, userIDs []string) (id string, err error) {
	var data struct {
		RegulateID string `json:"regulateId"`
	}
	body := map[string]any{"regulationType": kind, "subjectType": "USER_ID", "subjectIds": userIDs}
	r := request{method: http.MethodPost, path: "/regulations", body: body, personal: true}
	if err = c.call(ctx, r, &data); err == nil && data.RegulateID == "" {
		err = r.newError(http.StatusOK, apicall.ErrNotAsDescribed)
	}
	return data.RegulateID, err
}

// Regulation is the state of a request to delete users.
type Regulation struct {
	ID            string `json:"id"`
	OverallStatus string `json:"overallStatus"`
	CreatedAt     Time   `json:"createdAt"`
	FinishedAt    Time   `json:"finishedAt"` // zero until it is finished
	StreamStatus  []struct {
		ID                string              `json:"id"`
		DestinationStatus []DestinationStatus `json:"destinationStatus"`
	} `json:"streamStatus"`
}

// DestinationStatus is the state of a request to delete users in one destination.
type DestinationStatus struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Status string `json:"status"`
	// ErrString is the destination's own text. It may quote the id of a user, so do not log it.
	ErrString string `json:"errString"`
}

// Regulation returns the state of a request. Segment answers 404 after 90 days.
func (c *Client) Regulation(ctx context.Context, id string) (Regulation, error) {
	var data struct {
		Regulation Regulation `json:"regulation"`
	}
	r := request{method: http.MethodGet, path: "/regulations/" + url.PathEscape(id), personal: true}
	err := c.call(ctx, r, &data)
	return data.Regulation, err
}

// RegulationEntry is an entry of the list of requests to delete users. It has no user ids, with
// which Segment answers too.
type RegulationEntry struct {
	ID             string         `json:"id"`
	Status         string         `json:"status"`
	RegulationType RegulationType `json:"regulationType"`
	CreatedAt      Time           `json:"createdAt"`
	FinishedAt     Time           `json:"finishedAt"`
}

// Regulations returns the requests of the last 90 days with the two types that delete a user
// everywhere. If there are more than 10,000, it returns the first 10,000, or fewer if they have many
// users, and an error that is ErrTooManyPages.
func (c *Client) Regulations(ctx context.Context) ([]RegulationEntry, error) {
	type page struct {
		paged
		Regulations []RegulationEntry `json:"regulations"`
	}
	r := request{method: http.MethodGet, path: "/regulations", query: url.Values{}, personal: true}
	setList(r.query, "regulationTypes", []string{string(SuppressWithDelete), string(DeleteOnly)})
	return list(ctx, c, r, func(p *page) ([]RegulationEntry, paged) { return p.Regulations, p.paged })
}
