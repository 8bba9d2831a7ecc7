package stack

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"commerce-segment/infra/emulator"
	"commerce-segment/infra/stack/outputs"
	"commerce-segment/shared/serve"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// TestCDKDeploysUpdatesAndDestroysAStore runs the CDK CLI as a person does, with an emulator
// of AWS: bootstrap, deploy, deploy again, destroy. It checks the resources each time,
// because exit code 0 does not prove that they exist.
func TestCDKDeploysUpdatesAndDestroysAStore(t *testing.T) {
	t.Parallel()
	aws := emulator.Start(t)
	output := t.TempDir()
	aws.CDK(t, output, "bootstrap", "aws://"+emulator.Account+"/"+emulator.Region)
	clean := inventory(t, aws)

	deployed := deploy(t, aws, output)
	checkOutputs(t, aws, deployed)
	checkParameters(t, aws)
	checkQueues(t, aws)
	checkFunctions(t, aws, deployed)
	checkRoutes(t, aws, deployed)
	checkAlarms(t, aws)

	// An operator edits a template and disables a tracking. A deployment that changes
	// something else must leave both unchanged: see type parameter.
	edit(t, aws, "templates/order-completed", `{"event": "Sold"}`)
	edit(t, aws, "tracking/order-updated/enabled", "false")
	deploy(t, aws, output, "-c", "alarmEmail=on-call@example.com,ops@example.com", "-c", "silenceHours=12")
	if got := list(t, aws, "sns", "list_subscriptions", "Subscriptions", "Endpoint"); !slices.Equal(got, []string{"on-call@example.com", "ops@example.com"}) {
		t.Errorf("%v receive alarms, want on-call@example.com and ops@example.com: the second deployment did nothing", got)
	}
	if got := list(t, aws, "cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"); !slices.Contains(got, "commerce-segment-silent") {
		t.Errorf("silence is no alarm: there are %v", got)
	}
	if got := parameterValue(t, aws, "templates/order-completed"); got != `{"event": "Sold"}` {
		t.Errorf("the deployment overwrote the operator's template: it is %s", got)
	}
	if got := parameterValue(t, aws, "tracking/order-updated/enabled"); got != "false" {
		t.Errorf("the deployment enabled again what the operator had disabled: it is %s", got)
	}

	aws.CDK(t, t.TempDir(), "destroy", "--force", "--app", output)
	if left := inventory(t, aws); !slices.Equal(left, clean) {
		t.Errorf("after cdk destroy there are\n%s\nwant\n%s", strings.Join(left, "\n"), strings.Join(clean, "\n"))
	}
}

// deploy deploys with every tracking, for the processor of this machine, for which the programs
// are compiled already, and returns the outputs of the stack.
func deploy(t *testing.T, aws *emulator.Emulator, output string, arguments ...string) map[string]string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "outputs.json")
	// The method is direct, because the emulator's change sets lose the outputs.
	aws.CDK(t, output, append([]string{"deploy", "--method=direct", "--require-approval=never", "--outputs-file", file,
		"-c", "architecture=" + hostArchitecture(), "-c", "terminationProtection=false", "-c", "trackings=" + allOptional()}, arguments...)...)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var outputs map[string]map[string]string
	if err := json.Unmarshal(content, &outputs); err != nil {
		t.Fatal(err)
	}
	return outputs["commerce-segment"]
}

func hostArchitecture() string {
	for name, architecture := range architectures {
		if architecture.goarch == runtime.GOARCH {
			return name
		}
	}
	return defaultArchitecture
}

func checkOutputs(t *testing.T, aws *emulator.Emulator, written map[string]string) {
	t.Helper()
	if got := written[outputs.Prefix]; got != "/commerce-segment" {
		t.Errorf("the output %s is %q", outputs.Prefix, got)
	}
	if got := written[outputs.AlarmTopic]; got != list(t, aws, "sns", "list_topics", "Topics", "TopicArn")[0] {
		t.Errorf("the output %s is %q, which is no topic", outputs.AlarmTopic, got)
	}
	for _, row := range tracking.All() {
		if got := written[outputs.Webhook(row)]; !strings.HasSuffix(got, "/webhooks/"+row.Name) || !strings.HasPrefix(got, "http") {
			t.Errorf("the output %s is %q, want a URL", outputs.Webhook(row), got)
		}
		if got := written[outputs.Queue(row)]; !strings.HasSuffix(got, "/commerce-segment-"+row.Name) {
			t.Errorf("the output %s is %q", outputs.Queue(row), got)
		}
		if got := written[outputs.Waiting(row)]; !strings.HasSuffix(got, "/commerce-segment-"+row.Name+"-waiting") {
			t.Errorf("the output %s is %q", outputs.Waiting(row), got)
		}
		if got := written[outputs.DeadLetters(row)]; !strings.HasSuffix(got, "/commerce-segment-"+row.Name+"-dead-letters") {
			t.Errorf("the output %s is %q", outputs.DeadLetters(row), got)
		}
	}
}

