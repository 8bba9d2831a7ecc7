package stack

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"commerce-segment/shared/tracking"
)

// template is the CloudFormation template of a stack, with every reference resolved to its
// value in account ACCOUNT and region REGION.
type template struct {
	Resources map[string]resource
	Outputs   map[string]output
}

type output struct{ Value, Export any }

type resource struct {
	Type           string
	Properties     map[string]any
	Metadata       map[string]any
	DeletionPolicy string
	UpdatePolicy   map[string]any
}

// deployed is the stack of a deployment with every tracking and no other context values,
// synthesized once for all tests.
var deployed = sync.OnceValues(func() (template, error) {
	return synthesize(map[string]any{"trackings": allOptional()}, noCompiler{})
})

// allOptional returns the context value trackings with every optional tracking.
func allOptional() string { return strings.Join(tracking.Optional(), ",") }

func deployedTemplate(t *testing.T) template {
	t.Helper()
	tmpl, err := deployed()
	if err != nil {
		t.Fatal(err)
	}
	return tmpl
}

// synthesize returns the template that cdk synth makes for context values.
func synthesize(context map[string]any, builder Builder) (template, error) {
	source, err := synthesizeSource(context, builder)
	if err != nil {
		return template{}, err
	}
	var tmpl template
	if err := json.Unmarshal(source, &tmpl); err != nil {
		return template{}, err
	}
	return tmpl.resolved(), nil
}

// synthesizeSource returns the template's JSON.
func synthesizeSource(context map[string]any, builder Builder) ([]byte, error) {
	return synthesizeEnvironment("", context, builder)
}

// synthesizeEnvironment returns the template's JSON with a file of environments.
func synthesizeEnvironment(file string, context map[string]any, builder Builder) ([]byte, error) {
	directory, err := os.MkdirTemp("", "cdk.out")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(directory)
	app := awscdk.NewApp(&awscdk.AppProps{
		Outdir: &directory, Context: &context, AnalyticsReporting: jsii.Bool(false), // as cdk.json says
	})
	options, err := OptionsOf(app, file)
	if err != nil {
		return nil, err
	}
	options.Revision = "v1.2.3-4-gabc"
	if _, err := New(app, options, builder); err != nil {
		return nil, err
	}
	app.Synth(nil)
	return os.ReadFile(filepath.Join(directory, options.StackName()+".template.json"))
}

// noCompiler is a Builder that compiles nothing.
type noCompiler struct{}

func (noCompiler) Build(t tracking.Tracking, architecture, directory string) error {
	return os.WriteFile(filepath.Join(directory, "bootstrap"), []byte(t.Name+" for "+architecture), 0o755)
}

// brokenCompiler is a Builder that fails, as the compiler does for a syntax error.
type brokenCompiler struct{}

func (brokenCompiler) Build(tracking.Tracking, string, string) error {
	return errors.New("main.go:9: undefined: serv")
}

// ofType returns the resources of a type, sorted by their logical ids.
func (tmpl template) ofType(kind string) []resource {
	var found []resource
	for _, id := range slices.Sorted(maps.Keys(tmpl.Resources)) {
		if tmpl.Resources[id].Type == kind {
			found = append(found, tmpl.Resources[id])
		}
	}
	return found
}

// one returns the only resource of a type that has a property with this value.
func (tmpl template) one(t *testing.T, kind, property string, value any) resource {
	t.Helper()
	var found []resource
	for _, r := range tmpl.ofType(kind) {
		if fmt.Sprint(r.Properties[property]) == fmt.Sprint(value) {
			found = append(found, r)
		}
	}
	if len(found) != 1 {
		t.Fatalf("there are %d of %s with the %s %v, want 1", len(found), kind, property, value)
	}
	return found[0]
}

// at returns the value at a path of keys and indices in the properties of a resource, or
// nil.
func (r resource) at(path ...any) any {
	var value any = r.Properties
	for _, step := range path {
		switch container := value.(type) {
		case map[string]any:
			key, _ := step.(string)
			value = container[key]
		case []any:
			index, ok := step.(int)
			if !ok || index >= len(container) {
				return nil
			}
			value = container[index]
		default:
			return nil
		}
	}
	return value
}

