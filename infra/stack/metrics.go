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

// period returns the time that one point of a graph or of an alarm covers.
func period() awscdk.Duration { return awscdk.Duration_Minutes(jsii.Number(5)) }

// storeMetric returns a metric of the functions over all trackings.
func storeMetric(o Options, name, statistic string) awscloudwatch.Metric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace:     jsii.String(metrics.Namespace),
		MetricName:    jsii.String(name),
		DimensionsMap: &map[string]*string{metrics.DimensionPrefix: jsii.String(o.Prefix)},
		Statistic:     jsii.String(statistic),
		Period:        period(),
	})
}

// trackingMetric returns a metric of the functions for one tracking, labelled with its
// name.
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

// throttled is the metric of the requests that API Gateway itself answered with 429. No
// function receives them. An HTTP API has one metric for all 4xx, which also has the
// requests of unauthenticated clients. So they are counted from the log of the API. API
// Gateway may not log all of very many (Developer Guide, "Monitor HTTP APIs").
const throttled = "Throttled"

// dimensionAPI is the dimension of throttled, and the member of the API's log with its
// value.
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
