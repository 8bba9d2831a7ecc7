package site

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"commerce-segment/infra/stack/outputs"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// historyFolder is where a hub's directory keeps how far a backfill has come, and what
// was sent from here.
const historyFolder = "history"

// HistoryFile is a file about what was sent from this machine. Of a deployed store it is
// in the default directory.
func (s Site) HistoryFile(name string) string {
	return filepath.Join(cmp.Or(s.Dir, DefaultDir), historyFolder, name)
}

// Configs are the settings of all trackings, by their names. A store on this machine
// that has no Segment host sends to the inbox at that URL.
func (s Site) Configs(ctx context.Context, inbox string) (map[string]relay.Config, error) {
	configs := map[string]relay.Config{}
	for _, t := range tracking.All() {
		config, err := s.config(ctx, t, inbox)
		if err != nil {
			return nil, fmt.Errorf("the settings in %s: %w", s.Name, err)
		}
		configs[t.Name] = config
	}
	return configs, nil
}

func (s Site) config(ctx context.Context, t tracking.Tracking, inbox string) (relay.Config, error) {
	if home, isHere := s.Store.(Home); isHere {
		return home.Config(ctx, t, inbox)
	}
	parameters, err := s.Parameters(ctx, settings.Names(t))
	if err != nil {
		return relay.Config{}, err
	}
	return settings.Parse(t, parameters)
}

// LogsBegin is from when on the logs of all functions are complete: since they were
// created, as far back as they are kept.
func (d *Deployment) LogsBegin(ctx context.Context) (time.Time, error) {
	client := cloudwatchlogs.NewFromConfig(d.Config)
	stack := outputs.StackName(d.Outputs[outputs.Prefix])
	var begin time.Time
	for _, t := range tracking.All() {
		name := outputs.LogGroup(stack, t)
		answer, err := client.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String(name)})
		if err != nil {
			return time.Time{}, fmt.Errorf("asking CloudWatch Logs how far back the functions' logs go: %w", err)
		}
		for _, group := range answer.LogGroups {
			if aws.ToString(group.LogGroupName) != name {
				continue
			}
			begin = latest(begin, time.UnixMilli(aws.ToInt64(group.CreationTime)))
			if group.RetentionInDays != nil {
				begin = latest(begin, time.Now().AddDate(0, 0, -int(*group.RetentionInDays)))
			}
		}
	}
	return begin, nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
