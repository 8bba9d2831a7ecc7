// Package cloudwatch reads the functions' log lines from CloudWatch Logs.
package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/stack/outputs"
	"commerce-segment/shared/loggable"
	"commerce-segment/shared/tracking"
)

// Insights has the operations of CloudWatch Logs Insights. One query reads the logs of all
// functions, returns the newest lines first, and takes one or two seconds for any number of
// log streams. FilterLogEvents is free, but begins with the oldest line, and reads one log
// group in pages of a megabyte: a week of a busy store would take thousands of calls.
// Insights costs half a cent for each gigabyte, which is the log lines of half a million
// webhooks.
type Insights interface {
	StartQuery(context.Context, *cloudwatchlogs.StartQueryInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.StartQueryOutput, error)
	GetQueryResults(context.Context, *cloudwatchlogs.GetQueryResultsInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.GetQueryResultsOutput, error)
}

const (
	// linesAtMost limits the lines that are read, to those of about 25,000 webhooks.
	linesAtMost = 50_000
	// linesInPage is the most lines that Insights returns in a page.
	linesInPage = 10_000

	queryWithin = 2 * time.Minute
	askAgainIn  = 300 * time.Millisecond
)

// Logs are the functions' logs in CloudWatch.
type Logs struct {
	Client    Insights
	Stack     string              // its name
	Trackings []tracking.Tracking // that are deployed
}

var _ executions.Remote = Logs{}

// Find implements executions.Log. It reads all lines of the period, and finds the executions
// in memory.
func (l Logs) Find(ctx context.Context, q executions.Query, page executions.Page) (executions.Found, error) {
	all, err := l.Load(ctx, q)
	if err != nil {
		return executions.Found{}, err
	}
	return all.Find(ctx, q, page)
}

// All implements executions.Log.
func (l Logs) All(ctx context.Context, q executions.Query) iter.Seq2[executions.Execution, error] {
	return func(yield func(executions.Execution, error) bool) {
		all, err := l.Load(ctx, q)
		if err != nil {
			yield(executions.Execution{}, err)
			return
		}
		all.All(ctx, q)(yield)
	}
}

// Load implements executions.Remote. It returns the executions of the lines from the start of
// the query's period on: lines after its end may be about webhooks that were received before.
// Of what the query selects, it applies only what all lines of a webhook have in common.
func (l Logs) Load(ctx context.Context, q executions.Query) (all executions.Memory, err error) {
	ctx, cancel := context.WithTimeout(ctx, queryWithin)
	defer cancel()
	groups := l.groups(q.Trackings)
	if len(groups) == 0 { // none of the trackings is deployed
		return all, nil
	}
	from, _ := q.Bounds(time.Now())
	started, err := l.Client.StartQuery(ctx, &cloudwatchlogs.StartQueryInput{
		LogGroupNames: groups,
		QueryString:   aws.String(insightsQuery(q.ID)),
		StartTime:     aws.Int64(from.Unix()),
		EndTime:       aws.Int64(time.Now().Add(time.Minute).Unix()), // AWS's clock may differ from ours
		Limit:         aws.Int32(linesAtMost),
	})
	var missing *types.ResourceNotFoundException
	if errors.As(err, &missing) {
		return all, fmt.Errorf("the stack %s does not have the log groups of this version: deploy it again: %w", l.Stack, err)
	}
	if err != nil {
		return all, fmt.Errorf("querying the functions' logs in CloudWatch Logs: %w", err)
	}
	texts, err := l.results(ctx, started.QueryId)
	if err != nil {
		return all, fmt.Errorf("reading the functions' logs from CloudWatch Logs: %w", err)
	}
	all.List = executions.Of(executions.ParseAll(texts))
	if len(texts) >= linesAtMost && len(all.List) > 0 {
		all.Begins = all.List[len(all.List)-1].Received
	}
	return all, nil
}

// groups returns the log groups of those of the trackings that are deployed, or of all that
// are if no tracking is given.
func (l Logs) groups(trackings []tracking.Tracking) (groups []string) {
	for _, t := range l.Trackings {
		if len(trackings) == 0 || slices.ContainsFunc(trackings, func(other tracking.Tracking) bool { return other.Name == t.Name }) {
			groups = append(groups, outputs.LogGroup(l.Stack, t))
		}
	}
	return groups
}

// insightsQuery returns the query for the lines about all webhooks, or about those with an id
// or the beginning of one. It does not contain an id that could not be one of Commerce: the
// executions are selected in memory too.
func insightsQuery(id string) string {
	filter := `message in ["accept", "deliver"]`
	if loggable.IsID(id) {
		filter += fmt.Sprintf(` and (resource like "%[1]s" or webhook_id like "%[1]s" or number like "%[1]s")`, id)
	}
	return "fields @message | filter " + filter + " | sort @timestamp desc"
}

// results waits until a query is complete, and returns its lines, page by page.
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
			return nil, fmt.Errorf("the status of the query is %s: reduce the query with --since or --tracking", output.Status)
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

// messageIn returns the log line in a row.
func messageIn(row []types.ResultField) []byte {
	for _, field := range row {
		if aws.ToString(field.Field) == "@message" {
			return []byte(aws.ToString(field.Value))
		}
	}
	return nil
}
