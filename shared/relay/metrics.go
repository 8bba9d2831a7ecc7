package relay

import (
	"log/slog"
	"time"

	"commerce-segment/shared/metrics"
)

// metrics are the members of a log line that make it carry those values.
func (r *Relay) metrics(values []metrics.Value) []slog.Attr {
	if r.MetricsPrefix == "" {
		return nil
	}
	return metrics.Attrs(r.MetricsPrefix, r.Tracking.Name, time.Now(), values...)
}

// metrics is what an acceptance counts as.
func (a acceptance) metrics() []metrics.Value {
	switch {
	case a.unverified:
		return []metrics.Value{metrics.One(metrics.Accepted), metrics.One(metrics.Unverified)}
	case a.answer == accepted:
		return []metrics.Value{metrics.One(metrics.Accepted)}
	case a.answer == forged:
		return []metrics.Value{metrics.One(metrics.Forged)}
	case a.answer == tooLarge:
		return []metrics.Value{metrics.One(metrics.TooLarge)}
	case a.answer == unavailable:
		return []metrics.Value{metrics.One(metrics.Unavailable)}
	case a.failed:
		return []metrics.Value{metrics.One(metrics.Rejected), metrics.One(metrics.Failed)}
	default:
		return []metrics.Value{metrics.One(metrics.Rejected)}
	}
}

// metrics is what a delivery counts as.
func (p *parcel) metrics() []metrics.Value {
	switch o := p.outcome; {
	case o.fate == delivered && p.happened.IsZero():
		return []metrics.Value{metrics.One(metrics.Delivered)}
	case o.fate == delivered:
		return []metrics.Value{metrics.One(metrics.Delivered), {Name: metrics.DelayMilliseconds, Value: p.delay()}}
	case o.fate == failed && o.reason == reasonForged:
		return []metrics.Value{metrics.One(metrics.Failed), metrics.One(metrics.Forged)}
	case o.fate == failed:
		return []metrics.Value{metrics.One(metrics.Failed)}
	case o.fate == retrying:
		return p.retryMetrics()
	default:
		return []metrics.Value{metrics.One(metrics.Skipped)}
	}
}

// lateAfter is how long an event may wait before somebody should hear of it.
const lateAfter = 15 * time.Minute

// postponement is what a postponed delivery counts as.
func (p *parcel) retryMetrics() []metrics.Value {
	values := []metrics.Value{metrics.One(metrics.Retrying)}
	if p.outcome.operator {
		values = append(values, metrics.One(metrics.Blocked))
	}
	if time.Since(p.item.Envelope.Received) > lateAfter {
		values = append(values, metrics.One(metrics.Late))
	}
	return values
}

// delay is how long ago it happened, in milliseconds. Commerce's clock may be a
// little ahead of this one.
func (p *parcel) delay() int64 { return max(time.Since(p.happened), 0).Milliseconds() }
