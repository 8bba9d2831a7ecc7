package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"

	"commerce-segment/infra/stack/outputs"
	"commerce-segment/shared/serve"
)

func addOutputs(stack awscdk.Stack, o Options, api awsapigatewayv2.HttpApi, topic awssns.Topic, handlers []handler) {
	add := func(name string, value *string, description string) {
		awscdk.NewCfnOutput(stack, jsii.String(name), &awscdk.CfnOutputProps{
			Value: value, Description: jsii.String(description),
		})
	}
	add(outputs.Prefix, jsii.String(o.Prefix), "What the names of the store's parameters begin with")
	add(outputs.Dashboard, dashboardURL(stack, o), "What to look at when something seems wrong")
	add(outputs.AlarmTopic, topic.TopicArn(), "Where alarms go: subscribe whoever should hear of them")
	add(outputs.Revision, jsii.String(o.Revision), "What git says of the source that this was deployed from")
	for _, h := range handlers {
		t := h.tracking
		add(outputs.Webhook(t), jsii.String(*api.ApiEndpoint()+serve.Route(t.Name)),
			"The URL of Commerce's webhook for "+t.Title)
		add(outputs.Queue(t), h.queue.QueueUrl(), "Where "+t.Title+" waits for delivery")
		add(outputs.DeadLetters(t), h.deadLetters.QueueUrl(), "Where "+t.Title+" lies that could not be delivered")
	}
}
