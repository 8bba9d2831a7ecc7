package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
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

// throttled counts the requests that API Gateway answered with 429 by itself: no
// function sees them, and an HTTP API has one metric for all 4xx, in which they would
// be lost among strangers' requests. So they are counted out of the API's log. Of a
// flood of them API Gateway may not log every one (Developer Guide, "Monitor HTTP APIs").
const throttled = "Throttled"

// dimensionAPI is throttled's dimension, and the member of the API's log that has it.
const dimensionAPI = "ApiId"

func countThrottled(o Options, log awslogs.LogGroup) {
	awslogs.NewMetricFilter(log, jsii.String("Throttled"), &awslogs.MetricFilterProps{
		LogGroup:        log,
		FilterName:      o.name("throttled"),
		FilterPattern:   awslogs.FilterPattern_StringValue(jsii.String("$.status"), jsii.String("="), jsii.String("429")),
		MetricNamespace: jsii.String(metrics.Namespace),
		MetricName:      jsii.String(throttled),
		MetricValue:     jsii.String("1"),
		Dimensions:      &map[string]*string{dimensionAPI: jsii.String("$." + dimensionAPI)},
	})
}

func throttledMetric(api awsapigatewayv2.HttpApi) awscloudwatch.Metric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace:     jsii.String(metrics.Namespace),
		MetricName:    jsii.String(throttled),
		DimensionsMap: &map[string]*string{dimensionAPI: api.ApiId()},
		Statistic:     jsii.String("Sum"),
		Period:        period(),
	})
}
