// Package outputs is what a deployed store says about itself: the names of its
// stack, of the stack's outputs and of its logs. The stack writes them and the operator's
// program reads them, which has no need of CDK for that.
package outputs

import (
	"strings"

	"commerce-segment/shared/tracking"
)

// The outputs that a stack has once.
const (
	Prefix     = "Prefix"        // what the names of its parameters begin with
	Dashboard  = "DashboardUrl"  // for a browser
	AlarmTopic = "AlarmTopicArn" // for more subscriptions
	Revision   = "Revision"      // of the source that was deployed, as git describes it
)

// Webhook names the output with the URL to which Commerce posts a tracking's
// webhooks, "OrderCompletedWebhookUrl".
func Webhook(t tracking.Tracking) string { return Identifier(t.Name) + "WebhookUrl" }

// Queue names the output with the URL of a tracking's queue.
func Queue(t tracking.Tracking) string { return Identifier(t.Name) + "QueueUrl" }

// DeadLetters names the output with the URL of a tracking's dead-letter queue.
func DeadLetters(t tracking.Tracking) string { return Identifier(t.Name) + "DeadLetterQueueUrl" }

// StackName is the name of a prefix's stack, and what the name of everything in it
// that people look for begins with: the prefix without its first slash, the others
// doubled hyphens. A prefix has no doubled hyphen of its own, so two prefixes never
// give one name.
func StackName(prefix string) string {
	return strings.ReplaceAll(strings.TrimPrefix(prefix, "/"), "/", "--")
}

// LogGroup is where a tracking's function logs to, in the stack of that name.
func LogGroup(stack string, t tracking.Tracking) string { return "/aws/lambda/" + stack + "-" + t.Name }

// Identifier is a name as CloudFormation's ids have it: customer-created is
// CustomerCreated.
func Identifier(name string) string {
	var id strings.Builder
	for word := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == '-' || r == '/' }) {
		id.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return id.String()
}
