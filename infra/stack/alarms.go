package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"commerce-segment/infra/stack/outputs"
	"commerce-segment/shared/metrics"
)

// maxAge is how old the oldest waiting event may be before somebody hears of it, in
// seconds.
const maxAge = 15 * 60

// alarm is one thing that somebody should hear of: a metric above a threshold, as
// often as its rule says.
type alarm struct {
	name     string
	metric   awscloudwatch.Metric
	above    float64
	rule     rule
	whatToDo string // what it means, and what to do
}

// rule is in how many of the last periods a metric must be above its threshold for
// its alarm to be on.
type rule struct{ breaches, periods float64 }

var (
	// atOnce is for what may already be lost, and is over with the period: what comes
	// later is heard of anew.
	atOnce = rule{1, 1}
	// untilTriedAgain is for events that wait. Its 15 periods are as many as lie between
	// two attempts at one that has waited for long: an hour, give or take a fifth. An
	// alarm that was over sooner would say so while the events still wait.
	untilTriedAgain = rule{1, 15}
	// repeatedly is for what anybody on the internet can cause with a single request,
	// and what mends itself if it is one. In a busy shop three periods are a quarter of
	// an hour. In a small one, which gets a few webhooks a day, they are spread over as
	// many hours: hence a whole day to find them in, the most that CloudWatch looks at.
	repeatedly = rule{3, 24 * 60 / 5}
)

// storeAlarms are those of a store as a whole.
func storeAlarms(o Options, api awsapigatewayv2.HttpApi) []alarm {
	return []alarm{
		{"api-5xx", api.MetricServerError(sumOf()), 0, atOnce,
			"Commerce was answered 5xx: those webhooks may be lost. Look at the API's log, then at the function's."},
		{"api-429", throttledMetric(api), 0, atOnce,
			"API Gateway answered 429 before any function saw the webhooks: they are lost, unless Commerce tries again. The account's requests a second in this region are used up, by this API or by another. The API's log has who called. Ask AWS for more."},
		{"forged", storeMetric(o, metrics.Forged, "Sum"), 0, repeatedly,
			"Webhooks came with a wrong secret and were not kept, in at least three 5-minute periods of the last 24 hours: fewer may be any stranger's, and are in the function's log only. If they came from Commerce, the integration's secret key and the parameter commerce/webhook-secret differ: make them the same."},
		{"unverified", storeMetric(o, metrics.Unverified, "Sum"), 0, repeatedly,
			"Webhooks wait unverified, and came so in at least three 5-minute periods of the last 24 hours: fewer mend themselves. The parameter commerce/webhook-secret is missing, or Parameter Store did not answer. Nothing is lost. Set it."},
		{"blocked", storeMetric(o, metrics.Blocked, "Sum"), 0, untilTriedAgain,
			"Events wait for somebody: a template fails, the write key or the webhook secret is missing, or Segment refuses the key, or Commerce its credentials. Nothing is lost for 30 hours. The function's log has the reason; mend it, and they flow by themselves."},
		{"late", storeMetric(o, metrics.Late, "Sum"), 0, untilTriedAgain,
			"Events could not be delivered for more than 15 minutes: Segment, or Commerce where a template asks it, is down or slow, or its address is wrong. Nothing is lost for 30 hours, and they flow by themselves. The function's log has the reason."},
		{"failed", storeMetric(o, metrics.Failed, "Sum"), 0, atOnce,
			"Events have just become dead letters. The alarms of the dead letters say of which tracking, but only the first time: they stay on while any is there, and this one comes anew. The function's log has the reason. Mend it, and redrive them."},
		{"too-large", storeMetric(o, metrics.TooLarge, "Sum"), 0, atOnce,
			"A webhook was too large to be kept, even compressed, and is lost. The function's log has its size."},
	}
}

