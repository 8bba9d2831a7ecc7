package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"commerce-segment/infra/stack/outputs"
	"commerce-segment/infra/stack/runbook"
	"commerce-segment/shared/metrics"
)

// Alarms is the state of the alarms of a deployed store, and who receives them.
type Alarms struct {
	Firing []FiringAlarm
	Topic  string // the ARN of the topic to which they publish
	// Confirmed and Pending are the subscriptions of the topic. One that is pending receives
	// nothing.
	Confirmed, Pending int
}

// FiringAlarm is an alarm that is on, and since when.
type FiringAlarm struct {
	runbook.Firing
	Since time.Time
	Run   string // the command that helps
}

// Alarms reads which alarms are on, and how many subscriptions their topic has.
func (d *Deployment) Alarms(ctx context.Context) (Alarms, error) {
	alarms, err := d.alarms(ctx)
	if err != nil {
		return Alarms{}, err
	}
	since := map[string]time.Time{}
	for name, alarm := range alarms {
		if alarm.StateValue == types.StateValueAlarm {
			since[name] = aws.ToTime(cmp.Or(alarm.StateTransitionedTimestamp, alarm.StateUpdatedTimestamp))
		}
	}
	found := Alarms{Topic: d.Outputs[outputs.AlarmTopic]}
	for _, f := range runbook.Find(d.StackName(), func(name string) bool { _, on := since[name]; return on }) {
		firing := FiringAlarm{Firing: f, Run: f.Run(d.Outputs[outputs.Prefix])}
		for _, name := range f.Names {
			if firing.Since.IsZero() || since[name].Before(firing.Since) {
				firing.Since = since[name]
			}
		}
		found.Firing = append(found.Firing, firing)
	}
	found.Confirmed, found.Pending, err = d.subscriptions(ctx, found.Topic)
	return found, err
}

// maxAlarms is how many alarms one request returns (CloudWatch, DescribeAlarms).
const maxAlarms = 100

// alarms returns the alarms of the store by their names. It asks for them by name: the names
// of another store can begin with the name of this stack.
func (d *Deployment) alarms(ctx context.Context) (map[string]types.MetricAlarm, error) {
	client, alarms := cloudwatch.NewFromConfig(d.Config), map[string]types.MetricAlarm{}
	for names := range slices.Chunk(runbook.Names(d.StackName()), maxAlarms) {
		answer, err := client.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: names, MaxRecords: aws.Int32(maxAlarms)})
		if err != nil {
			return nil, fmt.Errorf("reading which alarms are on: %w", err)
		}
		for _, alarm := range answer.MetricAlarms {
			alarms[aws.ToString(alarm.AlarmName)] = alarm
		}
	}
	return alarms, nil
}

// subscriptions counts the subscriptions of a topic.
func (d *Deployment) subscriptions(ctx context.Context, topic string) (confirmed, pending int, err error) {
	pages := sns.NewListSubscriptionsByTopicPaginator(sns.NewFromConfig(d.Config), &sns.ListSubscriptionsByTopicInput{TopicArn: aws.String(topic)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, 0, fmt.Errorf("reading who receives the alarms: %w", err)
		}
		for _, s := range page.Subscriptions {
			switch arn := aws.ToString(s.SubscriptionArn); {
			case strings.HasPrefix(arn, "arn:"):
				confirmed++
			case arn == "PendingConfirmation":
				pending++
			}
		}
	}
	return confirmed, pending, nil
}

// point is the period of the metrics that the hub reads, which is that of the alarms.
const point = 5 * time.Minute

// Accepted returns how many webhooks were accepted in each period of five minutes that had
// some, by its beginning.
func (d *Deployment) Accepted(ctx context.Context, from, to time.Time) (map[time.Time]int, error) {
	counts, err := d.sums(ctx, types.Metric{
		Namespace: aws.String(metrics.Namespace), MetricName: aws.String(metrics.Accepted),
		Dimensions: []types.Dimension{{Name: aws.String(metrics.DimensionPrefix), Value: aws.String(d.Outputs[outputs.Prefix])}},
	}, from, to, point)
	if err != nil {
		return nil, fmt.Errorf("reading how many webhooks were accepted: %w", err)
	}
	return counts, nil
}

// sums returns the sums of a metric by the beginnings of its periods.
func (d *Deployment) sums(ctx context.Context, metric types.Metric, from, to time.Time, period time.Duration) (map[time.Time]int, error) {
	pages := cloudwatch.NewGetMetricDataPaginator(cloudwatch.NewFromConfig(d.Config), &cloudwatch.GetMetricDataInput{
		StartTime: aws.Time(from), EndTime: aws.Time(to),
		MetricDataQueries: []types.MetricDataQuery{{Id: aws.String("m"), MetricStat: &types.MetricStat{
			Metric: &metric, Period: aws.Int32(int32(period.Seconds())), Stat: aws.String("Sum"),
		}}},
	})
	sums := map[time.Time]int{}
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, result := range page.MetricDataResults {
			for i, at := range result.Timestamps {
				sums[at] += int(result.Values[i])
			}
		}
	}
	return sums, nil
}
