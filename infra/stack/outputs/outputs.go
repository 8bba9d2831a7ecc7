// Package outputs has the names by which a deployed store is found: of its stack, of the
// stack's outputs and of its logs. The stack uses them, and the operator's program, which
// so does not need CDK.
package outputs

import (
	"strings"

	"commerce-segment/shared/tracking"
)

// The outputs that a stack has once.
const (
	Prefix         = "Prefix"         // the beginning of the names of its parameters
	Dashboard      = "DashboardUrl"   // for a browser
	AlarmTopic     = "AlarmTopicArn"  // to which the alarms publish
	AlarmReceivers = "AlarmReceivers" // who receives them, for a person who deploys
	Revision       = "Revision"       // of the source that was deployed, as git describes it

	// These are missing in a store without the option.
	DomainTarget = "DomainTarget" // the name to which its domain must point
	Key          = "KeyArn"       // of the customer's key for its secrets
	Tags         = "Tags"         // of its parameters, an object of strings in JSON
	Retained     = "Retained"     // what stays when it is deleted
)

// Webhook returns the name of the output with the URL to which Commerce posts a tracking's
// webhooks, "OrderCompletedWebhookUrl".
func Webhook(t tracking.Tracking) string { return Identifier(t.Name) + "WebhookUrl" }

// Queue returns the name of the output with the URL of a tracking's queue.
func Queue(t tracking.Tracking) string { return Identifier(t.Name) + "QueueUrl" }

// Waiting returns the name of the output with the URL of the queue of a tracking's events that
// are retried.
func Waiting(t tracking.Tracking) string { return Identifier(t.Name) + "WaitingQueueUrl" }

// DeadLetters returns the name of the output with the URL of a tracking's dead-letter queue.
func DeadLetters(t tracking.Tracking) string { return Identifier(t.Name) + "DeadLetterQueueUrl" }

// StackName returns the name of the stack of a prefix: the prefix without its first slash,
// and with two hyphens for each other slash. The names of the resources of the stack begin
// with it. A prefix never has two hyphens in a row, so two prefixes never have the same
// name.
func StackName(prefix string) string {
	return strings.ReplaceAll(strings.TrimPrefix(prefix, "/"), "/", "--")
}

// PrefixOf returns the prefix of the stack with this name.
func PrefixOf(stack string) string { return "/" + strings.ReplaceAll(stack, "--", "/") }

// LogGroup returns the name of the log group of a tracking's function in a stack.
func LogGroup(stack string, t tracking.Tracking) string { return "/aws/lambda/" + stack + "-" + t.Name }

// Identifier returns a name in the form of CloudFormation's ids: CustomerCreated for
// customer-created.
func Identifier(name string) string {
	var id strings.Builder
	for word := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == '-' || r == '/' }) {
		id.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return id.String()
}
