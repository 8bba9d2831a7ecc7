package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/interfaces/interfacesawscloudwatch"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"commerce-segment/infra/stack/outputs"
	"commerce-segment/infra/stack/runbook"
	"commerce-segment/shared/metrics"
	"commerce-segment/shared/tracking"
)

// maxAge is the age of the oldest queued event above which its alarm is on, in seconds.
const maxAge = 15 * 60

// maxWaitingAge is maxAge for the queue of events that are retried. The age on it is that of
// the oldest event that was received at most three times: SQS leaves out the others. While many
// events wait for Segment, an event may have no attempt for some time.
const maxWaitingAge = 60 * 60

// alarm is on when a metric is above a threshold as often as its rule says.
type alarm struct {
	runbook.Alarm
	of     tracking.Tracking // of an alarm that each tracking has
	metric awscloudwatch.Metric
	above  float64
	rule   rule
	// onSilence is set if the alarm is on when the metric is not above the threshold, or
	// missing.
	onSilence bool
}

// rule turns an alarm on when its metric is above the threshold in this number of the last
// periods.
type rule struct{ breaches, periods float64 }

var (
	// atOnce is for events that may already be lost. The alarm ends with the period, so it
	// is raised again for later events.
	atOnce = rule{1, 1}
	// untilTriedAgain is for events that are retried. Its 4 periods are longer than the longest
	// time between two attempts of an event, which is a quarter of an hour. So the alarm does
	// not end while the events still fail.
	untilTriedAgain = rule{1, 4}
	// repeatedly is for a problem that anybody on the internet can cause with a single
	// request, or that ends without an operator if it happens once. In a busy shop three
	// periods are a quarter of an hour. In a small one with a few webhooks a day they are
	// spread over many hours. So the rule looks at a whole day, the longest time that
	// CloudWatch allows.
	repeatedly = rule{3, 24 * 60 / 5}
)

// storeAlarms returns the alarms of the whole store.
func storeAlarms(o Options, api awsapigatewayv2.HttpApi) []alarm {
	add := func(a runbook.Alarm, m awscloudwatch.Metric, r rule) alarm {
		return alarm{Alarm: a, metric: m, rule: r}
	}
	return []alarm{
		add(runbook.ServerErrors, api.MetricServerError(sumOf()), atOnce),
		add(runbook.Throttled, throttledMetric(api), atOnce),
		add(runbook.Forged, storeMetric(o, metrics.Forged, "Sum"), repeatedly),
		add(runbook.Unverified, storeMetric(o, metrics.Unverified, "Sum"), repeatedly),
		add(runbook.Blocked, storeMetric(o, metrics.Blocked, "Sum"), untilTriedAgain),
		add(runbook.Late, storeMetric(o, metrics.Late, "Sum"), untilTriedAgain),
		add(runbook.Failed, storeMetric(o, metrics.Failed, "Sum"), atOnce),
		add(runbook.TooLarge, storeMetric(o, metrics.TooLarge, "Sum"), atOnce),
	}
}

// handlerAlarms returns the alarms of one tracking.
func handlerAlarms(h handler) []alarm {
	return []alarm{
		{Alarm: runbook.DeadLetters, of: h.tracking, metric: h.deadLetters.MetricApproximateNumberOfMessagesVisible(maximumOf()), rule: atOnce},
		{Alarm: runbook.Age, of: h.tracking, metric: h.queue.MetricApproximateAgeOfOldestMessage(maximumOf()), above: maxAge, rule: atOnce},
		{Alarm: runbook.Waiting, of: h.tracking, metric: h.waiting.MetricApproximateAgeOfOldestMessage(maximumOf()), above: maxWaitingAge, rule: atOnce},
		{Alarm: runbook.Errors, of: h.tracking, metric: h.function.MetricErrors(sumOf()), rule: atOnce},
		{Alarm: runbook.Throttles, of: h.tracking, metric: h.function.MetricThrottles(sumOf()), rule: atOnce},
	}
}

func sumOf() *awscloudwatch.MetricOptions {
	return &awscloudwatch.MetricOptions{Statistic: jsii.String("Sum"), Period: period()}
}

func maximumOf() *awscloudwatch.MetricOptions {
	return &awscloudwatch.MetricOptions{Statistic: jsii.String("Maximum"), Period: period()}
}

// newAlarms creates all alarms. Each publishes to the topic when it begins and when it
// ends.
func newAlarms(stack awscdk.Stack, o Options, topic awssns.ITopic, api awsapigatewayv2.HttpApi, handlers []handler) []interfacesawscloudwatch.IAlarmRef {
	rows := storeAlarms(o, api)
	for _, h := range handlers {
		rows = append(rows, handlerAlarms(h)...)
	}
	if o.Alarms.SilenceHours > 0 {
		rows = append(rows, silence(o))
	}
	action := awscloudwatchactions.NewSnsAction(topic)
	scope := constructs.NewConstruct(stack, jsii.String("Alarms"))
	var alarms []interfacesawscloudwatch.IAlarmRef
	for _, row := range rows {
		alarms = append(alarms, row.add(scope, o, action))
	}
	return alarms
}

// silence returns the alarm that no webhook was accepted for some hours. There is no metric
// while there is no webhook, so missing data is what it waits for.
func silence(o Options) alarm {
	accepted := storeMetric(o, metrics.Accepted, "Sum").With(&awscloudwatch.MetricOptions{Period: awscdk.Duration_Hours(jsii.Number(1))})
	hours := float64(o.Alarms.SilenceHours)
	return alarm{Alarm: runbook.Silent, metric: accepted, rule: rule{hours, hours}, onSilence: true}
}

func (a alarm) add(scope constructs.Construct, o Options, action awscloudwatch.IAlarmAction) awscloudwatch.Alarm {
	name := a.Name(a.of)
	props := awscloudwatch.AlarmProps{
		AlarmName:          o.name(name),
		AlarmDescription:   jsii.String(a.Description(o.Prefix, a.of)),
		Metric:             a.metric,
		Threshold:          jsii.Number(a.above),
		ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_THRESHOLD,
		EvaluationPeriods:  jsii.Number(a.rule.periods),
		DatapointsToAlarm:  jsii.Number(a.rule.breaches),
		TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING, // there was no webhook
	}
	if a.onSilence {
		props.ComparisonOperator = awscloudwatch.ComparisonOperator_LESS_THAN_OR_EQUAL_TO_THRESHOLD
		props.TreatMissingData = awscloudwatch.TreatMissingData_BREACHING
	}
	added := awscloudwatch.NewAlarm(scope, jsii.String(outputs.Identifier(name)), &props)
	added.AddAlarmAction(action)
	added.AddOkAction(action)
	return added
}
