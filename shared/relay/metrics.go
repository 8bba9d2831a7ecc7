package relay

import (
	"log/slog"
	"time"

	"commerce-segment/shared/metrics"
)

// Measurement is what one acceptance or one delivery adds to the metrics.
type Measurement struct {
	Outcome string // accepted or rejected, or that of a delivery
	Reason  string // short and stable; empty for accepted and delivered
	Values  []metrics.Value
}

// measure passes a measurement on, and returns the attributes that put its metrics into a log
// line. It returns none if the relay has no MetricsPrefix.
func (r *Relay) measure(m Measurement) []slog.Attr {
	if r.Measured != nil {
		r.Measured(m)
	}
	if r.MetricsPrefix == "" {
		return nil
	}
	return metrics.Attrs(r.MetricsPrefix, r.Tracking.Name, time.Now(), m.Values...)
}

// measurement returns the measurement of an acceptance.
func (a acceptance) measurement() Measurement {
	if a.answer == accepted {
		return Measurement{Outcome: accepted.Code, Values: a.metrics()}
	}
	return Measurement{Outcome: "rejected", Reason: a.answer.Code, Values: a.metrics()}
}

// measurement returns the measurement of a delivery.
func (d *delivery) measurement() Measurement {
	return Measurement{Outcome: d.outcome.kind.String(), Reason: d.outcome.reason, Values: d.metrics()}
}

// metrics returns the metrics of an acceptance.
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

// metrics returns the metrics of a delivery.
func (d *delivery) metrics() []metrics.Value {
	switch o := d.outcome; {
	case o.kind == delivered && d.eventTime.IsZero():
		return []metrics.Value{metrics.One(metrics.Delivered)}
	case o.kind == delivered:
		return []metrics.Value{metrics.One(metrics.Delivered), {Name: metrics.DelayMilliseconds, Value: d.delay()}}
	case o.kind == failed && o.reason == reasonForged:
		return []metrics.Value{metrics.One(metrics.Failed), metrics.One(metrics.Forged)}
	case o.kind == failed:
		return []metrics.Value{metrics.One(metrics.Failed)}
	case o.kind == retrying:
		return d.retryMetrics()
	default:
		return []metrics.Value{metrics.One(metrics.Skipped)}
	}
}

// lateAfter is the age from which a retried event is reported as late.
const lateAfter = 15 * time.Minute

// retryMetrics returns the metrics of a delivery that is retried.
func (d *delivery) retryMetrics() []metrics.Value {
	values := []metrics.Value{metrics.One(metrics.Retrying)}
	if d.outcome.operator {
		values = append(values, metrics.One(metrics.Blocked))
	}
	if time.Since(d.item.Envelope.Received) > lateAfter {
		values = append(values, metrics.One(metrics.Late))
	}
	return values
}

// delay returns the time since the event time, in milliseconds. It is never negative:
// Commerce's clock may be a little ahead of this one.
func (d *delivery) delay() int64 { return max(time.Since(d.eventTime), 0).Milliseconds() }
