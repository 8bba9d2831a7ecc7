package site

import (
	"context"
	"time"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
)

// Render makes Segment messages of a webhook as the relay does when it delivers.
func Render(ctx context.Context, t tracking.Tracking, compiled *template.Template, writeKey string, webhook commerce.Webhook) ([]segment.Message, error) {
	written, err := compiled.Apply(ctx, webhook.Body)
	if err != nil {
		return nil, err
	}
	return segment.NewMessages(relay.FactOf(t, webhook, writeKey, time.Now()), written)
}
