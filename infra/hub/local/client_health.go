package local

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"commerce-segment/infra/hub/console"
	"commerce-segment/infra/hub/health"
)

// Health returns what the running hub says about its health.
func (c Client) Health(ctx context.Context) (health.Judgement, error) {
	var j health.Judgement
	response, content, err := c.ask(ctx, http.MethodGet, console.HealthPath, nil)
	if err != nil {
		return j, err
	}
	if response.StatusCode != http.StatusOK {
		return j, fmt.Errorf("the hub at %s answers %s", c.URL, response.Status)
	}
	if err := json.Unmarshal(content, &j); err != nil {
		return j, fmt.Errorf("the program at %s does not say its health: is it a hub of this version? %w", c.URL, err)
	}
	return j, nil
}
