package stack

import (
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
)

// AlarmOptions say who receives the alarms, and when silence is one.
type AlarmOptions struct {
	// Emails are addresses that receive every alarm, after their owners have confirmed the
	// subscription by e-mail.
	Emails []string
	// URLs are HTTPS endpoints that receive every alarm and confirm the subscription
	// themselves, such as that of PagerDuty.
	URLs []string
	// Slack and Teams are the channels of Amazon Q Developer in chat applications:
	// WORKSPACE/CHANNEL, and TEAM/TENANT/CHANNEL.
	Slack, Teams []string
	// Topic is the ARN of an existing topic that receives every alarm. The stack then has no
	// topic of its own, and no subscription.
	Topic string
	// SilenceHours is the number of hours without a webhook after which there is an alarm. 0
	// is never. It has no other default: only the merchant knows how long a quiet night is,
	// and a false alarm each night would be ignored when it is right.
	SilenceHours int
}

// maxSilenceHours is the longest time that an alarm can look back (PutMetricAlarm,
// EvaluationPeriods).
const maxSilenceHours = 7 * 24

// alarmOptions reads the options about alarms.
func alarmOptions(r *optionReader) AlarmOptions {
	a := AlarmOptions{
		Emails:       r.list("alarmEmail", checkEmail),
		URLs:         r.list("alarmUrl", checkAlarmURL),
		Slack:        r.list("alarmSlack", checkSlack),
		Teams:        r.list("alarmTeams", checkTeams),
		Topic:        r.text("alarmTopic", "", checkTopic),
		SilenceHours: r.number("silenceHours", 0, between(0, maxSilenceHours)),
	}
	if a.Topic != "" && len(a.Emails)+len(a.URLs)+len(a.Slack)+len(a.Teams) > 0 {
		topic, _ := r.find("alarmTopic")
		r.add(topic, fmt.Errorf("alarmEmail, alarmUrl, alarmSlack and alarmTeams are subscriptions of the store's own topic, which is not created: "+
			"subscribe them to %s yourself, or leave alarmTopic out", a.Topic))
	}
	return a
}

// haveReceiver reports whether the alarms reach anyone.
func (a AlarmOptions) haveReceiver() bool {
	return a.Topic != "" || len(a.Emails)+len(a.URLs)+len(a.Slack)+len(a.Teams) > 0
}

func checkEmail(email string) error {
	address, err := mail.ParseAddress(email)
	if err != nil || address.Address != email {
		return fmt.Errorf("%q is not an e-mail address: use one such as on-call@example.com, or leave it out", email)
	}
	return nil
}

// checkAlarmURL checks the URL of an endpoint. Its error does not quote it, because it can
// contain a key.
func checkAlarmURL(text string) error {
	if u, err := url.Parse(text); err != nil || u.Scheme != "https" || u.Hostname() == "" {
		return errors.New("one of them is not an https URL: use one such as https://events.pagerduty.com/integration/KEY/enqueue, or leave it out")
	}
	return nil
}

// The patterns of CreateSlackChannelConfiguration and CreateMicrosoftTeamsChannelConfiguration.
var (
	slackChannel = regexp.MustCompile(`^[0-9A-Z]+/[A-Za-z0-9]+$`)
	teamsChannel = regexp.MustCompile(`^[0-9a-f-]{36}/[0-9a-f-]{36}/19(%3a|:)[A-Za-z0-9%@._-]+$`)
)

func checkSlack(text string) error {
	if !slackChannel.MatchString(text) {
		return fmt.Errorf("%q is not a channel of Slack: use the ids of the workspace and of the channel, such as T0123ABCD/C0123ABCD", text)
	}
	return nil
}

func checkTeams(text string) error {
	if !teamsChannel.MatchString(text) {
		return fmt.Errorf("%q is not a channel of Teams: use the ids of the team, of the tenant and of the channel, such as "+
			"12345678-1234-1234-1234-123456789012/12345678-1234-1234-1234-123456789012/19%%3aabc%%40thread.tacv2", text)
	}
	return nil
}

// topicARN is the ARN of a topic. An alarm cannot publish to a FIFO topic, whose name has a
// dot.
var topicARN = regexp.MustCompile(`^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$`)

func checkTopic(arn string) error {
	if !topicARN.MatchString(arn) {
		return fmt.Errorf("%q is not the ARN of a standard topic: use one such as arn:aws:sns:eu-west-1:123456789012:on-call, in the region of the store, or leave it out", arn)
	}
	return nil
}

// checkSilence reports an alarm for silence that would always be on: the metric of the accepted
// webhooks is in log lines of the level info.
func (r *optionReader) checkSilence(o Options) {
	if o.Alarms.SilenceHours > 0 && o.Logs.Level != defaultLogLevel {
		silence, _ := r.find("silenceHours")
		r.add(silence, fmt.Errorf("the functions count accepted webhooks only with logLevel %s: use that, or leave silenceHours out", defaultLogLevel))
	}
}
