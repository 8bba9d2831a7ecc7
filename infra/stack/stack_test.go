package stack

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"commerce-segment/infra/stack/outputs"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

func TestEachTrackingHasItsOwnResources(t *testing.T) {
	tmpl := deployedTemplate(t)
	for _, row := range tracking.All() {
		t.Run(row.Name, func(t *testing.T) {
			name := "commerce-segment-" + row.Name
			for _, want := range []struct{ kind, property, value string }{
				{"AWS::Lambda::Function", "FunctionName", name},
				{"AWS::Lambda::EventSourceMapping", "FunctionName", name},
				{"AWS::SQS::Queue", "QueueName", name},
				{"AWS::SQS::Queue", "QueueName", name + "-waiting"},
				{"AWS::SQS::Queue", "QueueName", name + "-dead-letters"},
				{"AWS::Logs::LogGroup", "LogGroupName", "/aws/lambda/" + name},
				{"AWS::ApiGatewayV2::Route", "RouteKey", "POST /webhooks/" + row.Name},
				{"AWS::SSM::Parameter", "Name", "/commerce-segment/templates/" + row.Name},
				{"AWS::SSM::Parameter", "Name", "/commerce-segment/tracking/" + row.Name + "/enabled"},
				{"AWS::SSM::Parameter", "Name", "/commerce-segment/tracking/" + row.Name + "/events"},
				{"AWS::CloudWatch::Alarm", "AlarmName", name + "-dead-letters"},
				{"AWS::CloudWatch::Alarm", "AlarmName", name + "-age"},
				{"AWS::CloudWatch::Alarm", "AlarmName", name + "-errors"},
				{"AWS::CloudWatch::Alarm", "AlarmName", name + "-throttles"},
			} {
				tmpl.one(t, want.kind, want.property, want.value)
			}
		})
	}
}

func TestTheStackHasNoOtherResources(t *testing.T) {
	tmpl := deployedTemplate(t)
	trackings := len(tracking.All())
	for kind, want := range map[string]int{
		"AWS::Lambda::Function":           trackings,
		"AWS::Lambda::EventSourceMapping": trackings,
		"AWS::Lambda::Permission":         2 * trackings,
		"AWS::Events::Rule":               trackings,
		"AWS::IAM::Role":                  trackings,
		"AWS::IAM::Policy":                0,
		"AWS::IAM::ManagedPolicy":         0,
		"AWS::SQS::Queue":                 3 * trackings,
		"AWS::SQS::QueuePolicy":           3 * trackings,
		"AWS::Logs::LogGroup":             trackings + 1,
		"AWS::Logs::MetricFilter":         1,
		"AWS::ApiGatewayV2::Route":        trackings,
		"AWS::SSM::Parameter":             3*trackings + 2,
		"AWS::CloudWatch::Alarm":          5*trackings + 8,
		"AWS::SNS::Subscription":          0, // no address was given
	} {
		if got := len(tmpl.ofType(kind)); got != want {
			t.Errorf("there are %d of %s, want %d", got, kind, want)
		}
	}
}

