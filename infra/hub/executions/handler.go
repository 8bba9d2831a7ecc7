package executions

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"commerce-segment/shared/chars"
	"commerce-segment/shared/segment"
)

// Handler returns a log handler that calls a function with each line about a webhook, as
// Parse returns it from the line's text. It ignores all other lines.
func Handler(keep func(Line)) slog.Handler { return handler{keep: keep} }

type handler struct {
	keep  func(Line)
	attrs []slog.Attr
}

// Enabled implements slog.Handler.
func (h handler) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

// WithAttrs implements slog.Handler.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.attrs = append(h.attrs[:len(h.attrs):len(h.attrs)], attrs...)
	return h
}

// WithGroup implements slog.Handler. The lines about webhooks have no groups.
func (h handler) WithGroup(string) slog.Handler { return h }

// Handle implements slog.Handler.
func (h handler) Handle(_ context.Context, record slog.Record) error {
	if !isAboutWebhook(record.Message) {
		return nil
	}
	line := Line{Time: record.Time.Round(0), Kind: record.Message}
	for _, attr := range h.attrs {
		line.set(attr)
	}
	record.Attrs(func(attr slog.Attr) bool {
		line.set(attr)
		return true
	})
	if line.Tracking != "" {
		h.keep(line)
	}
	return nil
}

// set sets the field of an attribute.
func (l *Line) set(attr slog.Attr) {
	switch value := attr.Value.Resolve(); attr.Key {
	case "tracking":
		l.Tracking = value.String()
	case "received":
		l.Received = timeOf(value)
	case "event_time":
		l.EventTime = timeOf(value)
	case "event":
		l.Event = chars.Line(value.String())
	case "webhook_id":
		l.WebhookID = chars.Line(value.String())
	case "resource":
		l.Resource = chars.Line(value.String())
	case "number":
		l.Number = chars.Line(value.String())
	case "total":
		l.Total = chars.Line(value.String())
	case "ms":
		l.Took = Milliseconds(intOf(value))
	case "attempt":
		l.Attempt = intOf(value)
	case "receives":
		l.Receives = intOf(value)
	case "messages":
		l.Messages = intOf(value)
	case "message_ids":
		l.MessageIDs, _ = value.Any().([]string)
	case "calls":
		l.Calls, _ = value.Any().([]segment.Calls)
	case "outcome":
		l.Outcome = value.String()
	case "reason":
		l.Reason = value.String()
	case "detail":
		l.Detail = value.String()
	case "revenue":
		l.Revenue, _ = value.Any().(json.Number)
	case "currency":
		l.Currency = value.String()
	case "regulations":
		l.Regulations, _ = value.Any().([]string)
	case "left_out":
		l.LeftOut = intOf(value)
	case "left_out_reason":
		l.LeftOutReason = value.String()
	case "retry_in":
		l.RetryIn = value.String()
	case "unsettled":
		l.Unsettled = value.String()
	}
}

func timeOf(value slog.Value) time.Time {
	if value.Kind() != slog.KindTime {
		return time.Time{}
	}
	return value.Time()
}

func intOf(value slog.Value) int {
	if value.Kind() != slog.KindInt64 {
		return 0
	}
	return int(value.Int64())
}
