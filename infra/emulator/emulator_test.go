package emulator

import (
	"strings"
	"testing"
)

func TestEmulatorsShareNoData(t *testing.T) {
	one, other := Start(t), Start(t)
	url := one.Call(t, "sqs", "create_queue", map[string]any{"QueueName": "orders"})["QueueUrl"]
	one.Call(t, "sqs", "send_message", map[string]any{"QueueUrl": url, "MessageBody": "an order"})
	received := one.Call(t, "sqs", "receive_message", map[string]any{"QueueUrl": url})
	messages, _ := received["Messages"].([]any)
	if len(messages) != 1 || messages[0].(map[string]any)["Body"] != "an order" {
		t.Errorf("received %v, want what was sent", messages)
	}
	if queues := other.Call(t, "sqs", "list_queues", nil)["QueueUrls"]; queues != nil {
		t.Errorf("the other emulator has %v", queues)
	}
}

func TestAnUnsupportedResourceTypeIsAnError(t *testing.T) {
	// moto itself skips it and reports success: a test of a deployment would pass with half
	// of the stack missing.
	_, err := Start(t).call("cloudformation", "create_stack", map[string]any{
		"StackName": "x", "TemplateBody": `{"Resources": {"X": {"Type": "AWS::Wisdom::Assistant", "Properties": {}}}}`,
	})
	if err == nil {
		t.Error("a stack with a type that the emulator does not know was created")
	}
}

func TestAnUnsupportedUpdateIsAnError(t *testing.T) {
	aws := Start(t)
	log := func(days string) map[string]any {
		return map[string]any{"StackName": "x", "TemplateBody": `{"Resources": {"X": {"Type": "AWS::Logs::LogGroup",
			"Properties": {"LogGroupName": "x", "RetentionInDays": ` + days + `}}}}`}
	}
	aws.Call(t, "cloudformation", "create_stack", log("30"))
	if _, err := aws.call("cloudformation", "update_stack", log("60")); err == nil {
		t.Error("an update was reported that was not made")
	}
}

func TestAnErrorOfAWSIsReturned(t *testing.T) {
	_, err := Start(t).call("ssm", "get_parameter", map[string]any{"Name": "/none"})
	if err == nil || !strings.Contains(err.Error(), "ParameterNotFound") {
		t.Errorf("the error is %v, want ParameterNotFound", err)
	}
}
