package stack

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"commerce-segment/infra/stack/outputs"
	"commerce-segment/infra/stack/runbook"
	"commerce-segment/shared/tracking"
)

func TestAlarmsOfTheStack(t *testing.T) {
	type want struct {
		name, namespace, metric, statistic string
		threshold                          float64
		dimensions                         map[string]any
		breaches, periods                  float64 // of 5 minutes each
	}
	store := map[string]any{"Prefix": "/commerce-segment"}
	wants := []want{
		{"api-5xx", "AWS/ApiGateway", "5xx", "Sum", 0, map[string]any{"ApiId": "ApiF70053CD"}, 1, 1},
		{"api-429", "CommerceSegment", "Throttled", "Sum", 0, map[string]any{"ApiId": "ApiF70053CD"}, 1, 1},
		// One request of an unauthenticated client raises no alarm. A few webhooks a day of
		// a small shop do.
		{"forged", "CommerceSegment", "Forged", "Sum", 0, store, 3, 288},
		{"unverified", "CommerceSegment", "Unverified", "Sum", 0, store, 3, 288},
		{"blocked", "CommerceSegment", "Blocked", "Sum", 0, store, 1, 4},
		{"late", "CommerceSegment", "Late", "Sum", 0, store, 1, 4},
		{"failed", "CommerceSegment", "Failed", "Sum", 0, store, 1, 1}, // ends at once, so that the next one is reported
		{"too-large", "CommerceSegment", "TooLarge", "Sum", 0, store, 1, 1},
	}
	for _, row := range tracking.All() {
		name := "commerce-segment-" + row.Name
		queue := map[string]any{"QueueName": name}
		deadLetters := map[string]any{"QueueName": name + "-dead-letters"}
		function := map[string]any{"FunctionName": name}
		wants = append(wants,
			want{row.Name + "-dead-letters", "AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", 0, deadLetters, 1, 1},
			want{row.Name + "-age", "AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", 900, queue, 1, 1},
			want{row.Name + "-waiting", "AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", 3600, map[string]any{"QueueName": name + "-waiting"}, 1, 1},
			want{row.Name + "-errors", "AWS/Lambda", "Errors", "Sum", 0, function, 1, 1},
			want{row.Name + "-throttles", "AWS/Lambda", "Throttles", "Sum", 0, function, 1, 1},
		)
	}
	tmpl := deployedTemplate(t)
	for _, want := range wants {
		t.Run(want.name, func(t *testing.T) {
			alarm := tmpl.one(t, "AWS::CloudWatch::Alarm", "AlarmName", "commerce-segment-"+want.name)
			check(t, alarm, "Namespace", want.namespace)
			check(t, alarm, "MetricName", want.metric)
			check(t, alarm, "Statistic", want.statistic)
			check(t, alarm, "Threshold", want.threshold)
			check(t, alarm, "ComparisonOperator", "GreaterThanThreshold")
			check(t, alarm, "TreatMissingData", "notBreaching")
			check(t, alarm, "DatapointsToAlarm", want.breaches)
			// 4 periods are longer than the longest time between two attempts.
			check(t, alarm, "EvaluationPeriods", want.periods)
			topic := []any{"arn:aws:sns:REGION:ACCOUNT:commerce-segment-alarms"}
			check(t, alarm, "AlarmActions", topic)
			check(t, alarm, "OKActions", topic)
			got := map[string]any{}
			dimensions, _ := alarm.at("Dimensions").([]any)
			for _, d := range dimensions {
				got[d.(map[string]any)["Name"].(string)] = d.(map[string]any)["Value"]
			}
			if fmt.Sprint(got) != fmt.Sprint(want.dimensions) {
				t.Errorf("the dimensions are %v, want %v", got, want.dimensions)
			}
			description := fmt.Sprint(alarm.Properties["AlarmDescription"])
			if firing := runbook.Find("commerce-segment", func(name string) bool { return name == "commerce-segment-"+want.name }); len(firing) != 1 || !strings.HasPrefix(description, firing[0].Means) {
				t.Errorf("the runbook has %v of the alarm, whose description is %q", firing, description)
			}
			if len(description) > 1024 { // PutMetricAlarm, AlarmDescription
				t.Errorf("the description has %d bytes", len(description))
			}
		})
	}
	if got := len(tmpl.ofType("AWS::CloudWatch::Alarm")); got != len(wants) {
		t.Errorf("there are %d alarms, want %d", got, len(wants))
	}
}

