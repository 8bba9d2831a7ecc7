package stack

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awschatbot"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"
)

// newTopic returns the topic to which alarms publish: the existing one that the options name,
// or a new one with its subscriptions. Without a key of the customer it is not encrypted at rest:
// CloudWatch cannot publish to a topic with SNS's own key, any other key costs money each month,
// and an alarm has no personal data.
func newTopic(stack awscdk.Stack, o Options) awssns.ITopic {
	if o.Alarms.Topic != "" {
		return awssns.Topic_FromTopicArn(stack, jsii.String("Topic"), jsii.String(o.Alarms.Topic))
	}
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
		subscribe(stack, topic, awssns.SubscriptionProtocol_EMAIL, email)
	}
	for _, url := range o.Alarms.URLs {
		subscribe(stack, topic, awssns.SubscriptionProtocol_HTTPS, url)
	}
	addChats(stack, o, topic)
	if !o.Alarms.haveReceiver() {
		awscdk.Annotations_Of(stack).AddWarningV2(jsii.String("commerce-segment:no-one-receives-the-alarms"),
			jsii.String("No one receives the alarms: set alarmEmail, or another of the options in infra/docs/deploy.md."), nil)
	}
	return topic
}

// subscribe adds a subscription. Its logical id is that of the endpoint, so a change of one
// leaves the others as they are.
func subscribe(stack awscdk.Stack, topic awssns.ITopic, protocol awssns.SubscriptionProtocol, endpoint string) {
	awssns.NewSubscription(stack, idFor("Alarms", endpoint), &awssns.SubscriptionProps{
		Topic: topic, Protocol: protocol, Endpoint: jsii.String(endpoint),
	})
}

// idFor returns the id of a construct for one of several values, without the value,
// which can be secret.
func idFor(name, value string) *string {
	digest := sha256.Sum256([]byte(value))
	return jsii.String(name + hex.EncodeToString(digest[:4]))
}

// addChats adds a configuration of Amazon Q Developer for each channel of Slack and Teams. An
// administrator of the account must have connected the workspace or the team before.
func addChats(stack awscdk.Stack, o Options, topic awssns.ITopic) {
	if len(o.Alarms.Slack)+len(o.Alarms.Teams) == 0 {
		return
	}
	// The role has no permissions, so no one can do anything in the account from a channel.
	// The guardrail also limits the members who choose a role of their own.
	role := awsiam.NewRole(stack, jsii.String("ChatRole"), &awsiam.RoleProps{
		Description: jsii.String("Amazon Q Developer shows the alarms of " + o.Prefix + " in chats with it; it allows nothing"),
		AssumedBy:   awsiam.NewServicePrincipal(jsii.String("chatbot.amazonaws.com"), nil),
	})
	guardrail := jsii.Strings("arn:" + *stack.Partition() + ":iam::aws:policy/CloudWatchReadOnlyAccess")
	for _, channel := range o.Alarms.Slack {
		workspace, id, _ := strings.Cut(channel, "/")
		awschatbot.NewCfnSlackChannelConfiguration(stack, idFor("Slack", channel), &awschatbot.CfnSlackChannelConfigurationProps{
			ConfigurationName: o.name("alarms", strings.ToLower(id)),
			SlackWorkspaceId:  jsii.String(workspace), SlackChannelId: jsii.String(id),
			IamRoleArn: role.RoleArn(), GuardrailPolicies: guardrail, SnsTopicArns: &[]any{topic.TopicArn()},
		})
	}
	for _, channel := range o.Alarms.Teams {
		ids := strings.SplitN(channel, "/", 3)
		awschatbot.NewCfnMicrosoftTeamsChannelConfiguration(stack, idFor("Teams", channel), &awschatbot.CfnMicrosoftTeamsChannelConfigurationProps{
			ConfigurationName: o.name("alarms", *idFor("", channel)),
			TeamId:            jsii.String(ids[0]), TeamsTenantId: jsii.String(ids[1]), TeamsChannelId: jsii.String(ids[2]),
			IamRoleArn: role.RoleArn(), GuardrailPolicies: guardrail, SnsTopicArns: &[]*string{topic.TopicArn()},
		})
	}
}

// receivers describes who receives the alarms, for the outputs of the stack. Whether they have
// confirmed is not known when the stack is deployed.
func (a AlarmOptions) receivers(prefix string) string {
	var all []string
	for _, some := range []struct {
		n    int
		noun string
	}{{len(a.Emails), "E-mail addresses"}, {len(a.URLs), "URLs"}, {len(a.Slack), "Slack channels"}, {len(a.Teams), "Teams channels"}} {
		if some.n > 0 {
			all = append(all, fmt.Sprintf("%s: %d", some.noun, some.n))
		}
	}
	check := fmt.Sprintf(" bin/hub status --prefix %s says when no subscription is confirmed.", prefix)
	switch {
	case a.Topic != "":
		return "The subscribers of " + a.Topic + "." + check
	case len(all) == 0:
		return "No one: set alarmEmail, or another of the options in infra/docs/deploy.md." + check
	case len(a.Emails) > 0:
		check = " AWS sends each e-mail address a link to confirm." + check
	}
	return strings.Join(all, ", ") + "." + check
}
