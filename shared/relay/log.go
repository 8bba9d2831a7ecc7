package relay

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/loggable"
	"commerce-segment/shared/segment"
)

// logAccept writes the log line of Accept.
func (r *Relay) logAccept(ctx context.Context, a acceptance, size int, started time.Time) {
	attrs := []slog.Attr{
		slog.String("tracking", r.Tracking.Name),
		slog.String("outcome", a.answer.Code),
		slog.Int("bytes", size),
		slog.Int64("ms", time.Since(started).Milliseconds()),
	}
	if a.webhook.ResourceID != "" {
		attrs = append(attrs, about(a.webhook)...)
	}
	attrs = appendTime(attrs, receivedKey, a.received)
	if a.err != nil {
		attrs = append(attrs, slog.String("detail", detailOf(a.err)))
	}
	r.Log.LogAttrs(ctx, acceptLevel(a), "accept", append(attrs, r.measure(a.measurement())...)...)
}

// receivedKey is the key of the time when Commerce posted the webhook, to the nanosecond.
// All lines of an event have the same. (Two webhooks may have the same id.)
const receivedKey = "received"

// about returns the attributes that identify an event.
func about(w commerce.Webhook) []slog.Attr {
	attrs := []slog.Attr{
		slog.String("event", loggable.Event(w.Event)),
		slog.String("webhook_id", loggable.ID(w.ID)),
		slog.Int("attempt", w.Attempt),
		slog.String("resource", loggable.ID(w.ResourceID)),
	}
	if number := loggable.OrderNumber(w.Number); number != "" {
		attrs = append(attrs, slog.String("number", number))
	}
	return attrs
}

// appendTime appends a time, unless it is zero.
func appendTime(attrs []slog.Attr, key string, t time.Time) []slog.Attr {
	if t.IsZero() {
		return attrs
	}
	return append(attrs, slog.Time(key, t.UTC()))
}

// acceptLevel returns Error if the event is lost unless Commerce tries again, and Warn if
// the operator should look at it.
func acceptLevel(a acceptance) slog.Level {
	switch {
	case a.answer == tooLarge || a.answer.Status >= http.StatusInternalServerError:
		return slog.LevelError
	case a.answer != accepted || a.err != nil:
		return slog.LevelWarn
	default:
		return slog.LevelInfo
	}
}

// logDelivery writes the log line of a delivery.
func (r *Relay) logDelivery(ctx context.Context, d *delivery) {
	o := d.outcome
	attrs := append(about(d.webhook),
		slog.String("tracking", r.Tracking.Name),
		slog.Int("receives", d.item.Receives),
		slog.Any("message_ids", messageIDs(d.messages)),
		slog.String("outcome", o.kind.String()),
		slog.Int64("ms", time.Since(d.started).Milliseconds()),
	)
	if n := len(d.messages); n > maxLoggedIDs {
		attrs = append(attrs, slog.Int("messages", n))
	}
	attrs = appendTime(attrs, receivedKey, d.item.Envelope.Received)
	attrs = appendTime(attrs, "event_time", d.eventTime)
	if o.kind == delivered && len(d.calls) > 0 {
		attrs = append(attrs, slog.Any("calls", d.calls))
	}
	if o.kind == delivered && d.sale.revenue != "" {
		attrs = append(attrs, slog.Any("revenue", d.sale.revenue), slog.String("currency", d.sale.currency))
	}
	if o.kind == delivered && d.leftOut.Calls > 0 {
		attrs = append(attrs, slog.Int("left_out", d.leftOut.Calls), slog.String("left_out_reason", d.leftOut.Reason))
	}
	if len(d.regulations) > 0 {
		attrs = append(attrs, slog.Any("regulations", d.regulations))
	}
	for _, optional := range []slog.Attr{
		slog.String("total", d.total),
		slog.String("reason", o.reason),
		slog.String("detail", o.detail),
		slog.String("retry_in", formatDelay(d.retryIn)),
		slog.String("unsettled", detailOf(d.settleErr)),
		slog.String("stack", o.stack),
	} {
		if optional.Value.String() != "" {
			attrs = append(attrs, optional)
		}
	}
	r.Log.LogAttrs(ctx, deliveryLevel(d), "deliver", append(attrs, r.measure(d.measurement())...)...)
}

// deliveryLevel returns Error if the operator must fix something or look at a dead
// letter, and Warn if the event is retried automatically.
func deliveryLevel(d *delivery) slog.Level {
	switch {
	case d.outcome.operator || d.outcome.kind == failed:
		return slog.LevelError
	case d.outcome.kind == retrying:
		return slog.LevelWarn
	default:
		return slog.LevelInfo
	}
}

// formatDelay returns a delay as text; "" for 0.
func formatDelay(delay time.Duration) string {
	if delay == 0 {
		return ""
	}
	return delay.Round(time.Millisecond).String()
}

// maxLoggedIDs is how many messages of an event a line lists. An event can have some
// 100,000, and CloudWatch takes no line over 256 KB.
const maxLoggedIDs = 100

func messageIDs(messages []segment.Message) []string {
	ids := make([]string, min(len(messages), maxLoggedIDs))
	for i, m := range messages[:len(ids)] {
		ids[i] = loggable.ID(m.ID)
	}
	return ids
}
