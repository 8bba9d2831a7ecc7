package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/jsii-runtime-go"

	"commerce-segment/shared/metrics"
	"commerce-segment/shared/tracking"
)

// period is how much time one point of a graph or of an alarm sums up.
func period() awscdk.Duration { return awscdk.Duration_Minutes(jsii.Number(5)) }

// storeMetric is one of the functions' metrics over all trackings.
func storeMetric(o Options, name, statistic string) awscloudwatch.Metric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace:     jsii.String(metrics.Namespace),
		MetricName:    jsii.String(name),
		DimensionsMap: &map[string]*string{metrics.DimensionPrefix: jsii.String(o.Prefix)},
		Statistic:     jsii.String(statistic),
		Period:        period(),
	})
}

// trackingMetric is one of the functions' metrics of one tracking, labelled with
// its name.
func trackingMetric(o Options, t tracking.Tracking, name, statistic string) awscloudwatch.Metric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace:  jsii.String(metrics.Namespace),
		MetricName: jsii.String(name),
		DimensionsMap: &map[string]*string{
			metrics.DimensionPrefix:   jsii.String(o.Prefix),
			metrics.DimensionTracking: jsii.String(t.Name),
		},
		Label:     jsii.String(t.Name),
		Statistic: jsii.String(statistic),
		Period:    period(),
	})
}