func TestFunctionsHaveTheirSettings(t *testing.T) {
	tmpl := deployedTemplate(t)
	for _, row := range tracking.All() {
		name := "commerce-segment-" + row.Name
		function := tmpl.one(t, "AWS::Lambda::Function", "FunctionName", name)
		check(t, function, "Runtime", "provided.al2023")
		check(t, function, "Handler", "bootstrap")
		check(t, function, "Architectures", []any{"arm64"})
		check(t, function, "MemorySize", 256.0)
		check(t, function, "Timeout", 9.0) // less than 10 s, the time-out of Commerce
		check(t, function, "LoggingConfig", map[string]any{
			"ApplicationLogLevel": "INFO", "LogFormat": "JSON", "LogGroup": "/aws/lambda/" + name,
		})
		check(t, function, "TracingConfig", map[string]any{"Mode": "Active"})
		check(t, function, "Environment", map[string]any{"Variables": map[string]any{
			"GOMEMLIMIT":                "128MiB",
			"PARAMETER_PREFIX":          "/commerce-segment",
			"QUEUE_URL":                 "https://sqs.REGION.amazonaws.com/ACCOUNT/" + name,
			"WAITING_QUEUE_URL":         "https://sqs.REGION.amazonaws.com/ACCOUNT/" + name + "-waiting",
			"DEAD_LETTER_QUEUE_URL":     "https://sqs.REGION.amazonaws.com/ACCOUNT/" + name + "-dead-letters",
			"COMMERCE_SEGMENT_SETTINGS": "{}", // declared for the SAM CLI; it has no effect together with the prefix
		}})
		if path := outputs.Identifier(row.Name) + "/Function"; function.Metadata["SamResourceId"] != path {
			t.Errorf("the SAM CLI calls %s by %v, want its construct path %s", name, function.Metadata["SamResourceId"], path)
		}
		mapping := tmpl.one(t, "AWS::Lambda::EventSourceMapping", "FunctionName", name)
		check(t, mapping, "EventSourceArn", "arn:aws:sqs:REGION:ACCOUNT:"+name)
		check(t, mapping, "BatchSize", 10.0)
		check(t, mapping, "ScalingConfig", map[string]any{"MaximumConcurrency": 2.0})
		check(t, mapping, "MaximumBatchingWindowInSeconds", 2.0)
		// Without it one event that is retried would bring back the other nine of its batch.
		check(t, mapping, "FunctionResponseTypes", []any{"ReportBatchItemFailures"})
		// A filter would delete the events that do not match it.
		check(t, mapping, "FilterCriteria", nil)
	}
}

func TestFunctionsOfDifferentTrackingsAreDifferentPrograms(t *testing.T) {
	seen := map[any]bool{}
	for _, function := range deployedTemplate(t).ofType("AWS::Lambda::Function") {
		key := function.at("Code", "S3Key")
		if seen[key] {
			t.Errorf("the program of %v is also that of another function", function.Properties["FunctionName"])
		}
		seen[key] = true
	}
}

func TestQueuesKeepMessagesForFourteenDays(t *testing.T) {
	tmpl := deployedTemplate(t)
	for _, queue := range tmpl.ofType("AWS::SQS::Queue") {
		check(t, queue, "MessageRetentionPeriod", 14*24*60*60.0)
		check(t, queue, "VisibilityTimeout", 54.0) // six times the functions' time-out
		check(t, queue, "MaximumMessageSize", 1048576.0)
		check(t, queue, "SqsManagedSseEnabled", true)
		check(t, queue, "FifoQueue", nil)
	}
	for _, row := range tracking.All() {
		name := "commerce-segment-" + row.Name
		for queue, receives := range map[string]float64{name: 36, name + "-waiting": 1000} {
			check(t, tmpl.one(t, "AWS::SQS::Queue", "QueueName", queue), "RedrivePolicy", map[string]any{
				"deadLetterTargetArn": "arn:aws:sqs:REGION:ACCOUNT:" + name + "-dead-letters", "maxReceiveCount": receives,
			})
		}
		check(t, tmpl.one(t, "AWS::SQS::Queue", "QueueName", name+"-dead-letters"), "RedrivePolicy", nil)
	}
}

func TestEveryQueueRejectsUnencryptedRequests(t *testing.T) {
	tmpl := deployedTemplate(t)
	var guarded []string
	for _, policy := range tmpl.ofType("AWS::SQS::QueuePolicy") {
		queue := fmt.Sprint(policy.at("Queues", 0))
		guarded = append(guarded, queue[strings.LastIndex(queue, "/")+1:])
		check(t, policy, "PolicyDocument", map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
			"Effect": "Deny", "Action": "sqs:*", "Principal": map[string]any{"AWS": "*"},
			"Resource":  "arn:aws:sqs:REGION:ACCOUNT:" + guarded[len(guarded)-1],
			"Condition": map[string]any{"Bool": map[string]any{"aws:SecureTransport": "false"}},
		}}})
	}
	var queues []string
	for _, queue := range tmpl.ofType("AWS::SQS::Queue") {
		queues = append(queues, queue.Properties["QueueName"].(string))
	}
	slices.Sort(guarded)
	slices.Sort(queues)
	if !slices.Equal(guarded, queues) {
		t.Errorf("the queues with a policy are %v, want %v", guarded, queues)
	}
}

