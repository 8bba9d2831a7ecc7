// Package metrics is what the functions measure: the names, which the functions
// write and the alarms and dashboards read, and the form in which they stand in a
// log line.
package metrics

import (
	"log/slog"
	"time"
)

// Namespace is where CloudWatch keeps the metrics.
const Namespace = "CommerceSegment"

// The dimensions. Every metric is written twice over: under Prefix alone, which
// is what an alarm looks at (one metric to pay for, not seven), and under Prefix
// with Tracking.
const (
	DimensionPrefix   = "Prefix"   // where the store's parameters are, "/commerce-segment"
	DimensionTracking = "Tracking" // the tracking's name, "order-completed"
)

// The metrics. A metric that would be 0 is not written: CloudWatch charges for
// one in the hours in which something of it arrives. The unit is Count, but for
// DelayMilliseconds.
const (
	// When Commerce calls: one of these for each request.
	Accepted    = "Accepted"    // answered 202
	Forged      = "Forged"      // answered 401; at delivery, beside Buried, found forged only then
	Rejected    = "Rejected"    // answered 400 or 415: no webhook that can be read
	TooLarge    = "TooLarge"    // answered 413: lost
	Unavailable = "Unavailable" // answered 503: lost, unless Commerce tries again

	// Beside Accepted, where there was no secret yet to compare the key with.
	Unverified = "Unverified"

	// When an event's delivery ends: one of these for each attempt. Buried is beside
	// Refused, too, where that is kept among the dead letters. What SQS itself puts there,
	// after the last attempt, is in none of them.
	Delivered = "Delivered"
	Skipped   = "Skipped"
	Retrying  = "Retrying"
	Failed    = "Failed"

	// Beside Postponed, where it stays so until somebody mends something.
	Blocked = "Blocked"

	// Beside Postponed, where Commerce called more than a quarter of an hour ago. SQS
	// has no such metric: the age of its oldest message leaves out what was received
	// three times.
	Late = "Late"

	// Beside Delivered: from the fact's own time to Segment's answer.
	DelayMilliseconds = "DelayMilliseconds"
)

// Value is one measurement.
type Value struct {
	Name  string
	Value int64
}

// One is the value of a metric that counts, for one event.
func One(name string) Value { return Value{Name: name, Value: 1} }

// Attrs are the members that make a JSON log line carry the values: CloudWatch
// reads them out of the line, in its embedded metric format, and nobody has to
// call it.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
func Attrs(prefix, tracking string, at time.Time, values ...Value) []slog.Attr {
	d := directive{Namespace: Namespace, Dimensions: dimensions, Metrics: make([]definition, len(values))}
	attrs := make([]slog.Attr, 0, len(values)+3)
	attrs = append(attrs, slog.String(DimensionPrefix, prefix), slog.String(DimensionTracking, tracking))
	for i, v := range values {
		d.Metrics[i] = definition{Name: v.Name, Unit: unit(v.Name)}
		attrs = append(attrs, slog.Int64(v.Name, v.Value))
	}
	return append(attrs, slog.Any("_aws", metadata{Timestamp: at.UnixMilli(), CloudWatchMetrics: []directive{d}}))
}

func unit(name string) string {
	if name == DelayMilliseconds {
		return "Milliseconds"
	}
	return "Count"
}

var dimensions = [][]string{{DimensionPrefix}, {DimensionPrefix, DimensionTracking}}

// metadata is the member _aws of a line: which of its other members are metrics,
// and which are dimensions.
type metadata struct {
	Timestamp         int64 // milliseconds since 1970
	CloudWatchMetrics []directive
}

type directive struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []definition
}

type definition struct{ Name, Unit string }
