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

// logAccept writes the one line of an acceptance.
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
	if a.why != nil {
		attrs = append(attrs, slog.String("detail", detailOf(a.why)))
	}
	r.Log.LogAttrs(ctx, acceptLevel(a), "accept", append(attrs, r.metrics(a.metrics())...)...)
}

// receivedKey is the member that an event's lines have in common: when Commerce
// posted it, to the nanosecond. A webhook's own id may come again.
const receivedKey = "received"

// about names the event that a line is of.
func about(w commerce.Webhook) []slog.Attr {
	return []slog.Attr{
		slog.String("event", loggable.Event(w.Event)),
		slog.String("webhook_id", loggable.ID(w.ID)),
		slog.Int("attempt", w.Attempt),
		slog.String("resource", loggable.ID(w.ResourceID)),
	}
}

// appendTime adds a time that is known.
func appendTime(attrs []slog.Attr, key string, t time.Time) []slog.Attr {
	if t.IsZero() {
		return attrs
	}
	return append(attrs, slog.Time(key, t.UTC()))
}

// acceptLevel is Error for what loses an event unless Commerce tries again, and
// Warn for what somebody should know of.
func acceptLevel(a acceptance) slog.Level {
	switch {
	case a.answer == tooLarge || a.answer.Status >= http.StatusInternalServerError:
		return slog.LevelError
	case a.answer != accepted || a.why != nil:
		return slog.LevelWarn
	default:
		return slog.LevelInfo
	}
}

// logDelivery writes the one line of a delivery.
func (r *Relay) logDelivery(ctx context.Context, p *parcel) {
	o := p.outcome
	attrs := append(about(p.webhook),
		slog.String("tracking", r.Tracking.Name),
		slog.Int("receives", p.item.Receives),
		slog.Any("message_ids", messageIDs(p.messages)),
		slog.String("outcome", o.fate.String()),
		slog.Int64("ms", time.Since(p.started).Milliseconds()),
	)
	attrs = appendTime(attrs, receivedKey, p.item.Envelope.Received)
	attrs = appendTime(attrs, "happened", p.happened)
	for _, optional := range []slog.Attr{
		slog.String("reason", o.reason),
		slog.String("detail", o.detail),
		slog.String("retry_in", retryIn(p.retryIn)),
		slog.String("unsettled", detailOf(p.unsettled)),
		slog.String("stack", o.stack),
	} {
		if optional.Value.String() != "" {
			attrs = append(attrs, optional)
		}
	}
	r.Log.LogAttrs(ctx, deliveryLevel(p), "deliver", append(attrs, r.metrics(p.metrics())...)...)
}

// deliveryLevel is Error for what somebody must mend or look at, and Warn for
// what mends itself.
func deliveryLevel(p *parcel) slog.Level {
	switch {
	case p.outcome.operator || p.outcome.fate == failed:
		return slog.LevelError
	case p.outcome.fate == retrying:
		return slog.LevelWarn
	default:
		return slog.LevelInfo
	}
}

func retryIn(delay time.Duration) string {
	if delay == 0 {
		return ""
	}
	return delay.Round(time.Millisecond).String()
}

func messageIDs(messages []segment.Message) []string {
	ids := make([]string, len(messages))
	for i, m := range messages {
		ids[i] = loggable.ID(m.ID)
	}
	return ids
}
