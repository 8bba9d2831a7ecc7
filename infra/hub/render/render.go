// Package render makes of a webhook the messages that Segment receives, as the relay does.
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

// Render makes Segment messages of a webhook as the relay does when it delivers one
// that it received then. It asks Commerce by asks, which may be nil.
func Render(ctx context.Context, t tracking.Tracking, compiled *template.Template, asks template.Fetch, writeKey string, webhook commerce.Webhook, received time.Time) ([]segment.Message, error) {
	ctx, end := turn.Scope(ctx)
	defer end()
	fact := relay.FactOf(t, webhook, writeKey, received)
	if happened, err := relay.Complete(ctx, &fact, webhook, asks); err != nil || !happened {
		return nil, err
	}
	input, err := webhook.Input()
	if err != nil {
		return nil, err
	}
	written, err := compiled.WithCommerce(asks).Apply(ctx, input)
	if err != nil {
		return nil, err
	}
	return segment.NewMessages(fact, written)
}

// Batch is messages in the shape of a request to Segment, indented.
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

// Indent puts JSON on lines of its own, indented by two spaces and otherwise as it is,
// byte by byte.
func Indent(text []byte) ([]byte, error) {
	var indented bytes.Buffer
	if err := json.Indent(&indented, text, "", "  "); err != nil {
		return nil, fmt.Errorf("indenting JSON: %w", err)
	}
	indented.WriteByte('\n')
	return indented.Bytes(), nil
}
