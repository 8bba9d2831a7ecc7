package stack

import (
	"fmt"
	"strings"
	"testing"
)

const (
	slackID = "T0123ABCD/C0123ABCD"
	teamsID = "12345678-1234-1234-1234-123456789012/22345678-1234-1234-1234-123456789012/19%3aabc%40thread.tacv2"
)

func TestEveryReceiverOfTheAlarmsIsSubscribed(t *testing.T) {
	tmpl, err := synthesize(map[string]any{
		"alarmEmail": "on-call@example.com,ops@example.com", "alarmUrl": []any{"https://events.pagerduty.com/integration/KEY/enqueue"},
		"alarmSlack": slackID, "alarmTeams": teamsID,
	}, noCompiler{})
	if err != nil {
		t.Fatal(err)
	}
	topic := "arn:aws:sns:REGION:ACCOUNT:commerce-segment-alarms"
	for endpoint, protocol := range map[string]string{
		"on-call@example.com": "email", "ops@example.com": "email", "https://events.pagerduty.com/integration/KEY/enqueue": "https",
	} {
		subscription := tmpl.one(t, "AWS::SNS::Subscription", "Endpoint", endpoint)
		check(t, subscription, "Protocol", protocol)
		check(t, subscription, "TopicArn", topic)
	}
	slack := tmpl.one(t, "AWS::Chatbot::SlackChannelConfiguration", "SlackWorkspaceId", "T0123ABCD")
	check(t, slack, "SlackChannelId", "C0123ABCD")
	check(t, slack, "ConfigurationName", "commerce-segment-alarms-c0123abcd")
	teams := tmpl.one(t, "AWS::Chatbot::MicrosoftTeamsChannelConfiguration", "TeamId", "12345678-1234-1234-1234-123456789012")
	check(t, teams, "TeamsTenantId", "22345678-1234-1234-1234-123456789012")
	check(t, teams, "TeamsChannelId", "19%3aabc%40thread.tacv2")
	for _, chat := range []resource{slack, teams} {
		check(t, chat, "SnsTopicArns", []any{topic})
		check(t, chat, "GuardrailPolicies", []any{"arn:aws:iam::aws:policy/CloudWatchReadOnlyAccess"})
		role := tmpl.Resources[strings.TrimSuffix(fmt.Sprint(chat.at("IamRoleArn")), ".Arn")]
		check(t, role, "Policies", nil) // no one can do anything from a chat
		check(t, role, "ManagedPolicyArns", nil)
	}
	if got := fmt.Sprint(tmpl.Outputs["AlarmReceivers"].Value); !strings.HasPrefix(got,
		"E-mail addresses: 2, URLs: 1, Slack channels: 1, Teams channels: 1. AWS sends each e-mail address a link to confirm.") {
		t.Errorf("the output says %q", got)
	}
}

func TestAChangeOfOneReceiverLeavesTheOthers(t *testing.T) {
	// CloudFormation would unsubscribe an address whose resource has another id.
	ids := func(emails string) map[string]string {
		tmpl, err := synthesize(map[string]any{"alarmEmail": emails}, noCompiler{})
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]string{}
		for id, r := range tmpl.Resources {
			if r.Type == "AWS::SNS::Subscription" {
				found[fmt.Sprint(r.Properties["Endpoint"])] = id
			}
		}
		return found
	}
	both, one := ids("a@example.com,b@example.com"), ids("b@example.com")
	if one["b@example.com"] == "" || one["b@example.com"] != both["b@example.com"] {
		t.Errorf("the ids are %v, and without the first address %v", both, one)
	}
}

func TestAnExistingTopicReceivesTheAlarms(t *testing.T) {
	const topic = "arn:aws:sns:eu-west-1:123456789012:on-call"
	tmpl, err := synthesize(map[string]any{"alarmTopic": topic}, noCompiler{})
	if err != nil {
		t.Fatal(err)
	}
	for _, alarm := range tmpl.ofType("AWS::CloudWatch::Alarm") {
		check(t, alarm, "AlarmActions", []any{topic})
		check(t, alarm, "OKActions", []any{topic})
	}
	if own := tmpl.ofType("AWS::SNS::Topic"); len(own) > 0 {
		t.Errorf("the stack has a topic too: %v", own)
	}
	if got := tmpl.Outputs["AlarmTopicArn"].Value; got != topic {
		t.Errorf("the output is %v", got)
	}
	_, err = synthesizeSource(map[string]any{"alarmTopic": topic, "alarmEmail": "on-call@example.com"}, noCompiler{})
	checkError(t, err, "context value alarmTopic: ")
	checkError(t, err, "subscribe them to "+topic+" yourself")
}

func TestSilenceIsAnAlarmIfItIsAskedFor(t *testing.T) {
	_, err := synthesizeSource(map[string]any{"silenceHours": 12, "logLevel": "warn"}, noCompiler{})
	checkError(t, err, "context value silenceHours: the functions count accepted webhooks only with logLevel info")
	tmpl, err := synthesize(map[string]any{"silenceHours": "12"}, noCompiler{})
	if err != nil {
		t.Fatal(err)
	}
	alarm := tmpl.one(t, "AWS::CloudWatch::Alarm", "AlarmName", "commerce-segment-silent")
	for property, want := range map[string]any{
		"MetricName": "Accepted", "Statistic": "Sum", "Period": 3600.0, "EvaluationPeriods": 12.0, "DatapointsToAlarm": 12.0,
		"Threshold": 0.0, "ComparisonOperator": "LessThanOrEqualToThreshold", "TreatMissingData": "breaching", // there is no metric without a webhook
	} {
		check(t, alarm, property, want)
	}
}
