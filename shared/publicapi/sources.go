package publicapi

import (
	"context"
	"net/http"
	"net/url"
)

// Workspace is the workspace to which a token belongs.
type Workspace struct {
	ID   string `json:"id"`
	Slug string `json:"slug"`
	Name string `json:"name"`
}

// Workspace returns the workspace of the token.
func (c *Client) Workspace(ctx context.Context) (Workspace, error) {
	var data struct {
		Workspace Workspace `json:"workspace"`
	}
	err := c.get(ctx, "/", &data)
	return data.Workspace, err
}

// Source is a source of a workspace.
type Source struct {
	ID      string `json:"id"`
	Slug    string `json:"slug"`
	Name    string `json:"name"` // may be empty; see Title
	Enabled bool   `json:"enabled"`
	// WriteKeys are the keys with which events are sent to the source. Without the role Source
	// Admin for it the list is empty, and there is no error.
	WriteKeys []string `json:"writeKeys"`
	Metadata  struct {
		ID   string `json:"id"`
		Slug string `json:"slug"`
		Name string `json:"name"`
	} `json:"metadata"`
	// TrackingPlanID is the plan that is connected to the source. Only Source reads it.
	TrackingPlanID string `json:"-"`
}

// Title returns the name of the source as the app shows it.
func (s Source) Title() string {
	if s.Name != "" {
		return s.Name
	}
	return s.Slug
}

// Sources returns all sources of the workspace.
func (c *Client) Sources(ctx context.Context) ([]Source, error) {
	type page struct {
		paged
		Sources []Source `json:"sources"`
	}
	return list(ctx, c, request{method: http.MethodGet, path: "/sources"}, func(p *page) ([]Source, paged) { return p.Sources, p.paged })
}

// Source returns one source, with the id of its tracking plan.
func (c *Client) Source(ctx context.Context, id string) (Source, error) {
	var data struct {
		Source         Source  `json:"source"`
		TrackingPlanID *string `json:"trackingPlanId"`
	}
	err := c.get(ctx, sourcePath(id), &data)
	if data.TrackingPlanID != nil {
		data.Source.TrackingPlanID = *data.TrackingPlanID
	}
	return data.Source, err
}

// SourceURL returns the address of a source in Segment's app, which has a host for each region.
func (c *Client) SourceURL(w Workspace, s Source) string {
	app := "https://app.segment.com"
	if c.base == EUHost {
		app = "https://eu1.app.segment.com"
	}
	return app + "/" + url.PathEscape(w.Slug) + "/sources/" + url.PathEscape(s.Slug) + "/overview"
}

// HTTPAPI is the kind of source that accepts events from any server: the id of the HTTP API in
// Segment's catalogue, the same in both regions.
const HTTPAPI = "iUM16Md8P2"

// CreateSource creates an enabled source of the kind metadataID, such as HTTPAPI. Segment makes
// its write key. The slug must be new in the workspace. The display name is set by RenameSource.
func (c *Client) CreateSource(ctx context.Context, slug, metadataID string) (Source, error) {
	return c.writeSource(ctx, http.MethodPost, "/sources", map[string]any{"slug": slug, "enabled": true, "metadataId": metadataID})
}

// RenameSource sets the display name of a source.
func (c *Client) RenameSource(ctx context.Context, id, name string) (Source, error) {
	return c.writeSource(ctx, http.MethodPatch, sourcePath(id), map[string]any{"name": name})
}

func (c *Client) writeSource(ctx context.Context, method, path string, body any) (Source, error) {
	var data struct {
		Source Source `json:"source"`
	}
	err := c.call(ctx, request{method: method, path: path, body: body}, &data)
	return data.Source, err
}

// SourceSettings are what a source does with events that its tracking plan does not allow. A
// nil member was not in the answer.
type SourceSettings struct {
	Track struct {
		AllowUnplannedEvents          *bool `json:"allowUnplannedEvents"`
		AllowUnplannedEventProperties *bool `json:"allowUnplannedEventProperties"`
		AllowEventOnViolations        *bool `json:"allowEventOnViolations"`
		AllowPropertiesOnViolations   *bool `json:"allowPropertiesOnViolations"`
		// CommonEventOnViolations is ALLOW, BLOCK or OMIT_PROPERTIES.
		CommonEventOnViolations string `json:"commonEventOnViolations"`
	} `json:"track"`
	Identify struct {
		AllowUnplannedTraits    *bool  `json:"allowUnplannedTraits"`
		AllowTraitsOnViolations *bool  `json:"allowTraitsOnViolations"`
		CommonEventOnViolations string `json:"commonEventOnViolations"`
	} `json:"identify"`
	// ForwardingViolationsTo and ForwardingBlockedEventsTo are ids of sources, or empty.
	ForwardingViolationsTo    string `json:"forwardingViolationsTo"`
	ForwardingBlockedEventsTo string `json:"forwardingBlockedEventsTo"`
}

// SourceSettings returns the schema settings of a source.
func (c *Client) SourceSettings(ctx context.Context, id string) (SourceSettings, error) {
	var data struct {
		Settings SourceSettings `json:"settings"`
	}
	err := c.get(ctx, sourcePath(id)+"/settings", &data)
	return data.Settings, err
}

func sourcePath(id string) string { return "/sources/" + url.PathEscape(id) }