func checkParameters(t *testing.T, aws *emulator.Emulator) {
	t.Helper()
	want := []string{"/commerce-segment/segment/host", "/commerce-segment/segment/path"}
	for _, row := range tracking.All() {
		want = append(want, "/commerce-segment/templates/"+row.Name,
			"/commerce-segment/tracking/"+row.Name+"/enabled", "/commerce-segment/tracking/"+row.Name+"/events")
		if got := parameterValue(t, aws, "tracking/"+row.Name+"/events"); got != strings.Join(row.Observes, ",") {
			t.Errorf("%s observes %s, want %s", row.Name, got, row.Observes)
		}
	}
	slices.Sort(want)
	if got := storeParameters(t, aws); !slices.Equal(got, want) {
		t.Errorf("the parameters are\n%v\nwant\n%v", got, want)
	}
}

func checkQueues(t *testing.T, aws *emulator.Emulator) {
	t.Helper()
	for _, row := range tracking.All() {
		name := "commerce-segment-" + row.Name
		for _, queue := range []string{name, name + "-waiting", name + "-dead-letters"} {
			attributes := queueAttributes(t, aws, queue)
			for attribute, want := range map[string]string{
				"MessageRetentionPeriod": "1209600", "VisibilityTimeout": "54", "MaximumMessageSize": "1048576",
			} {
				if got := attributes[attribute]; got != want {
					t.Errorf("%s of the queue %s is %v, want %s", attribute, queue, got, want)
				}
			}
			if !strings.Contains(fmt.Sprint(attributes["Policy"]), "aws:SecureTransport") {
				t.Errorf("the queue %s accepts unencrypted requests", queue)
			}
		}
		for queue, receives := range map[string]string{name: "36", name + "-waiting": "1000"} {
			redrive := fmt.Sprint(queueAttributes(t, aws, queue)["RedrivePolicy"])
			if !strings.Contains(redrive, ":"+name+"-dead-letters") || !strings.Contains(redrive, receives) {
				t.Errorf("the redrive policy of the queue %s is %s", queue, redrive)
			}
		}
	}
}

func checkFunctions(t *testing.T, aws *emulator.Emulator, written map[string]string) {
	t.Helper()
	for _, row := range tracking.All() {
		name := "commerce-segment-" + row.Name
		function := aws.Call(t, "lambda", "get_function_configuration", map[string]any{"FunctionName": name})
		if size, _ := function["CodeSize"].(float64); size < 1<<20 {
			t.Errorf("the function %s has %v bytes of code: it was not built", name, function["CodeSize"])
		}
		environment := resource{Properties: function}.at("Environment", "Variables")
		if got, want := fmt.Sprint(environment), fmt.Sprint(map[string]any{
			serve.VariablePrefix: "/commerce-segment", serve.VariableQueue: written[outputs.Queue(row)],
			serve.VariableWaiting: written[outputs.Waiting(row)], serve.VariableDeadLetters: written[outputs.DeadLetters(row)], settings.Variable: "{}", "GOMEMLIMIT": serve.MemoryLimit(),
		}); got != want {
			t.Errorf("the function %s has the environment %s, want %s", name, got, want)
		}
		rules := aws.Call(t, "events", "list_rule_names_by_target", map[string]any{"TargetArn": function["FunctionArn"]})
		if names, _ := rules["RuleNames"].([]any); len(names) != 1 {
			t.Errorf("the function %s is called by the rules %v, want one", name, names)
		}
		mappings := aws.Call(t, "lambda", "list_event_source_mappings", map[string]any{"FunctionName": name})
		arn := fmt.Sprint(resource{Properties: mappings}.at("EventSourceMappings", 0, "EventSourceArn"))
		if !strings.HasSuffix(arn, ":"+name) {
			t.Errorf("the function %s is called by %s, want its own queue", name, arn)
		}
	}
}

