package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"commerce-segment/infra/stack/runbook"
	"commerce-segment/shared/tracking"
)

// Limits is how many functions the account can run at the same time in the region, how many
// of them deliveries may use, and how often a limit was reached.
type Limits struct {
	Concurrency int // of the account
	Unreserved  int // what no function has reserved
	Deliveries  int // that the event source mappings may run, of the unreserved
	// Throttled is how many executions Lambda did not start, and Rejected how many webhooks API
	// Gateway answered with 429, both in the last LimitsPeriod.
	Throttled, Rejected int
}

// LimitsPeriod is how far back throttled executions are counted.
const LimitsPeriod = 7 * 24 * time.Hour

// Limits reads the limits of the account and how often they were reached.
func (d *Deployment) Limits(ctx context.Context) (Limits, error) {
	client := lambda.NewFromConfig(d.Config)
	account, err := client.GetAccountSettings(ctx, &lambda.GetAccountSettingsInput{})
	if err != nil {
		return Limits{}, fmt.Errorf("reading the limits of Lambda: %w", err)
	}
	if account.AccountLimit == nil {
		return Limits{}, errors.New("reading the limits of Lambda: the answer contains none")
	}
	l := Limits{Concurrency: int(account.AccountLimit.ConcurrentExecutions), Unreserved: int(aws.ToInt32(account.AccountLimit.UnreservedConcurrentExecutions))}
	for _, t := range d.Trackings() {
		concurrency, err := d.deliveryConcurrency(ctx, client, t, l.Unreserved)
		if err != nil {
			return Limits{}, err
		}
		l.Deliveries += concurrency
	}
	alarms, err := d.alarms(ctx)
	if err != nil {
		return Limits{}, err
	}
	now := time.Now()
	for _, t := range d.Trackings() {
		n, err := d.total(ctx, alarms[d.StackName()+"-"+runbook.Throttles.Name(t)], now)
		if err != nil {
			return Limits{}, err
		}
		l.Throttled += n
	}
	l.Rejected, err = d.total(ctx, alarms[d.StackName()+"-"+runbook.Throttled.Kind], now)
	return l, err
}

// deliveryConcurrency returns how many executions the event source mapping of a tracking may
// use of those that no function has reserved.
func (d *Deployment) deliveryConcurrency(ctx context.Context, client *lambda.Client, t tracking.Tracking, unreserved int) (sum int, err error) {
	name := d.StackName() + "-" + t.Name
	reserved, err := client.GetFunctionConcurrency(ctx, &lambda.GetFunctionConcurrencyInput{FunctionName: aws.String(name)})
	if err != nil {
		return 0, fmt.Errorf("reading the concurrency of the function %s: %w", name, err)
	}
	if reserved.ReservedConcurrentExecutions != nil {
		return 0, nil
	}
	mappings, err := d.deliveries(ctx, client, t)
	if err != nil {
		return 0, err
	}
	for _, m := range mappings.EventSourceMappings {
		if m.ScalingConfig == nil || m.ScalingConfig.MaximumConcurrency == nil {
			return unreserved, nil
		}
		sum += int(*m.ScalingConfig.MaximumConcurrency)
	}
	return sum, nil
}

// total returns the sum of the metric of an alarm in the last LimitsPeriod. An alarm that does
// not exist has none.
func (d *Deployment) total(ctx context.Context, alarm types.MetricAlarm, now time.Time) (total int, err error) {
	if alarm.MetricName == nil {
		return 0, nil
	}
	sums, err := d.sums(ctx, types.Metric{Namespace: alarm.Namespace, MetricName: alarm.MetricName, Dimensions: alarm.Dimensions}, now.Add(-LimitsPeriod), now, time.Hour)
	if err != nil {
		return 0, fmt.Errorf("reading the metric %s: %w", aws.ToString(alarm.MetricName), err)
	}
	for _, n := range sums {
		total += n
	}
	return total, nil
}
