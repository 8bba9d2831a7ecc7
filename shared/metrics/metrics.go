// Package metrics has the names of the metrics, which the functions write and the alarms
// and the dashboard read, and the form of metrics in a log line.
package metrics

import (
	"log/slog"
	"time"
)

// Namespace is the CloudWatch namespace of the metrics.
const Namespace = "CommerceSegment"

// The dimensions. Every metric is written twice: with Prefix alone, which the alarms use
// (so a store pays for one metric and not for seven), and with Prefix and Tracking.
const (
	DimensionPrefix   = "Prefix"   // the prefix of the store's parameters, for example "/commerce-segment"
	DimensionTracking = "Tracking" // the name of the tracking, for example "order-completed"
)

// The metrics. A metric that would be 0 is not written: CloudWatch charges for a metric in
// each hour in which it has a value. The unit is Count, except for DelayMilliseconds.
const (
	// For each request of Commerce, one of these.
	Accepted    = "Accepted"    // answered 202
	Forged      = "Forged"      // answered 401; also with Failed, if the key is found to be forged at the delivery
	Rejected    = "Rejected"    // answered 400 or 415: not a readable webhook
	TooLarge    = "TooLarge"    // answered 413: the event is lost
	Unavailable = "Unavailable" // answered 503: the event is lost unless Commerce tries again

	// Unverified is in addition to Accepted, if there was no secret to compare the key with.
	Unverified = "Unverified"

	// For each attempt to deliver an event, one of these. Failed is also in addition to
	// Rejected, if the body becomes a dead letter. Events that SQS moves to the dead letters
	// after the last attempt are in none of them.
	Delivered = "Delivered"
	Skipped   = "Skipped"
	Retrying  = "Retrying"
	Failed    = "Failed"

	// Blocked is in addition to Retrying, if the operator must fix something.
	Blocked = "Blocked"

	// Late is in addition to Retrying, if Commerce posted the webhook more than 15 minutes
	// ago. SQS has no such metric: its age of the oldest message does not include messages
	// that were received three times.
	Late = "Late"

	// DelayMilliseconds is in addition to Delivered: from the event time to Segment's answer.
	DelayMilliseconds = "DelayMilliseconds"
)

// Value is one measurement.
type Value struct {
	Name  string
	Value int64
}

// One returns the value 1 of a metric.
func One(name string) Value { return Value{Name: name, Value: 1} }

// Attrs returns the attributes that add metrics to a JSON log line, in CloudWatch's
// embedded metric format. CloudWatch reads the metrics from the log, so the function makes
// no request.
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

// metadata is the member _aws of a line. It names the members that are metrics, and those
// that are dimensions.
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
