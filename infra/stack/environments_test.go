package stack

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
)

// inEnvironment returns the template for one environment of a file, with context values.
func inEnvironment(t *testing.T, file, name string, context map[string]any) (template, error) {
	t.Helper()
	values := map[string]any{"env": name}
	for key, value := range context {
		values[key] = value
	}
	source, err := synthesizeEnvironment(file, values, noCompiler{})
	if err != nil {
		return template{}, err
	}
	var tmpl template
	if err := json.Unmarshal(source, &tmpl); err != nil {
		t.Fatal(err)
	}
	return tmpl.resolved(), nil
}

// environments writes a file of environments.
func environments(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "environments.json")
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestAnEnvironmentHasTheOptionsOfItsDeployment(t *testing.T) {
	file := environments(t, `{
		"dev": {"prefix": "/shop/dev"},
		"prod": {"prefix": "/shop", "account": "123456789012", "region": "eu-west-1", "logRetentionDays": 90,
			"alarmEmail": "on-call@example.com", "tags": {"team": "shop"}}
	}`)
	tmpl, err := inEnvironment(t, file, "prod", nil)
	if err != nil {
		t.Fatal(err)
	}
	check(t, tmpl.one(t, "AWS::SNS::Subscription", "Protocol", "email"), "Endpoint", "on-call@example.com")
	check(t, tmpl.one(t, "AWS::Logs::LogGroup", "LogGroupName", "/aws/lambda/shop-order-completed"), "RetentionInDays", 90.0)
	if url, _ := tmpl.Outputs["DashboardUrl"].Value.(string); !strings.HasPrefix(url, "https://eu-west-1.console") {
		t.Errorf("the dashboard is at %s, want the region of the environment", url)
	}
	tmpl, err = inEnvironment(t, file, "dev", map[string]any{"logRetentionDays": "3"})
	if err != nil {
		t.Fatal(err)
	}
	check(t, tmpl.one(t, "AWS::Logs::LogGroup", "LogGroupName", "/aws/lambda/shop--dev-order-completed"), "RetentionInDays", 3.0)
}

func TestAContextValueReplacesThatOfTheEnvironment(t *testing.T) {
	file := environments(t, `{"prod": {"prefix": "/shop", "tags": {"team": "shop"}, "logRetentionDays": 90, "tracing": true}}`)
	tmpl, err := inEnvironment(t, file, "prod", map[string]any{"prefix": "/other", "tags": "team=web,stage=test", "logRetentionDays": "7", "tracing": "false"})
	if err != nil {
		t.Fatal(err)
	}
	function := tmpl.one(t, "AWS::Lambda::Function", "FunctionName", "other-order-completed")
	check(t, function, "TracingConfig", nil)
	check(t, function, "Tags", []any{map[string]any{"Key": "stage", "Value": "test"}, map[string]any{"Key": "team", "Value": "web"}})
	check(t, tmpl.one(t, "AWS::Logs::LogGroup", "LogGroupName", "/aws/lambda/other-order-completed"), "RetentionInDays", 7.0)
}

func TestEverythingThatIsWrongInAnEnvironmentIsReportedAtOnce(t *testing.T) {
	_, err := inEnvironment(t, environments(t, `{"prod": {
		"prefix": 7, "account": 123456789012, "region": "Ireland", "logRetentionDays": "90", "logLevel": "debug", "tracing": "no",
		"tags": {"team": 1}, "retentionDays": 30, "alarmEmails": [], "alarmEmail": [1], "deliveryConcurrency": 1, "reservedConcurrency": 2.5,
		"permissionsBoundary": "boundary"
	}}`), "prod", map[string]any{"preffix": "/shop"})
	for _, want := range []string{
		"context value preffix: there is no such option: did you mean prefix?",
		"environments.json: prod: prefix: 7 is not a string: put it in quotes",
		"prod: account: 123456789012 is not a string",
		`prod: region: "Ireland" is not valid: use one such as eu-west-1`,
		`prod: logRetentionDays: "90" is not a whole number: write one, without quotes`,
		`prod: logLevel: "debug" is not valid: use one of info, warn`,
		`prod: tracing: "no" is neither true nor false`,
		`prod: tags: {"team":1} is not an object of strings: write one such as {"team": "shop"}`,
		"prod: retentionDays: there is no such option: did you mean logRetentionDays?",
		"prod: alarmEmails: there is no such option: did you mean alarmEmail?",
		"prod: alarmEmail: [1] is not a list of strings: write one such as [",
		"prod: deliveryConcurrency: 1 is not valid: use a number from 2 to 1000",
		"prod: reservedConcurrency: 2.5 is not a whole number",
		`prod: permissionsBoundary: "boundary" is not valid: use the ARN of a policy`,
	} {
		checkError(t, err, want)
	}
}

