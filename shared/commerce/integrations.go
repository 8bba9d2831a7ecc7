package commerce

import (
	"context"
	"iter"
	"net/http"
	"net/url"
)

// Integration is what Commerce tells events to (integrations.yaml). Those made
// here are webhooks; a store may have others, of which Configuration holds only
// what they share.
type Integration struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Enabled     bool   `json:"enabled"`
	// Type is "webhook", "aws_sqs" or "stomp".
	Type          string               `json:"integration_type"`
	Observes      []string             `json:"observes"` // events, for example "order.paid"
	Configuration WebhookConfiguration `json:"configuration"`
	Meta          struct {
		Timestamps struct {
			CreatedAt string `json:"created_at"`
		} `json:"timestamps"`
	} `json:"meta"`
}

// WebhookConfiguration is where a webhook goes.
type WebhookConfiguration struct {
	URL string `json:"url"`
	// SecretKey comes in clear with every webhook, in X-MOLTIN-SECRET-KEY.
	SecretKey string `json:"secret_key,omitempty"`
}

// NewWebhook is a webhook to create. Commerce's guide says that all of it but
// Enabled is required, and that it observes five events at most.
type NewWebhook struct {
	Name          string               `json:"name"`
	Description   string               `json:"description"`
	Enabled       bool                 `json:"enabled"`
	Observes      []string             `json:"observes"`
	Configuration WebhookConfiguration `json:"configuration"`
}

// IntegrationChange is what to change of an integration. What is nil stays as it
// is. A configuration is replaced as a whole: what Commerce does with half of one
// is not described.
type IntegrationChange struct {
	Name          *string               `json:"name,omitempty"`
	Description   *string               `json:"description,omitempty"`
	Enabled       *bool                 `json:"enabled,omitempty"`
	Observes      []string              `json:"observes,omitempty"`
	Configuration *WebhookConfiguration `json:"configuration,omitempty"`
}

// IntegrationLog is one attempt of Commerce's to deliver an event, and what it saw
// of the answer.
type IntegrationLog struct {
	ID        string `json:"id"`
	Succeeded bool   `json:"succeeded"`
	Attempt   int    `json:"attempt"`
	// StatusCode and Body are the answer's.
	StatusCode int    `json:"status_code"`
	Body       string `json:"body"`
	// Reason is why it counts as failed, in Commerce's words; empty where it does not.
	Reason string `json:"error_detail"`
	Meta   struct {
		Timestamps struct {
			// CreatedAt is in the guide's example, and not in the description.
			CreatedAt string `json:"created_at"`
		} `json:"timestamps"`
	} `json:"meta"`
	Relationships struct {
		Job struct {
			Data IntegrationJob `json:"data"`
		} `json:"job"`
	} `json:"relationships"`
}

// IntegrationJob is one event on its way to an integration; its attempts are in
// the logs.
type IntegrationJob struct {
	ID string `json:"id"`
}

const integrationsPath = "/v2/integrations"

// Integrations lists the integrations of the store.
func (c *Client) Integrations(ctx context.Context) iter.Seq2[Integration, error] {
	return list[Integration](ctx, c, integrationsPath)
}

// CreateWebhook creates an integration. Where its error leaves open whether
// Commerce has created it, it says so, and a list of the integrations tells.
func (c *Client) CreateWebhook(ctx context.Context, webhook NewWebhook) (Integration, error) {
	var created Integration
	err := c.write(ctx, http.MethodPost, integrationsPath, webhook.Configuration.SecretKey, struct {
		Type string `json:"type"`
		Kind string `json:"integration_type"`
		NewWebhook
	}{"integration", "webhook", webhook}, &created)
	return created, err
}

// UpdateIntegration changes an integration, and gives what it is then.
func (c *Client) UpdateIntegration(ctx context.Context, id string, change IntegrationChange) (Integration, error) {
	secret := ""
	if change.Configuration != nil {
		secret = change.Configuration.SecretKey
	}
	var updated Integration
	err := c.write(ctx, http.MethodPut, integrationPath(id), secret, struct {
		Type string `json:"type"`
		IntegrationChange
	}{"integration", change}, &updated)
	return updated, err
}

// DeleteIntegration deletes an integration.
func (c *Client) DeleteIntegration(ctx context.Context, id string) error {
	_, err := c.call(ctx, request{method: http.MethodDelete, path: integrationPath(id), repeatable: true})
	return err
}

// IntegrationLogs lists what Commerce saw of an integration's deliveries. In which
// order is not described.
func (c *Client) IntegrationLogs(ctx context.Context, id string) iter.Seq2[IntegrationLog, error] {
	return list[IntegrationLog](ctx, c, integrationPath(id)+"/logs")
}

// IntegrationJobs lists the events on their way to an integration.
func (c *Client) IntegrationJobs(ctx context.Context, id string) iter.Seq2[IntegrationJob, error] {
	return list[IntegrationJob](ctx, c, integrationPath(id)+"/jobs")
}

func integrationPath(id string) string { return integrationsPath + "/" + url.PathEscape(id) }
