package commerce

import (
	"context"
	"iter"
	"net/http"
	"net/url"
)

// Integration is a destination to which Commerce sends events (integrations.yaml). This
// project creates webhooks. A store may have integrations of other types, of which
// Configuration has only the fields that they share with webhooks.
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

// WebhookConfiguration is the destination of a webhook.
type WebhookConfiguration struct {
	URL string `json:"url"`
	// SecretKey is sent unhashed with every webhook, in the header X-MOLTIN-SECRET-KEY.
	SecretKey string `json:"secret_key,omitempty"`
}

// NewWebhook is a webhook to create. According to Commerce's guide, all fields except
// Enabled are required, and a webhook can observe at most five events.
type NewWebhook struct {
	Name          string               `json:"name"`
	Description   string               `json:"description"`
	Enabled       bool                 `json:"enabled"`
	Observes      []string             `json:"observes"`
	Configuration WebhookConfiguration `json:"configuration"`
}

// IntegrationChange is a change of an integration. A nil field does not change. Set a
// configuration completely, because it is not documented what Commerce does with an
// incomplete one.
type IntegrationChange struct {
	Name          *string               `json:"name,omitempty"`
	Description   *string               `json:"description,omitempty"`
	Enabled       *bool                 `json:"enabled,omitempty"`
	Observes      []string              `json:"observes,omitempty"`
	Configuration *WebhookConfiguration `json:"configuration,omitempty"`
}

// IntegrationLog is Commerce's log of one attempt to deliver an event, with the answer.
type IntegrationLog struct {
	ID        string `json:"id"`
	Succeeded bool   `json:"succeeded"`
	Attempt   int    `json:"attempt"`
	// StatusCode and Body are the answer's.
	StatusCode int    `json:"status_code"`
	Body       string `json:"body"`
	// Reason is Commerce's reason why the attempt failed; empty if it succeeded.
	Reason string `json:"error_detail"`
	Meta   struct {
		Timestamps struct {
			// CreatedAt is in the guide's example, and not in the OpenAPI description.
			CreatedAt string `json:"created_at"`
		} `json:"timestamps"`
	} `json:"meta"`
	Relationships struct {
		Job struct {
			Data IntegrationJob `json:"data"`
		} `json:"job"`
	} `json:"relationships"`
}

// IntegrationJob is the delivery of one event to an integration. Its attempts are in the
// logs.
type IntegrationJob struct {
	ID string `json:"id"`
}

const integrationsPath = "/v2/integrations"

// Integrations iterates over the integrations of the store.
func (c *Client) Integrations(ctx context.Context) iter.Seq2[Integration, error] {
	return list[Integration](ctx, c, integrationsPath)
}

// CreateWebhook creates an integration. If it is not certain whether Commerce has created
// it, the error says so: list the integrations to find out.
func (c *Client) CreateWebhook(ctx context.Context, webhook NewWebhook) (Integration, error) {
	var created Integration
	err := c.write(ctx, http.MethodPost, integrationsPath, webhook.Configuration.SecretKey, struct {
		Type string `json:"type"`
		Kind string `json:"integration_type"`
		NewWebhook
	}{"integration", "webhook", webhook}, &created)
	return created, err
}

// UpdateIntegration changes an integration and returns the new state.
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

// IntegrationLogs iterates over the logs of an integration's deliveries. Their order is
// not documented.
func (c *Client) IntegrationLogs(ctx context.Context, id string) iter.Seq2[IntegrationLog, error] {
	return list[IntegrationLog](ctx, c, integrationPath(id)+"/logs")
}

// IntegrationJobs iterates over the deliveries to an integration.
func (c *Client) IntegrationJobs(ctx context.Context, id string) iter.Seq2[IntegrationJob, error] {
	return list[IntegrationJob](ctx, c, integrationPath(id)+"/jobs")
}

func integrationPath(id string) string { return integrationsPath + "/" + url.PathEscape(id) }