func TestEachRouteLeadsToItsOwnFunctionOnly(t *testing.T) {
	tmpl := deployedTemplate(t)
	for _, row := range tracking.All() {
		arn := "arn:aws:lambda:REGION:ACCOUNT:function:commerce-segment-" + row.Name
		route := tmpl.one(t, "AWS::ApiGatewayV2::Route", "RouteKey", "POST /webhooks/"+row.Name)
		integration := tmpl.Resources[strings.TrimPrefix(route.Properties["Target"].(string), "integrations/")]
		check(t, integration, "IntegrationUri", arn)
		check(t, integration, "PayloadFormatVersion", "2.0") // the one that serve reads
		if source := callerOf(t, tmpl, arn, "apigateway.amazonaws.com"); !strings.HasSuffix(source, "/webhooks/"+row.Name) {
			t.Errorf("%s can be called by %s, want only its own route", row.Name, source)
		}
	}
}

// callerOf returns the source that may call a function for a service.
func callerOf(t *testing.T, tmpl template, function, service string) string {
	t.Helper()
	var sources []string
	for _, permission := range tmpl.ofType("AWS::Lambda::Permission") {
		if permission.at("FunctionName") == function && permission.at("Principal") == service {
			sources = append(sources, fmt.Sprint(permission.at("SourceArn")))
		}
	}
	if len(sources) != 1 {
		t.Fatalf("%s may call %s for %q, want one source", service, function, sources)
	}
	return sources[0]
}

// The events that are retried are attempted only while the rule calls the function.
func TestEachFunctionIsCalledEveryMinuteByItsOwnRule(t *testing.T) {
	tmpl := deployedTemplate(t)
	rules := map[string]bool{}
	for _, row := range tracking.All() {
		arn := "arn:aws:lambda:REGION:ACCOUNT:function:commerce-segment-" + row.Name
		id, _, _ := strings.Cut(callerOf(t, tmpl, arn, "events.amazonaws.com"), ".")
		rule := tmpl.Resources[id]
		check(t, rule, "ScheduleExpression", "rate(1 minute)")
		check(t, rule, "State", "ENABLED")
		if target := fmt.Sprint(rule.at("Targets", 0, "Arn")); target != arn || rules[id] {
			t.Errorf("%s is called by the rule %s, which calls %s", row.Name, id, target)
		}
		check(t, rule, "EventPattern", nil)
		if rule.at("Targets", 0, "Input") != nil {
			t.Error("the rule replaces the scheduled event, whose time the function reads")
		}
		rules[id] = true
	}
}

func TestTheAPIDoesNotThrottle(t *testing.T) {
	// For Commerce a 429 is a failed delivery, which it may not repeat. So a limit would
	// not protect the store but lose webhooks.
	stage := deployedTemplate(t).one(t, "AWS::ApiGatewayV2::Stage", "StageName", "$default")
	check(t, stage, "AutoDeploy", true)
	check(t, stage, "DefaultRouteSettings", nil)
	check(t, stage, "RouteSettings", nil)
	for _, function := range deployedTemplate(t).ofType("AWS::Lambda::Function") {
		check(t, function, "ReservedConcurrentExecutions", nil)
	}
}

func TestTheAccessLogIsJSONWithoutHeadersAndBodies(t *testing.T) {
	stage := deployedTemplate(t).one(t, "AWS::ApiGatewayV2::Stage", "StageName", "$default")
	var format map[string]string
	if err := json.Unmarshal([]byte(stage.at("AccessLogSettings", "Format").(string)), &format); err != nil {
		t.Fatal(err)
	}
	if format["requestId"] != "$context.requestId" {
		t.Error("the format has no $context.requestId, which API Gateway requires")
	}
	for key, value := range format {
		// $request.header and $request.body do not exist here. $context.authorizer and
		// $context.identity.*, except for the address, would come from the caller.
		if !strings.HasPrefix(value, "$context.") || strings.Contains(value, "header") {
			t.Errorf("the access log has %s as %s: it must not have anything that the caller sent", value, key)
		}
	}
}

