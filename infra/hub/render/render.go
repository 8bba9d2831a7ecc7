// Package render renders the Segment messages of a webhook, as the relay does.
package render

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
	"commerce-segment/shared/turn"
)

// Render returns the Segment messages of a webhook that was received at that time, as the relay
// delivers them. It returns none if the template filters the event. Requests to Commerce use
// fetch, which may be nil.
func Render(ctx context.Context, t tracking.Tracking, compiled *template.Template, fetch template.Fetch, writeKey string, webhook commerce.Webhook, received time.Time) ([]segment.Message, error) {
	ctx, end := turn.Scope(ctx)
	defer end()
	fact := relay.FactOf(t, webhook, writeKey, received)
	if happened, err := relay.Complete(ctx, &fact, webhook, fetch); err != nil || !happened {
		return nil, err
	}
	input, err := webhook.Input()
	if err != nil {
		return nil, err
	}
	written, err := compiled.WithCommerce(fetch).Apply(ctx, input)
	if err != nil {
		return nil, err
	}
	return segment.NewMessages(fact, written)
}

// Batch returns messages as the body of a request to Segment, indented.
func Batch(messages []json.RawMessage) ([]byte, error) {
	var compact bytes.Buffer
	compact.WriteString(`{"batch":[`)
	for i, message := range messages {
		if i > 0 {
			compact.WriteByte(',')
		}
		compact.Write(message)
	}
	compact.WriteString("]}")
	return Indent(compact.Bytes())
}

// Indent returns JSON with line ends and an indentation of two spaces. It changes nothing else.
func Indent(text []byte) ([]byte, error) {
	var indented bytes.Buffer
	if err := json.Indent(&indented, text, "", "  "); err != nil {
		return nil, fmt.Errorf("indenting JSON: %w", err)
	}
	indented.WriteByte('\n')
	return indented.Bytes(), nil
}
