package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/shared/tracking"
)

// standIn is a CloudWatch Logs Insights with a number of lines. It returns them page by
// page, after a number of calls in which the query is still running. The emulator does
// neither.
type standIn struct {
	lines   int
	running int // the number of calls in which the query is still running
	status  types.QueryStatus
	err     error

	asked   *cloudwatchlogs.StartQueryInput
	queries int // calls of StartQuery
	results int // calls of GetQueryResults
}

func (s *standIn) StartQuery(_ context.Context, in *cloudwatchlogs.StartQueryInput, _ ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.StartQueryOutput, error) {
	s.asked = in
	s.queries++
	return &cloudwatchlogs.StartQueryOutput{QueryId: aws.String("q")}, s.err
}

func (s *standIn) GetQueryResults(_ context.Context, in *cloudwatchlogs.GetQueryResultsInput, _ ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.GetQueryResultsOutput, error) {
	s.results++
	if s.running > 0 {
		s.running--
		// A running query returns only a part of the lines.
		return &cloudwatchlogs.GetQueryResultsOutput{Status: types.QueryStatusRunning, Results: [][]types.ResultField{row(0)}}, nil
	}
	if s.status != types.QueryStatusComplete {
		return &cloudwatchlogs.GetQueryResultsOutput{Status: s.status}, nil
	}
	from, _ := strconv.Atoi(aws.ToString(in.NextToken))
	to := min(from+int(aws.ToInt32(in.MaxItems)), s.lines, int(aws.ToInt32(s.asked.Limit)))
	out := &cloudwatchlogs.GetQueryResultsOutput{Status: types.QueryStatusComplete}
	for i := from; i < to; i++ {
		out.Results = append(out.Results, row(i))
	}
	if to < s.lines && to < int(aws.ToInt32(s.asked.Limit)) {
		out.NextToken = aws.String(strconv.Itoa(to))
	}
	return out, nil
}

func row(i int) []types.ResultField {
	return []types.ResultField{
		{Field: aws.String("@message"), Value: aws.String(fmt.Sprintf(`{"timestamp":"2026-11-24T10:00:00Z","level":"INFO","message":"accept","tracking":"order-completed","outcome":"accepted","resource":"o-%d"}`, i))},
		{Field: aws.String("@ptr"), Value: aws.String(strconv.Itoa(i))},
	}
}

func TestLogLinesAreReadPageByPageUpToALimit(t *testing.T) {
	for _, c := range []struct {
		name            string
		stored, running int
		want, calls     int
		cut             bool
	}{
		{"none", 0, 0, 0, 1, false},
		{"a page", 1234, 2, 1234, 3, false},
		{"three pages", 25_000, 0, 25_000, 3, false},
		{"more lines than the limit", 200_000, 0, linesAtMost, 5, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				insights := &standIn{lines: c.stored, running: c.running, status: types.QueryStatusComplete}
				n, cut := 0, false
				for _, err := range (Logs{Client: insights, Stack: "shop", Trackings: tracking.All()}).All(t.Context(), executions.Query{To: time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)}) {
					switch {
					case err == nil:
						n++
					case errors.As(err, new(executions.ErrCut)):
						cut = true
					default:
						t.Fatal(err)
					}
				}
				if n != c.want || cut != c.cut || insights.results != c.calls {
					t.Errorf("%d executions in %d calls, cut %v; want %d in %d, %v", n, insights.results, cut, c.want, c.calls, c.cut)
				}
			})
		})
	}
}

func TestTheQueryForLogsInsights(t *testing.T) {
	since := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		q      executions.Query
		groups []string
		query  string
	}{
		{"an order", executions.Query{From: since, ID: "0b6f-1", Trackings: []tracking.Tracking{tracking.OrderCompleted}}, []string{"/aws/lambda/shop-order-completed"},
			`fields @message | filter message in ["accept", "deliver"] and (resource like "0b6f-1" or webhook_id like "0b6f-1" or number like "0b6f-1") | sort @timestamp desc`},
		// The id must not be able to change the query.
		{"an id with a quotation mark", executions.Query{From: since, ID: `x" or 1=1 | limit 1 #`}, nil,
			`fields @message | filter message in ["accept", "deliver"] | sort @timestamp desc`},
	} {
		t.Run(c.name, func(t *testing.T) {
			insights := &standIn{status: types.QueryStatusComplete}
			if _, err := (Logs{Client: insights, Stack: "shop", Trackings: tracking.All()}).Find(t.Context(), c.q, executions.Page{}); err != nil {
				t.Fatal(err)
			}
			if got := *insights.asked.QueryString; got != c.query {
				t.Errorf("the query is %s, want %s", got, c.query)
			}
			if got := insights.asked.LogGroupNames; c.groups != nil && !slices.Equal(got, c.groups) || c.groups == nil && len(got) != len(tracking.All()) {
				t.Errorf("the log groups are %q, want %q", got, c.groups)
			}
			if *insights.asked.StartTime != since.Unix() {
				t.Errorf("the start is %d, want %d", *insights.asked.StartTime, since.Unix())
			}
		})
	}
}

func TestAQueryThatFailsSaysWhatToDo(t *testing.T) {
	for _, c := range []struct {
		name     string
		insights standIn
		says     string
	}{
		{"the log groups do not exist", standIn{err: &types.ResourceNotFoundException{}}, "deploy it again"},
		{"the permission is missing", standIn{err: errors.New("AccessDenied: logs:StartQuery")}, "querying the functions' logs in CloudWatch Logs: AccessDenied"},
		{"the query times out", standIn{status: types.QueryStatusTimeout}, "status of the query is Timeout: reduce"},
		{"the query never ends", standIn{running: 1 << 30}, "deadline exceeded"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, err := Logs{Client: &c.insights, Stack: "shop", Trackings: tracking.All()}.Find(t.Context(), executions.Query{}, executions.Page{})
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("the error is %v, want %q", err, c.says)
				}
			})
		})
	}
}

// Each query reads all lines and costs money, so many questions need one query.
func TestTheLogOfATrackingThatIsNotDeployedIsEmpty(t *testing.T) {
	insights := &standIn{status: types.QueryStatusComplete}
	logs := Logs{Client: insights, Trackings: []tracking.Tracking{tracking.OrderCompleted}}
	found, err := logs.Find(t.Context(), executions.Query{Trackings: []tracking.Tracking{tracking.CustomerDeleted}}, executions.Page{})
	if err != nil || len(found.Rows) != 0 || insights.asked != nil {
		t.Errorf("%+v, %v", found, err)
	}
}

func TestManyQuestionsNeedOneQuery(t *testing.T) {
	insights := &standIn{lines: 10, status: types.QueryStatusComplete}
	if _, err := executions.Waits(t.Context(), Logs{Client: insights, Trackings: tracking.All()}, executions.Query{From: time.Now().Add(-time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if insights.queries != 1 {
		t.Errorf("it starts %d queries, want 1", insights.queries)
	}
}
