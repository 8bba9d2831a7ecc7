package publicapi

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
)

// Live is the type of a tracking plan that sources can be connected to.
const Live = "LIVE"

// TrackingPlan is a tracking plan of a workspace.
type TrackingPlan struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Slug        string `json:"slug"`
	Description string `json:"description"`
	Type        string `json:"type"` // such as Live
}

// TrackingPlans returns the tracking plans of the type Live.
func (c *Client) TrackingPlans(ctx context.Context) ([]TrackingPlan, error) {
	type page struct {
		paged
		TrackingPlans []TrackingPlan `json:"trackingPlans"`
	}
	r := request{method: http.MethodGet, path: "/tracking-plans", query: url.Values{"type": {Live}}}
	return list(ctx, c, r, func(p *page) ([]TrackingPlan, paged) { return p.TrackingPlans, p.paged })
}

// CreateTrackingPlan creates a tracking plan of the type Live without rules.
func (c *Client) CreateTrackingPlan(ctx context.Context, name, description string) (TrackingPlan, error) {
	var data struct {
		TrackingPlan TrackingPlan `json:"trackingPlan"`
	}
	body := map[string]string{"name": name, "type": Live}
	if description != "" {
		body["description"] = description
	}
	err := c.call(ctx, request{method: http.MethodPost, path: "/tracking-plans", body: body}, &data)
	return data.TrackingPlan, err
}

// The types of rules that this project uses.
const (
	TrackRule    = "TRACK"
	IdentifyRule = "IDENTIFY"
)

// Rule is a rule of a tracking plan: the schema of an event, or of identify.
type Rule struct {
	Type string `json:"type"`
	Key  string `json:"key,omitempty"` // the name of the event of a TrackRule
	// JSONSchema is a JSON Schema (draft 07) of the whole message.
	JSONSchema json.RawMessage `json:"jsonSchema"`
	Version    Number          `json:"version"` // 1 for a new rule
}

// Rules returns the rules of a tracking plan. Segment accepts 200 calls a minute.
func (c *Client) Rules(ctx context.Context, planID string) ([]Rule, error) {
	type page struct {
		paged
		Rules []Rule `json:"rules"`
	}
	return list(ctx, c, request{method: http.MethodGet, path: rulesPath(planID)}, func(p *page) ([]Rule, paged) { return p.Rules, p.paged })
}

// UpdateRules replaces the rules of a tracking plan with the same type, key and version, and adds
// those that it does not have. It does not change any other rule.
func (c *Client) UpdateRules(ctx context.Context, planID string, rules []Rule) error {
	var data struct {
		Status string `json:"status"`
	}
	body := map[string][]Rule{"rules": rules}
	return c.call(ctx, request{method: http.MethodPatch, path: rulesPath(planID), body: body}, &data)
}

func rulesPath(planID string) string { return "/tracking-plans/" + url.PathEscape(planID) + "/rules" }