// Requests that API Gateway itself rejects are only in its log. The pattern and the
// dimension of the filter must match the log, and the alarm must use the metric of the
// filter: CloudWatch reports no error if they do not.
func TestThrottledRequestsAreCountedFromTheLogOfTheAPI(t *testing.T) {
	tmpl := deployedTemplate(t)
	filter := tmpl.one(t, "AWS::Logs::MetricFilter", "FilterName", "commerce-segment-throttled")
	check(t, filter, "LogGroupName", "/aws/vendedlogs/apis/commerce-segment")
	check(t, filter, "FilterPattern", `{ $.status = "429" }`)
	check(t, filter, "MetricTransformations", []any{map[string]any{
		"MetricNamespace": "CommerceSegment", "MetricName": "Throttled", "MetricValue": "1",
		"Dimensions": []any{map[string]any{"Key": "ApiId", "Value": "$.ApiId"}},
	}})
	for _, member := range []string{`"status":"$context.status"`, `"ApiId":"$context.apiId"`} {
		stage := tmpl.one(t, "AWS::ApiGatewayV2::Stage", "StageName", "$default")
		if format := fmt.Sprint(stage.at("AccessLogSettings", "Format")); !strings.Contains(format, member) {
			t.Errorf("the API's log is %s, want %s in it", format, member)
		}
	}
}

func TestTheDashboardShowsTheOutcomesOfEvents(t *testing.T) {
	tmpl := deployedTemplate(t)
	board := tmpl.one(t, "AWS::CloudWatch::Dashboard", "DashboardName", "commerce-segment-REGION")
	var body struct {
		Widgets []struct {
			Type       string
			Properties struct {
				Title    string
				Markdown string
				Metrics  [][]any
				Alarms   []string
			}
		}
	}
	if err := json.Unmarshal([]byte(board.Properties["DashboardBody"].(string)), &body); err != nil {
		t.Fatal(err)
	}
	lines := map[string]int{} // of each widget, by its title
	for _, widget := range body.Widgets {
		lines[widget.Properties.Title] = len(widget.Properties.Metrics) + len(widget.Properties.Alarms)
		if widget.Type == "text" && !strings.Contains(widget.Properties.Markdown, runbook.Table("/commerce-segment")) {
			t.Error("the text does not have the runbook")
		}
	}
	trackings := len(tracking.All())
	for title, want := range map[string]int{
		"":         0, // the text
		"Alarms":   len(tmpl.ofType("AWS::CloudWatch::Alarm")),
		"Events":   12,
		"Accepted": trackings, "Delivered": trackings, "Retrying": trackings, "Failed": trackings, "Skipped": trackings,
		"Time from the event to Segment (ms)": 3,
		"Age of the oldest queued event (s)":  trackings, "Events that are retried": trackings, "Dead letters": trackings,
		"Answers to Commerce": 4, "Functions: errors": trackings, "Functions: longest run (ms)": trackings,
	} {
		got, there := lines[title]
		if !there || got != want {
			t.Errorf("the widget %q shows %d lines, want %d", title, got, want)
		}
		delete(lines, title)
	}
	if len(lines) > 0 {
		t.Errorf("the dashboard has other widgets: %v", lines)
	}
}

func TestIdentifiersAreTheTrackingsTitles(t *testing.T) {
	// The names of the outputs are documented by the titles.
	for _, row := range tracking.All() {
		if got, want := outputs.Identifier(row.Name), strings.Join(slices.Collect(strings.FieldsSeq(row.Title)), ""); got != want {
			t.Errorf("%s is %s, want %s", row.Name, got, want)
		}
	}
}
