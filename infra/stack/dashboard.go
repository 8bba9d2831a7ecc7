package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/interfaces/interfacesawscloudwatch"
	"github.com/aws/jsii-runtime-go"

	"commerce-segment/infra/stack/runbook"
	"commerce-segment/shared/metrics"
)

// onCall returns the text of the dashboard for an engineer on call.
func onCall(o Options) string {
	return `## What to do
An event is **accepted** (the answer to Commerce was 202), queued, and then **delivered** to Segment or **skipped** (the tracking is disabled, the event is not observed, or the template filters it out). An event that cannot be delivered now is **retrying**, for up to 30 hours. An event that can never be delivered is **failed**: it is in the dead-letter queue for 14 days.

Of an alarm that each tracking has, … is the name of the tracking, and so is TRACKING in a command.

` + runbook.Table(o.Prefix)
}

// newDashboard creates the dashboard for an engineer on call: what to do, which alarms are
// on, and then the events from Commerce to Segment.
func newDashboard(stack awscdk.Stack, o Options, api awsapigatewayv2.HttpApi, handlers []handler, alarms []interfacesawscloudwatch.IAlarmRef) {
	board := awscloudwatch.NewDashboard(stack, jsii.String("Dashboard"), &awscloudwatch.DashboardProps{
		DashboardName:   dashboardName(stack, o),
		DefaultInterval: awscdk.Duration_Hours(jsii.Number(12)),
	})
	board.AddWidgets(
		awscloudwatch.NewTextWidget(&awscloudwatch.TextWidgetProps{
			Markdown: jsii.String(onCall(o)), Width: jsii.Number(14), Height: jsii.Number(15),
		}),
		awscloudwatch.NewAlarmStatusWidget(&awscloudwatch.AlarmStatusWidgetProps{
			Title: jsii.String("Alarms"), Alarms: &alarms, Width: jsii.Number(10), Height: jsii.Number(15),
			SortBy: awscloudwatch.AlarmStatusWidgetSortBy_STATE_UPDATED_TIMESTAMP,
		}),
	)
	board.AddWidgets(totals(o))
	for _, row := range graphs(o, api, handlers) {
		board.AddWidgets(row...)
	}
}

// totals returns a widget with the totals for the time range of the dashboard.
func totals(o Options) awscloudwatch.IWidget {
	var shown []awscloudwatch.IMetric
	for _, name := range []string{
		metrics.Accepted, metrics.Delivered, metrics.Skipped, metrics.Retrying, metrics.Failed,
		metrics.Blocked, metrics.Unverified, metrics.Forged, metrics.Rejected, metrics.TooLarge, metrics.Unavailable, metrics.Late,
	} {
		shown = append(shown, storeMetric(o, name, "Sum"))
	}
	return awscloudwatch.NewSingleValueWidget(&awscloudwatch.SingleValueWidgetProps{
		Title: jsii.String("Events"), Metrics: &shown, Width: jsii.Number(24), Height: jsii.Number(4),
		SetPeriodToTimeRange: jsii.Bool(true),
	})
}

// graphs returns the rows of graphs.
func graphs(o Options, api awsapigatewayv2.HttpApi, handlers []handler) [][]awscloudwatch.IWidget {
	ofTrackings := func(name string) []awscloudwatch.IMetric {
		return each(handlers, func(h handler) awscloudwatch.IMetric { return trackingMetric(o, h.tracking, name, "Sum") })
	}
	return [][]awscloudwatch.IWidget{
		{
			graph("Accepted", ofTrackings(metrics.Accepted)),
			graph("Delivered", ofTrackings(metrics.Delivered)),
			graph("Retrying", ofTrackings(metrics.Retrying)),
		},
		{
			graph("Failed", ofTrackings(metrics.Failed)),
			graph("Skipped", ofTrackings(metrics.Skipped)),
			graph("Time from the event to Segment (ms)", []awscloudwatch.IMetric{
				storeMetric(o, metrics.DelayMilliseconds, "p50"), storeMetric(o, metrics.DelayMilliseconds, "p95"), storeMetric(o, metrics.DelayMilliseconds, "Maximum"),
			}),
		},
		{
			graph("Age of the oldest queued event (s)", each(handlers, func(h handler) awscloudwatch.IMetric {
				return h.queue.MetricApproximateAgeOfOldestMessage(labelled(h, "Maximum"))
			})),
			graph("Events that are retried", each(handlers, func(h handler) awscloudwatch.IMetric {
				return h.waiting.MetricApproximateNumberOfMessagesVisible(labelled(h, "Maximum"))
			})),
			graph("Dead letters", each(handlers, func(h handler) awscloudwatch.IMetric {
				return h.deadLetters.MetricApproximateNumberOfMessagesVisible(labelled(h, "Maximum"))
			})),
		},
		{
			graph("Answers to Commerce", []awscloudwatch.IMetric{
				api.MetricCount(sumOf()), api.MetricClientError(sumOf()), api.MetricServerError(sumOf()), throttledMetric(api),
			}),
			graph("Functions: errors", each(handlers, func(h handler) awscloudwatch.IMetric {
				return h.function.MetricErrors(labelled(h, "Sum"))
			})),
			graph("Functions: longest run (ms)", each(handlers, func(h handler) awscloudwatch.IMetric {
				return h.function.MetricDuration(labelled(h, "Maximum"))
			})),
		},
	}
}

func graph(title string, metrics []awscloudwatch.IMetric) awscloudwatch.IWidget {
	return awscloudwatch.NewGraphWidget(&awscloudwatch.GraphWidgetProps{
		Title: jsii.String(title), Left: &metrics, Width: jsii.Number(8), Height: jsii.Number(6),
		LeftYAxis: &awscloudwatch.YAxisProps{Min: jsii.Number(0), ShowUnits: jsii.Bool(false)},
	})
}

func each(handlers []handler, metric func(handler) awscloudwatch.IMetric) []awscloudwatch.IMetric {
	metrics := make([]awscloudwatch.IMetric, len(handlers))
	for i, h := range handlers {
		metrics[i] = metric(h)
	}
	return metrics
}

func labelled(h handler, statistic string) *awscloudwatch.MetricOptions {
	return &awscloudwatch.MetricOptions{
		Label: jsii.String(h.tracking.Name), Statistic: jsii.String(statistic), Period: period(),
	}
}

// dashboardName returns the name of the dashboard. It has the region in it, because an account
// has the dashboards of all regions in one list.
func dashboardName(stack awscdk.Stack, o Options) *string { return o.name(*stack.Region()) }

// dashboardURL returns the URL of the dashboard in the AWS console.
func dashboardURL(stack awscdk.Stack, o Options) *string {
	region := *stack.Region()
	return jsii.String("https://" + region + ".console.aws.amazon.com/cloudwatch/home?region=" + region +
		"#dashboards/dashboard/" + *dashboardName(stack, o))
}
