package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/jsii-runtime-go"

	"commerce-segment/shared/tracking"
)

// The metrics that the functions write into their log lines (CloudWatch's embedded
// metric format). What alarms and dashboard read and what the functions write are
// the same names: these.
//
// Every metric is written with two sets of dimensions: Store alone, which is what
// the alarms look at (one metric instead of seven to pay for), and Store with
// Tracking. A metric that would be 0 is not written: CloudWatch charges for a
// metric in the hours in which something arrives.
const (
	MetricNamespace = "CommerceSegment"

	DimensionStore    = "Store"    // the prefix, "/commerce-segment"
	DimensionTracking = "Tracking" // the tracking's name, "order-completed"

	// When Commerce calls: one of these for each request, unit Count.
	MetricAccepted   = "Accepted"   // answered 202
	MetricUnverified = "Unverified" // answered 202 too, but with no secret to compare with yet
	MetricForged     = "Forged"     // answered 401, or found forged at delivery: not kept
	MetricMalformed  = "Malformed"  // answered 400
	MetricTooLarge   = "TooLarge"   // answered 413: lost

	// When an event's delivery ends: one of these for each attempt, unit Count.
	MetricDelivered = "Delivered"
	MetricSkipped   = "Skipped"
	MetricPostponed = "Postponed"
	MetricBuried    = "Buried"

	// Beside Postponed, where it stays so until somebody mends something, unit Count.
	MetricBlocked = "Blocked"

	// Beside Delivered, from the fact's own time to Segment's answer, unit Milliseconds.
	MetricDelay = "Delay"
)

// period is how much time one point of a graph or of an alarm sums up.
func period() awscdk.Duration { return awscdk.Duration_Minutes(jsii.Number(5)) }

// storeMetric is one of the functions' metrics over all trackings.
func storeMetric(o Options, name, statistic string) awscloudwatch.Metric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace:     jsii.String(MetricNamespace),
		MetricName:    jsii.String(name),
		DimensionsMap: &map[string]*string{DimensionStore: jsii.String(o.Prefix)},
		Statistic:     jsii.String(statistic),
		Period:        period(),
	})
}

// trackingMetric is one of the functions' metrics of one tracking, labelled with
// its name.
func trackingMetric(o Options, t tracking.Tracking, name, statistic string) awscloudwatch.Metric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace:  jsii.String(MetricNamespace),
		MetricName: jsii.String(name),
		DimensionsMap: &map[string]*string{
			DimensionStore:    jsii.String(o.Prefix),
			DimensionTracking: jsii.String(t.Name),
		},
		Label:     jsii.String(t.Name),
		Statistic: jsii.String(statistic),
		Period:    period(),
	})
}
