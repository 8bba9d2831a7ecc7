package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"

	"commerce-segment/shared/serve"
	"commerce-segment/shared/tracking"
)

// The stack's outputs. The operator's program finds a deployed store by them.
const (
	OutputPrefix     = "Prefix"        // Options.Prefix
	OutputDashboard  = "DashboardUrl"  // for a browser
	OutputAlarmTopic = "AlarmTopicArn" // for more subscriptions
)

// OutputWebhook names the output with the URL to which Commerce posts a tracking's
// webhooks, "OrderCompletedWebhookUrl".
func OutputWebhook(t tracking.Tracking) string { return identifier(t.Name) + "WebhookUrl" }

// OutputQueue names the output with the URL of a tracking's queue.
func OutputQueue(t tracking.Tracking) string { return identifier(t.Name) + "QueueUrl" }

// OutputDeadLetters names the output with the URL of a tracking's dead-letter queue.
func OutputDeadLetters(t tracking.Tracking) string { return identifier(t.Name) + "DeadLetterQueueUrl" }

func addOutputs(stack awscdk.Stack, o Options, api awsapigatewayv2.HttpApi, topic awssns.Topic, handlers []handler) {
	add := func(name string, value *string, description string) {
		awscdk.NewCfnOutput(stack, jsii.String(name), &awscdk.CfnOutputProps{
			Value: value, Description: jsii.String(description),
		})
	}
	add(OutputPrefix, jsii.String(o.Prefix), "What the names of the store's parameters begin with")
	add(OutputDashboard, dashboardURL(stack, o), "What to look at when something seems wrong")
	add(OutputAlarmTopic, topic.TopicArn(), "Where alarms go: subscribe whoever should hear of them")
	for _, h := range handlers {
		t := h.tracking
		add(OutputWebhook(t), jsii.String(*api.ApiEndpoint()+serve.Route(t.Name)),
			"The URL of Commerce's webhook for "+t.Title)
		add(OutputQueue(t), h.queue.QueueUrl(), "Where "+t.Title+" waits for delivery")
		add(OutputDeadLetters(t), h.deadLetters.QueueUrl(), "Where "+t.Title+" lies that could not be delivered")
	}
}