func (tmpl template) resolved() template {
	resolved := template{Resources: map[string]resource{}, Outputs: map[string]output{}}
	for id, r := range tmpl.Resources {
		properties, _ := tmpl.resolve(r.Properties).(map[string]any)
		resolved.Resources[id] = resource{r.Type, properties, r.Metadata, r.DeletionPolicy, r.UpdatePolicy}
	}
	for id, o := range tmpl.Outputs {
		resolved.Outputs[id] = output{tmpl.resolve(o.Value), o.Export}
	}
	return resolved
}

// resolve replaces CloudFormation's functions in a value by their results.
func (tmpl template) resolve(value any) any {
	switch v := value.(type) {
	case []any:
		list := make([]any, len(v))
		for i, element := range v {
			list[i] = tmpl.resolve(element)
		}
		return list
	case map[string]any:
		if id, ok := v["Ref"].(string); ok && len(v) == 1 {
			return tmpl.reference(id)
		}
		if arguments, ok := v["Fn::GetAtt"].([]any); ok {
			return tmpl.attribute(arguments[0].(string), arguments[1].(string))
		}
		if arguments, ok := v["Fn::Join"].([]any); ok {
			return tmpl.join(arguments)
		}
		if arguments, ok := v["Fn::Select"].([]any); ok {
			return tmpl.selected(arguments)
		}
		object := make(map[string]any, len(v))
		for key, element := range v {
			object[key] = tmpl.resolve(element)
		}
		return object
	default:
		return value
	}
}

// selected returns the element of Fn::Select in a Fn::Split.
func (tmpl template) selected(arguments []any) string {
	split := arguments[1].(map[string]any)["Fn::Split"].([]any)
	return strings.Split(fmt.Sprint(tmpl.resolve(split[1])), split[0].(string))[int(arguments[0].(float64))]
}

func (tmpl template) join(arguments []any) string {
	var texts []string
	for _, element := range arguments[1].([]any) {
		texts = append(texts, fmt.Sprint(tmpl.resolve(element)))
	}
	return strings.Join(texts, arguments[0].(string))
}

// reference returns the value of Ref, according to the documentation of each resource type.
func (tmpl template) reference(id string) string {
	switch properties := tmpl.Resources[id].Properties; tmpl.Resources[id].Type {
	case "AWS::SQS::Queue":
		return "https://sqs.REGION.amazonaws.com/ACCOUNT/" + properties["QueueName"].(string)
	case "AWS::SNS::Topic":
		return "arn:aws:sns:REGION:ACCOUNT:" + properties["TopicName"].(string)
	case "AWS::Lambda::Alias":
		return fmt.Sprint("arn:aws:lambda:REGION:ACCOUNT:function:", tmpl.resolve(properties["FunctionName"]), ":", properties["Name"])
	case "AWS::Lambda::Function":
		return properties["FunctionName"].(string)
	case "AWS::Logs::LogGroup":
		return properties["LogGroupName"].(string)
	}
	switch id {
	case "AWS::Partition":
		return "aws"
	case "AWS::Region":
		return "REGION"
	case "AWS::AccountId":
		return "ACCOUNT"
	default:
		return id
	}
}

// attribute returns the value of Fn::GetAtt, according to the documentation of each
// resource type.
func (tmpl template) attribute(id, name string) string {
	properties := tmpl.Resources[id].Properties
	switch tmpl.Resources[id].Type + "." + name {
	case "AWS::SQS::Queue.Arn":
		return "arn:aws:sqs:REGION:ACCOUNT:" + properties["QueueName"].(string)
	case "AWS::SQS::Queue.QueueName":
		return properties["QueueName"].(string)
	case "AWS::Logs::LogGroup.Arn":
		return "arn:aws:logs:REGION:ACCOUNT:log-group:" + properties["LogGroupName"].(string) + ":*"
	case "AWS::Lambda::Function.Arn":
		return "arn:aws:lambda:REGION:ACCOUNT:function:" + properties["FunctionName"].(string)
	case "AWS::ApiGatewayV2::Api.ApiEndpoint":
		return "https://API.execute-api.REGION.amazonaws.com"
	default:
		return id + "." + name
	}
}
