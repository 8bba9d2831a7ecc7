package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"

	"commerce-segment/infra/stack/outputs"
	"commerce-segment/shared/serve"
)

func addOutputs(stack awscdk.Stack, o Options, e endpoint, topic awssns.ITopic, handlers []handler) {
	add := func(name string, value *string, description string) {
		awscdk.NewCfnOutput(stack, jsii.String(name), &awscdk.CfnOutputProps{
			Value: value, Description: jsii.String(description),
		})
	}
	add(outputs.Prefix, jsii.String(o.Prefix), "The beginning of the names of the store's parameters")
	add(outputs.Dashboard, dashboardURL(stack, o), "The dashboard: look there if something seems wrong")
	add(outputs.AlarmTopic, topic.TopicArn(), "The topic of the alarms")
	add(outputs.AlarmReceivers, jsii.String(o.Alarms.receivers(o.Prefix)), "Who receives the alarms")
	add(outputs.Revision, jsii.String(o.Revision), "The deployed revision of the source, as git describes it")
	if e.target != nil {
		add(outputs.DomainTarget, e.target, "Point the domain here, with a CNAME record")
	}
	if o.KeyARN != "" {
		add(outputs.Key, jsii.String(o.KeyARN), "The key that encrypts the secrets of the store")
	}
	if len(o.Tags) > 0 {
		add(outputs.Tags, stack.ToJsonString(o.Tags, nil), "The tags of the parameters of the store, which hub configure adds")
	}
	if o.Retain {
		add(outputs.Retained, jsii.String("parameters, queues and logs"), "What stays when the stack is deleted")
	}
	for _, h := range handlers {
		t := h.tracking
		add(outputs.Webhook(t), jsii.String(e.address+serve.Route(t.Name)),
			"The URL of Commerce's webhook for "+t.Title)
		add(outputs.Queue(t), h.queue.QueueUrl(), "The queue of "+t.Title+", for accepted events")
		add(outputs.Waiting(t), h.waiting.QueueUrl(), "The queue of "+t.Title+" for events that are retried")
		add(outputs.DeadLetters(t), h.deadLetters.QueueUrl(), "The dead-letter queue of "+t.Title+", for events that could not be delivered")
	}
}
