package stack

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"commerce-segment/infra/stack/outputs"
	"commerce-segment/shared/tracking"
)

func TestAlarmsWatchWhatSomebodyShouldHearOf(t *testing.T) {
	type want struct {
		name, namespace, metric, statistic string
		threshold                          float64
		dimensions                         map[string]any
	}
	store := map[string]any{"Prefix": "/commerce-segment"}
	wants := []want{
		{"api-5xx", "AWS/ApiGateway", "5xx", "Sum", 0, map[string]any{"ApiId": "ApiF70053CD"}},
		{"forged", "CommerceSegment", "Forged", "Sum", 0, store},
		{"unverified", "CommerceSegment", "Unverified", "Sum", 0, store},
		{"blocked", "CommerceSegment", "Blocked", "Sum", 0, store},
		{"late", "CommerceSegment", "Late", "Sum", 0, store},
		{"too-large", "CommerceSegment", "TooLarge", "Sum", 0, store},
	}
	for _, row := range tracking.All() {
		name := "commerce-segment-" + row.Name
		queue := map[string]any{"QueueName": name}
		deadLetters := map[string]any{"QueueName": name + "-dead-letters"}
		function := map[string]any{"FunctionName": name}
		wants = append(wants,
			want{row.Name + "-dead-letters", "AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", 0, deadLetters},
			want{row.Name + "-age", "AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", 900, queue},
			want{row.Name + "-errors", "AWS/Lambda", "Errors", "Sum", 0, function},
			want{row.Name + "-throttles", "AWS/Lambda", "Throttles", "Sum", 0, function},
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
			check(t, alarm, "DatapointsToAlarm", 1.0)
			periods := 1.0
			if want.name == "blocked" || want.name == "late" {
				periods = 15 // of 5 minutes: longer than the hour, give or take a fifth, between attempts
			}
			check(t, alarm, "EvaluationPeriods", periods)
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
			if description := fmt.Sprint(alarm.Properties["AlarmDescription"]); !strings.HasSuffix(description, ".") {
				t.Errorf("the alarm does not say what to do: %q", description)
			}
		})
	}
	if got := len(tmpl.ofType("AWS::CloudWatch::Alarm")); got != len(wants) {
		t.Errorf("there are %d alarms, want %d", got, len(wants))
	}
}

func TestTheDashboardShowsTheWayOfAnEvent(t *testing.T) {
	tmpl := deployedTemplate(t)
	board := tmpl.one(t, "AWS::CloudWatch::Dashboard", "DashboardName", "commerce-segment")
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
		if widget.Type == "text" && !strings.Contains(widget.Properties.Markdown, "What to do") {
			t.Error("the text does not say what to do")
		}
	}
	trackings := len(tracking.All())
	for title, want := range map[string]int{
		"":         0, // the text
		"Alarms":   len(tmpl.ofType("AWS::CloudWatch::Alarm")),
		"Events":   12,
		"Accepted": trackings, "Delivered": trackings, "Postponed": trackings, "Buried": trackings, "Skipped": trackings,
		"Delay from the fact to Segment (ms)": 3,
		"Age of the oldest waiting event (s)": trackings, "Waiting events": trackings, "Dead letters": trackings,
		"Answers to Commerce": 3, "Functions: errors": trackings, "Functions: longest run (ms)": trackings,
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
	// The outputs' names are promised by them.
	for _, row := range tracking.All() {
		if got, want := outputs.Identifier(row.Name), strings.Join(slices.Collect(strings.FieldsSeq(row.Title)), ""); got != want {
			t.Errorf("%s is %s, want %s", row.Name, got, want)
		}
	}
}