func checkRoutes(t *testing.T, aws *emulator.Emulator, written map[string]string) {
	t.Helper()
	id := list(t, aws, "apigatewayv2", "get_apis", "Items", "ApiId")[0]
	if url := written[outputs.Webhook(tracking.OrderCompleted)]; !strings.Contains(url, id) {
		t.Errorf("the output's URL %s is not of the API %s", url, id)
	}
	stages := aws.Call(t, "apigatewayv2", "get_stages", map[string]any{"ApiId": id})
	if got := (resource{Properties: stages}).at("Items", 0, "StageName"); got != "$default" {
		t.Errorf("the API's stage is %v, want $default", got)
	}
	routes := aws.Call(t, "apigatewayv2", "get_routes", map[string]any{"ApiId": id})
	var got, want []string
	for _, route := range routes["Items"].([]any) {
		got = append(got, fmt.Sprint(route.(map[string]any)["RouteKey"]))
	}
	for _, row := range tracking.All() {
		want = append(want, "POST /webhooks/"+row.Name)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the routes are %v, want %v", got, want)
	}
}

func checkAlarms(t *testing.T, aws *emulator.Emulator) {
	t.Helper()
	if got, want := len(list(t, aws, "cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName")), 5*len(tracking.All())+8; got != want {
		t.Errorf("there are %d alarms, want %d", got, want)
	}
}

// edit changes a parameter as an operator does.
func edit(t *testing.T, aws *emulator.Emulator, name, value string) {
	t.Helper()
	aws.Call(t, "ssm", "put_parameter", map[string]any{
		"Name": "/commerce-segment/" + name, "Value": value, "Overwrite": true,
	})
}

func parameterValue(t *testing.T, aws *emulator.Emulator, name string) string {
	t.Helper()
	answer := aws.Call(t, "ssm", "get_parameter", map[string]any{"Name": "/commerce-segment/" + name})
	return fmt.Sprint(resource{Properties: answer}.at("Parameter", "Value"))
}

func queueAttributes(t *testing.T, aws *emulator.Emulator, name string) map[string]any {
	t.Helper()
	url := aws.Call(t, "sqs", "get_queue_url", map[string]any{"QueueName": name})["QueueUrl"]
	answer := aws.Call(t, "sqs", "get_queue_attributes", map[string]any{"QueueUrl": url, "AttributeNames": []string{"All"}})
	return answer["Attributes"].(map[string]any)
}

// storeParameters lists the names of a store's parameters.
func storeParameters(t *testing.T, aws *emulator.Emulator) []string {
	t.Helper()
	var names []string
	for token := any(""); token != nil; {
		request := map[string]any{"Path": "/commerce-segment", "Recursive": true}
		if token != "" {
			request["NextToken"] = token
		}
		answer := aws.Call(t, "ssm", "get_parameters_by_path", request)
		for _, parameter := range answer["Parameters"].([]any) {
			names = append(names, fmt.Sprint(parameter.(map[string]any)["Name"]))
		}
		token = answer["NextToken"]
	}
	slices.Sort(names)
	return names
}

// list calls an operation that lists things, and returns one field of each.
func list(t *testing.T, aws *emulator.Emulator, service, operation, things, field string) []string {
	t.Helper()
	var names []string
	answer, _ := aws.Call(t, service, operation, nil)[things].([]any)
	for _, thing := range answer {
		if of, ok := thing.(map[string]any); ok {
			thing = of[field]
		}
		names = append(names, fmt.Sprint(thing))
	}
	slices.Sort(names)
	return names
}

// inventory lists everything that a stack of this project can leave behind.
func inventory(t *testing.T, aws *emulator.Emulator) []string {
	t.Helper()
	all := storeParameters(t, aws)
	for _, of := range []struct{ service, operation, things, field string }{
		{"apigatewayv2", "get_apis", "Items", "Name"},
		{"cloudformation", "list_exports", "Exports", "Name"},
		{"cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"},
		{"cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"},
		{"iam", "list_roles", "Roles", "RoleName"},
		{"lambda", "list_event_source_mappings", "EventSourceMappings", "UUID"},
		{"lambda", "list_functions", "Functions", "FunctionName"},
		{"logs", "describe_log_groups", "logGroups", "logGroupName"},
		{"sns", "list_subscriptions", "Subscriptions", "Endpoint"},
		{"sns", "list_topics", "Topics", "TopicArn"},
		{"sqs", "list_queues", "QueueUrls", ""},
	} {
		for _, name := range list(t, aws, of.service, of.operation, of.things, of.field) {
			all = append(all, of.service+" "+name)
		}
	}
	return all
}