func TestLogsAreKeptForThirtyDaysAndGoWithTheStack(t *testing.T) {
	for _, log := range deployedTemplate(t).ofType("AWS::Logs::LogGroup") {
		check(t, log, "RetentionInDays", 30.0)
	}
	source, err := synthesizeSource(nil, noCompiler{})
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(source, []byte(`"DeletionPolicy": "Retain"`)) {
		t.Error("a resource stays when the stack is destroyed, and would make the next deployment fail")
	}
}

func TestParametersHaveTheDefaultsOfTheCatalogue(t *testing.T) {
	tmpl := deployedTemplate(t)
	parameter := func(name string) resource {
		return tmpl.one(t, "AWS::SSM::Parameter", "Name", "/commerce-segment/"+name)
	}
	check(t, parameter("segment/host"), "Value", "https://api.segment.io")
	check(t, parameter("segment/path"), "Value", "/v1/batch")
	for _, row := range tracking.All() {
		check(t, parameter("tracking/"+row.Name+"/enabled"), "Value", strconv.FormatBool(!row.Optional))
		check(t, parameter("tracking/"+row.Name+"/events"), "Type", "StringList")
		check(t, parameter("tracking/"+row.Name+"/events"), "Value", strings.Join(row.Observes, ","))
		check(t, parameter("templates/"+row.Name), "Value", templates.Default(row.Name))
	}
}

func TestSecretsAreNotInTheStack(t *testing.T) {
	// CloudFormation would store them unencrypted, as Strings.
	for _, parameter := range deployedTemplate(t).ofType("AWS::SSM::Parameter") {
		name := parameter.Properties["Name"].(string)
		if strings.Contains(name, "secret") || strings.Contains(name, "write-key") {
			t.Errorf("%s is a parameter of the stack", name)
		}
	}
}

// If an operator has pushed a large template, its parameter is an advanced one, and
// Parameter Store does not change it back. With the tier Standard, the next deployment that
// changes this default would fail.
func TestParameterStoreChoosesTheTierOfParameters(t *testing.T) {
	for _, parameter := range deployedTemplate(t).ofType("AWS::SSM::Parameter") {
		check(t, parameter, "Tier", "Intelligent-Tiering")
	}
}

