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

// maxAge is the age of the oldest queued event above which its alarm is on, in seconds.
const maxAge = 15 * 60

// alarm is on when a metric is above a threshold as often as its rule says.
type alarm struct {
	name     string
	metric   awscloudwatch.Metric
	above    float64
	rule     rule
	whatToDo string // what it means, and what to do
}

// rule turns an alarm on when its metric is above the threshold in this number of the last
// periods.
type rule struct{ breaches, periods float64 }

var (
	// atOnce is for events that may already be lost. The alarm ends with the period, so it
	// is raised again for later events.
	atOnce = rule{1, 1}
	// untilTriedAgain is for events that are retried. Its 15 periods are longer than the
	// longest time between two attempts, which is an hour and a fifth. So the alarm does
	// not end while the events still fail.
	untilTriedAgain = rule{1, 15}
	// repeatedly is for a problem that anybody on the internet can cause with a single
	// request, or that ends without an operator if it happens once. In a busy shop three
	// periods are a quarter of an hour. In a small one with a few webhooks a day they are
	// spread over many hours. So the rule looks at a whole day, the longest time that
	// CloudWatch allows.
	repeatedly = rule{3, 24 * 60 / 5}
)

// storeAlarms returns the alarms of the whole store.
func storeAlarms(o Options, api awsapigatewayv2.HttpApi) []alarm {
	return []alarm{
		{"api-5xx", api.MetricServerError(sumOf()), 0, atOnce,
			"The API answered Commerce with 5xx: these webhooks may be lost. Look at the log of the API, then at the log of the function."},
		{"api-429", throttledMetric(api), 0, atOnce,
			"API Gateway answered webhooks with 429 before a function received them: they are lost unless Commerce sends them again. The account's limit of requests a second in this region is reached, by this API or by another. The log of the API shows the callers. Ask AWS for a higher limit."},
		{"forged", storeMetric(o, metrics.Forged, "Sum"), 0, repeatedly,
			"Webhooks with a wrong secret were rejected in at least three 5-minute periods of the last 24 hours. (A few may come from any unauthenticated client, and are only in the log of the function.) If they came from Commerce, the secret key of the integration and the parameter commerce/webhook-secret differ: make them the same."},
		{"unverified", storeMetric(o, metrics.Unverified, "Sum"), 0, repeatedly,
			"Webhooks were accepted without a check of their secret, in at least three 5-minute periods of the last 24 hours. They are checked before delivery, and nothing is lost. The parameter commerce/webhook-secret is missing, or Parameter Store did not answer. Set the parameter if it is missing."},
		{"blocked", storeMetric(o, metrics.Blocked, "Sum"), 0, untilTriedAgain,
			"Events are retried until an operator fixes the cause: a template fails, the write key or the webhook secret is missing, Segment rejects the write key, or Commerce rejects the credentials. Nothing is lost for 30 hours. The log of the function has the reason. Fix it, and the events are delivered automatically."},
		{"late", storeMetric(o, metrics.Late, "Sum"), 0, untilTriedAgain,
			"Events could not be delivered for more than 15 minutes: Segment, or Commerce if a template calls it, is down or slow, or its address is wrong. Nothing is lost for 30 hours, and the events are delivered automatically when it answers again. The log of the function has the reason."},
		{"failed", storeMetric(o, metrics.Failed, "Sum"), 0, atOnce,
			"Events have just become dead letters. The alarms of the dead-letter queues name the tracking, but they stay on while a queue has dead letters, so they do not report later ones. This alarm is raised each time. The log of the function has the reason. Fix it, and redrive the dead letters."},
		{"too-large", storeMetric(o, metrics.TooLarge, "Sum"), 0, atOnce,
			"A webhook was too large to be stored, even compressed, and is lost. The log of the function has its size."},
	}
}

// handlerAlarms returns the alarms of one tracking.
func handlerAlarms(h handler) []alarm {
	name := h.tracking.Name
	return []alarm{
		{name + "-dead-letters", h.deadLetters.MetricApproximateNumberOfMessagesVisible(maximumOf()), 0, atOnce,
			"There are dead letters: events that could not be delivered. They are kept for 14 days after they failed, or after they were accepted if they failed because all attempts were used up. The log of the function has the reason. Fix it, and redrive them."},
		{name + "-age", h.queue.MetricApproximateAgeOfOldestMessage(maximumOf()), maxAge, atOnce,
			"Events have been in the queue for more than 15 minutes without an attempt to deliver them: the function does not run, or is too slow. Look at its errors, its throttles and its concurrency."},
		{name + "-errors", h.function.MetricErrors(sumOf()), 0, atOnce,
			"The function timed out or crashed. Events that it was delivering are delivered again automatically. A webhook that it was accepting may be lost. Look at its log."},
		{name + "-throttles", h.function.MetricThrottles(sumOf()), 0, atOnce,
			"Lambda did not run the function, and webhooks may be lost: the account's limit of concurrency is reached. Ask AWS for a higher limit, or reserve concurrency for the function."},
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
		TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING, // there was no webhook
	})
}

// newTopic creates the topic to which alarms publish. It is not encrypted at rest:
// CloudWatch cannot publish to a topic with SNS's own key, any other key costs money each
// month, and an alarm has no personal data.
func newTopic(stack awscdk.Stack, o Options) awssns.Topic {
	topic := awssns.NewTopic(stack, jsii.String("Topic"), &awssns.TopicProps{
		TopicName:   o.name("alarms"),
		DisplayName: jsii.String("commerce-segment " + o.Prefix),
		EnforceSSL:  jsii.Bool(true),
	})
	// This policy replaces the default one, which allows the alarms of the account to
	// publish.
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