// handlerAlarms are those of one tracking.
func handlerAlarms(h handler) []alarm {
	name := h.tracking.Name
	return []alarm{
		{name + "-dead-letters", h.deadLetters.MetricApproximateNumberOfMessagesVisible(maximumOf()), 0, atOnce,
			"There are events that could not be delivered. They are kept for 14 days: from when they were failed, or from when they came if every attempt was used up. The function's log has the reason. Mend it, and redrive them."},
		{name + "-age", h.queue.MetricApproximateAgeOfOldestMessage(maximumOf()), maxAge, atOnce,
			"Events have lain for more than 15 minutes and nobody has tried them: the function does not keep up, or does not run. Look at its errors, its throttles and its concurrency."},
		{name + "-errors", h.function.MetricErrors(sumOf()), 0, atOnce,
			"The function timed out or crashed. What it was delivering comes back by itself; a webhook that it was accepting may be lost. Look at its log."},
		{name + "-throttles", h.function.MetricThrottles(sumOf()), 0, atOnce,
			"Lambda refused to run the function, and webhooks may be lost: the account's concurrency is used up. Ask AWS for more, or reserve some."},
	}
}

func sumOf() *awscloudwatch.MetricOptions {
	return &awscloudwatch.MetricOptions{Statistic: jsii.String("Sum"), Period: period()}
}

func maximumOf() *awscloudwatch.MetricOptions {
	return &awscloudwatch.MetricOptions{Statistic: jsii.String("Maximum"), Period: period()}
}

// newAlarms creates all alarms. Each tells the topic when it begins and when it is
// over.
func newAlarms(stack awscdk.Stack, o Options, topic awssns.Topic, api awsapigatewayv2.HttpApi, handlers []handler) []awscloudwatch.IAlarm {
	rows := storeAlarms(o, api)
	for _, h := range handlers {
		rows = append(rows, handlerAlarms(h)...)
	}
	action := awscloudwatchactions.NewSnsAction(topic)
	scope := constructs.NewConstruct(stack, jsii.String("Alarms"))
	alarms := make([]awscloudwatch.IAlarm, len(rows))
	for i, row := range rows {
		a := row.add(scope, o)
		a.AddAlarmAction(action)
		a.AddOkAction(action)
		alarms[i] = a
	}
	return alarms
}

func (a alarm) add(scope constructs.Construct, o Options) awscloudwatch.Alarm {
	return awscloudwatch.NewAlarm(scope, jsii.String(outputs.Identifier(a.name)), &awscloudwatch.AlarmProps{
		AlarmName:          o.name(a.name),
		AlarmDescription:   jsii.String(a.whatToDo),
		Metric:             a.metric,
		Threshold:          jsii.Number(a.above),
		ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_THRESHOLD,
		EvaluationPeriods:  jsii.Number(a.rule.periods),
		DatapointsToAlarm:  jsii.Number(a.rule.breaches),
		TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING, // nobody shops
	})
}

// newTopic is where alarms go. It is not encrypted at rest: CloudWatch cannot
// publish to a topic under SNS's own key, a key of one's own costs money each month,
// and an alarm says nothing of a shopper.
func newTopic(stack awscdk.Stack, o Options) awssns.Topic {
	topic := awssns.NewTopic(stack, jsii.String("Topic"), &awssns.TopicProps{
		TopicName:   o.name("alarms"),
		DisplayName: jsii.String("commerce-segment " + o.Prefix),
		EnforceSSL:  jsii.Bool(true),
	})
	// A topic with a policy of its own loses the default one, by which the account's
	// alarms may publish.
	publish := allow("AlarmsOfThisAccount", []*string{topic.TopicArn()}, "sns:Publish")
	publish.AddServicePrincipal(jsii.String("cloudwatch.amazonaws.com"), nil)
	publish.AddCondition(jsii.String("StringEquals"), map[string]any{"aws:SourceAccount": stack.Account()})
	topic.AddToResourcePolicy(publish)
	if o.AlarmEmail != "" {
		awssns.NewSubscription(stack, jsii.String("AlarmEmail"), &awssns.SubscriptionProps{
			Topic: topic, Protocol: awssns.SubscriptionProtocol_EMAIL, Endpoint: jsii.String(o.AlarmEmail),
		})
	}
	return topic
}
