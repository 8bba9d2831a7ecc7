// Package cloudwatch reads the functions' log lines from CloudWatch Logs.
package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/stack/outputs"
	"commerce-segment/shared/loggable"
	"commerce-segment/shared/tracking"
)

// Insights are the operations of CloudWatch Logs that read logs. Logs Insights looks at
// all functions' logs in one query, gives the newest lines first, and takes a second
// or two however many log streams there are. FilterLogEvents costs nothing but begins
// with the oldest, a page of a megabyte at a time, log group by log group: a week of a
// busy shop would be thousands of calls. Insights costs half a cent for every gigabyte
// looked at, which is the log lines of half a million webhooks.
type Insights interface {
	StartQuery(context.Context, *cloudwatchlogs.StartQueryInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.StartQueryOutput, error)
	GetQueryResults(context.Context, *cloudwatchlogs.GetQueryResultsInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.GetQueryResultsOutput, error)
}

const (
	// linesAtMost bounds what is read: the lines of some 25,000 webhooks.
	linesAtMost = 50_000
	// linesInPage is the most that Insights gives at once.
	linesInPage = 10_000

	queryWithin = 2 * time.Minute
	askAgainIn  = 300 * time.Millisecond
)

// Logs are the functions' logs in CloudWatch.
type Logs struct {
	Client Insights
	Stack  string // its name
}

// Read implements executions.Log.
func (l Logs) Read(ctx context.Context, q executions.Query) (executions.Reading, error) {
	ctx, cancel := context.WithTimeout(ctx, queryWithin)
	defer cancel()
	started, err := l.Client.StartQuery(ctx, &cloudwatchlogs.StartQueryInput{
		LogGroupNames: l.groups(q.Trackings),
		QueryString:   aws.String(insightsQuery(q.Resource)),
		StartTime:     aws.Int64(q.Since.Unix()),
		EndTime:       aws.Int64(time.Now().Add(time.Minute).Unix()), // its clock and ours
		Limit:         aws.Int32(linesAtMost),
	})
	var missing *types.ResourceNotFoundException
	if errors.As(err, &missing) {
		return executions.Reading{}, fmt.Errorf("the logs of the stack %s are not where this version has them: deploy it again: %w", l.Stack, err)
	}
	if err != nil {
		return executions.Reading{}, fmt.Errorf("asking CloudWatch Logs for the functions' log lines: %w", err)
	}
	texts, err := l.results(ctx, started.QueryId)
	if err != nil {
		return executions.Reading{}, fmt.Errorf("reading the functions' log lines from CloudWatch Logs: %w", err)
	}
	return executions.Reading{Lines: q.Pick(texts), Cut: len(texts) >= linesAtMost}, nil
}

// groups are the log groups of trackings, of all where there are none.
func (l Logs) groups(trackings []tracking.Tracking) []string {
	if len(trackings) == 0 {
		trackings = tracking.All()
	}
	groups := make([]string, len(trackings))
	for i, t := range trackings {
		groups[i] = outputs.LogGroup(l.Stack, t)
	}
	return groups
}

// insightsQuery asks for the lines about webhooks, or about one order or customer. An
// id that is not as Commerce's are is looked for in all lines instead.
func insightsQuery(resource string) string {
	filter := `message in ["accept", "deliver"]`
	if loggable.IsID(resource) {
		filter += fmt.Sprintf(` and (resource = "%[1]s" or webhook_id = "%[1]s")`, resource)
	}
	return "fields @message | filter " + filter + " | sort @timestamp desc"
}

// results waits for a query to end and reads the lines that it found, page by page.
func (l Logs) results(ctx context.Context, query *string) (texts [][]byte, err error) {
	input := &cloudwatchlogs.GetQueryResultsInput{QueryId: query, MaxItems: aws.Int32(linesInPage)}
	for {
		output, err := l.Client.GetQueryResults(ctx, input)
		if err != nil {
			return nil, err
		}
		switch output.Status {
		case types.QueryStatusScheduled, types.QueryStatusRunning:
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(askAgainIn):
			}
			continue
		case types.QueryStatusComplete:
		default:
			return nil, fmt.Errorf("the query ended as %s: ask for less with --since or --tracking", output.Status)
		}
		for _, row := range output.Results {
			texts = append(texts, messageIn(row))
		}
		if output.NextToken == nil || len(output.Results) == 0 {
			return texts, nil
		}
		input.NextToken = output.NextToken
	}
}

// messageIn is the log line of a row.
func messageIn(row []types.ResultField) []byte {
	for _, field := range row {
		if aws.ToString(field.Field) == "@message" {
			return []byte(aws.ToString(field.Value))
		}
	}
	return nil
}