func TestTagsThatAWSDoesNotAllowAreErrors(t *testing.T) {
	_, err := inEnvironment(t, environments(t, `{"prod": {"tags": {"aws:team": "x", "a|b": "x", "": "x", "team": "a\"b"}}}`), "prod", nil)
	for _, want := range []string{`"aws:team" begins with aws:`, `the tag "a|b"`, `the tag ""`, `the tag "team"`} {
		checkError(t, err, want)
	}
}

func TestAFileThatCannotBeUsedSaysWhatToDo(t *testing.T) {
	for _, test := range []struct{ name, file, environment, want string }{
		{"a file that is not there", filepath.Join(t.TempDir(), "environments.json"), "prod", "there is no infra/environments.json: copy infra/environments.example.json"},
		{"an environment that is not there", environments(t, `{"staging": {}, "dev": {}}`), "prod", "infra/environments.json has no environment prod: it has dev, staging"},
		{"a file that is no JSON", environments(t, "{\n\"prod\": {\n,}}"), "prod", "(line 3): invalid character ','"},
		{"an environment that is no object", environments(t, `{"prod": "x"}`), "prod", "is not an object of environments (line 1)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := inEnvironment(t, test.file, test.environment, nil)
			checkError(t, err, test.want)
		})
	}
}

func TestTheExampleIsValid(t *testing.T) {
	for _, name := range []string{"dev", "staging", "prod"} {
		if _, err := inEnvironment(t, "../environments.example.json", name, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// taggable has the types of resources to which CloudFormation adds the tags of a template. The
// tags of the parameters come from hub configure: see tag.
var taggable = []string{
	"AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Stage", "AWS::CloudWatch::Alarm", "AWS::IAM::Role", "AWS::Lambda::Function",
	"AWS::Logs::LogGroup", "AWS::SNS::Topic", "AWS::SQS::Queue",
}

func TestTagsReachEveryResource(t *testing.T) {
	tmpl, err := synthesize(map[string]any{"tags": "team=shop"}, noCompiler{})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range taggable {
		resources := tmpl.ofType(kind)
		if len(resources) == 0 {
			t.Errorf("there is no %s", kind)
		}
		for _, r := range resources {
			if tags := shown(r.Properties["Tags"]); tags != `{"team":"shop"}` && tags != `[{"Key":"team","Value":"shop"}]` {
				t.Errorf("a resource of the type %s has the tags %s", kind, tags)
			}
		}
	}
	for _, parameter := range tmpl.ofType("AWS::SSM::Parameter") {
		check(t, parameter, "Tags", nil) // another tag would replace an edited template by its default
	}
}

// Another app has the same options, and errors that name every wrong one.
func TestOptionsForAnotherAppAreThoseOfAnEnvironment(t *testing.T) {
	defaults, err := OptionsFor(nil)
	if err != nil {
		t.Fatal(err)
	}
	app := awscdk.NewApp(nil)
	if want, err := OptionsOf(app, ""); err != nil || !reflect.DeepEqual(defaults, want) {
		t.Errorf("without values the options are %+v, want %+v, %v", defaults, want, err)
	}
	o, err := OptionsFor(map[string]any{
		"alarmEmail": []string{"a@example.com", "b@example.com"}, "throttling": map[string]int{"rate": 5, "burst": 9}, "retain": true,
	})
	if err != nil || len(o.Alarms.Emails) != 2 || o.API.Rate != 5 || !o.Retain {
		t.Errorf("the options are %+v, %v", o, err)
	}
	_, err = OptionsFor(map[string]any{"prefx": "/shop", "logRetentionDays": 8})
	for _, want := range []string{"prefx: there is no such option: did you mean prefix?", "logRetentionDays: CloudWatch cannot keep a log for 8 days"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %q", err, want)
		}
	}
}