func TestATemplateThatParameterStoreCannotStoreIsAnError(t *testing.T) {
	for _, test := range []struct {
		name     string
		template string
		want     string // a part of the error; empty if there is none
	}{
		{"8192 bytes are kept", strings.Repeat("x", 8192), ""},
		{"8193 bytes are an error", strings.Repeat("x", 8193), "templates/order-completed.jsonata: parameter templates/order-completed has 8193 bytes, and Parameter Store stores at most 8192"},
		{"characters of more than one byte count as their bytes", strings.Repeat("é", 4097), "has 8194 bytes"},
		{"an empty one is an error", " \n", "templates/order-completed.jsonata: parameter templates/order-completed is blank"},
		{"a reference to another parameter is an error", "{{x}}", "put a space between"},
		{"two objects that end together are no reference", `{"a":{"b":1}}`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := checkTemplate(tracking.OrderCompleted, test.template)
			if test.want != "" {
				checkError(t, err, test.want)
			} else if err != nil {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestEveryTemplateThatDoesNotFitIsNamed(t *testing.T) {
	err := checkTemplates(func(name string) string {
		if name == "order-updated" || name == "customer-created" {
			return strings.Repeat("x", 9000)
		}
		return "{}"
	})
	checkError(t, err, "templates/order-updated.jsonata: parameter templates/order-updated has 9000 bytes")
	checkError(t, err, "templates/customer-created.jsonata: parameter templates/customer-created has 9000 bytes")
}

func TestOutputsHaveWhatTheOperatorsProgramNeeds(t *testing.T) {
	want := map[string]string{
		"Prefix":         "/commerce-segment",
		"Revision":       "v1.2.3-4-gabc",
		"DashboardUrl":   "https://REGION.console.aws.amazon.com/cloudwatch/home?region=REGION#dashboards/dashboard/commerce-segment-REGION",
		"AlarmTopicArn":  "arn:aws:sns:REGION:ACCOUNT:commerce-segment-alarms",
		"AlarmReceivers": "No one: set alarmEmail, or another of the options in infra/docs/deploy.md. bin/hub status --prefix /commerce-segment says when no subscription is confirmed.",
	}
	for _, row := range tracking.All() {
		id, name := strings.ReplaceAll(row.Title, " ", ""), row.Name
		want[id+"WebhookUrl"] = "https://API.execute-api.REGION.amazonaws.com/webhooks/" + name
		want[id+"QueueUrl"] = "https://sqs.REGION.amazonaws.com/ACCOUNT/commerce-segment-" + name
		want[id+"DeadLetterQueueUrl"] = "https://sqs.REGION.amazonaws.com/ACCOUNT/commerce-segment-" + name + "-dead-letters"
		want[id+"WaitingQueueUrl"] = "https://sqs.REGION.amazonaws.com/ACCOUNT/commerce-segment-" + name + "-waiting"
	}
	got := map[string]string{}
	for id, output := range deployedTemplate(t).Outputs {
		got[id] = fmt.Sprint(output.Value)
	}
	if !maps.Equal(got, want) {
		t.Errorf("the outputs are\n%v\nwant\n%v", got, want)
	}
}

func TestTheSameSourceGivesTheSameStack(t *testing.T) {
	first, err := synthesizeSource(nil, noCompiler{})
	if err != nil {
		t.Fatal(err)
	}
	second, err := synthesizeSource(nil, noCompiler{})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Error("two syntheses of the same source differ: a deployment that changes nothing would change something")
	}
}

func TestAFunctionThatDoesNotCompileSaysWhy(t *testing.T) {
	_, err := synthesize(map[string]any{"prefix": "/broken"}, brokenCompiler{})
	checkError(t, err, "main.go:9: undefined: serv")
}

func TestAFunctionThatDoesNotCompileLeavesNoAssetBehind(t *testing.T) {
	// CDK would use a directory that it finds as a complete asset, and deploy an empty
	// function the next time.
	directory := filepath.Join(t.TempDir(), "asset")
	if err := os.Mkdir(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if recover() == nil {
			t.Error("TryBundle reported that the function was built")
		}
		if _, err := os.Stat(directory); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the asset's directory is still there: %v", err)
		}
	}()
	(&bundling{tracking: tracking.OrderCompleted, builder: brokenCompiler{}}).TryBundle(&directory, nil)
}

func TestTheCompilerSaysWhyAFunctionDoesNotCompile(t *testing.T) {
	err := GoBuild{Module: "../.."}.Build(tracking.Tracking{Name: "no-such"}, "arm64", t.TempDir())
	checkError(t, err, "building functions/no-such")
}

func TestTheSameSourceGivesTheSameProgram(t *testing.T) {
	read := func(row tracking.Tracking, module string) []byte {
		directory := t.TempDir()
		if err := (GoBuild{Module: module}).Build(row, "arm64", directory); err != nil {
			t.Fatal(err)
		}
		program, err := os.ReadFile(filepath.Join(directory, "bootstrap"))
		if err != nil {
			t.Fatal(err)
		}
		return program
	}
	elsewhere := elsewhere(t)
	for _, row := range tracking.All() {
		program := read(row, "../..")
		if !bytes.HasPrefix(program, []byte("\x7fELF")) || program[18] != 0xB7 { // e_machine: EM_AARCH64
			t.Errorf("the program of %s is not one for Linux on arm64", row.Name)
		}
		if !bytes.Equal(program, read(row, elsewhere)) {
			t.Errorf("the program of %s depends on the directory of its source: each machine would deploy another one", row.Name)
		}
	}
}

// elsewhere returns the path of a copy of this module.
func elsewhere(t *testing.T) string {
	t.Helper()
	module, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.Mkdir(link, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"functions", "shared", "templates"} {
		if err := os.CopyFS(filepath.Join(link, name), os.DirFS(filepath.Join(module, name))); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		source, err := os.ReadFile(filepath.Join(module, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(link, name), source, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return link
}

// check compares a property. A want of nil means that the property must not be set.
func check(t *testing.T, r resource, property string, want any) {
	t.Helper()
	if got := r.Properties[property]; !reflect.DeepEqual(got, want) {
		t.Errorf("%s of %s is\n%v\nwant\n%v", property, r.Type, got, want)
	}
}

func checkError(t *testing.T, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("the error is %v, want one with %q", err, part)
	}
}
