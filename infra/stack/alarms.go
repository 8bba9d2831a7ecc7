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

// alarm is on when a metric is above a threshold as often as its rule says.
type alarm struct {
	runbook.Alarm
	of     tracking.Tracking // of an alarm that each tracking has
	metric awscloudwatch.Metric
	above  float64
	rule   rule
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
		{runbook.DeadLetters, h.tracking, h.deadLetters.MetricApproximateNumberOfMessagesVisible(maximumOf()), 0, atOnce},
		{runbook.Age, h.tracking, h.queue.MetricApproximateAgeOfOldestMessage(maximumOf()), maxAge, atOnce},
		{runbook.Errors, h.tracking, h.function.MetricErrors(sumOf()), 0, atOnce},
		{runbook.Throttles, h.tracking, h.function.MetricThrottles(sumOf()), 0, atOnce},
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
func newAlarms(stack awscdk.Stack, o Options, topic awssns.Topic, api awsapigatewayv2.HttpApi, handlers []handler) []interfacesawscloudwatch.IAlarmRef {
	rows := storeAlarms(o, api)
	for _, h := range handlers {
		rows = append(rows, handlerAlarms(h)...)
	}
	action := awscloudwatchactions.NewSnsAction(topic)
	scope := constructs.NewConstruct(stack, jsii.String("Alarms"))
	alarms := make([]interfacesawscloudwatch.IAlarmRef, len(rows))
	for i, row := range rows {
		a := row.add(scope, o)
		a.AddAlarmAction(action)
		a.AddOkAction(action)
		alarms[i] = a
	}
	return alarms
}

func (a alarm) add(scope constructs.Construct, o Options) awscloudwatch.Alarm {
	name := a.Name(a.of)
	return awscloudwatch.NewAlarm(scope, jsii.String(outputs.Identifier(name)), &awscloudwatch.AlarmProps{
		AlarmName:          o.name(name),
		AlarmDescription:   jsii.String(a.Description(o.Prefix, a.of)),
		Metric:             a.metric,
		Threshold:          jsii.Number(a.above),
		ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_THRESHOLD,
		EvaluationPeriods:  jsii.Number(a.rule.periods),
		DatapointsToAlarm:  jsii.Number(a.rule.breaches),
		TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING, // there was no webhook
	})
}

// newTopic creates the topic to which alarms publish. Without a key of the customer it is not
// encrypted at rest: CloudWatch cannot publish to a topic with SNS's own key, any other key costs
// money each month, and an alarm has no personal data.
func newTopic(stack awscdk.Stack, o Options) awssns.Topic {
	props := &awssns.TopicProps{
		TopicName:   o.name("alarms"),
		DisplayName: jsii.String("commerce-segment " + o.StackName()), // it may have no slash
		EnforceSSL:  jsii.Bool(true),
	}
	if key := keyOf(stack, o, "TopicKey"); key != nil {
		props.MasterKey = key
	}
	topic := awssns.NewTopic(stack, jsii.String("Topic"), props)
	// This policy replaces the default one, which allows the alarms of the account to
	// publish.
	publish := allow("AlarmsOfThisAccount", []*string{topic.TopicArn()}, "sns:Publish")
	publish.AddServicePrincipal(jsii.String("cloudwatch.amazonaws.com"), nil)
	publish.AddCondition(jsii.String("StringEquals"), map[string]any{"aws:SourceAccount": stack.Account()})
	topic.AddToResourcePolicy(publish)
	for _, email := range o.Alarms.Emails {
		awssns.NewSubscription(stack, jsii.String("AlarmEmail"+email), &awssns.SubscriptionProps{
			Topic: topic, Protocol: awssns.SubscriptionProtocol_EMAIL, Endpoint: jsii.String(email),
		})
	}
	return topic
}
