package stack

import (
	"encoding/json"
	"fmt"
	"testing"
)

// everyOption has a value of each option that adds resources or names.
var everyOption = map[string]any{
	"alarmEmail": "on-call@example.com", "gradualDeployment": "true", "tags": "team=shop",
	"domain.hostedZoneId": "Z0123456789ABCDEFGHIJ", "domain.hostedZoneName": "example.com",
}

// physicalName says which property has the physical name of a resource, and where two resources
// cannot have the same one.
type physicalName struct {
	property string
	scope    scope
}

type scope int

const (
	chosenByAWS scope = iota // AWS makes the name, or there is none
	inRegion                 // unique in a region of an account
	inAccount                // unique in all regions of an account
	inParent                 // unique in another resource of the stack, which is unique itself
)

// physicalNames has every type of resource of the stack.
var physicalNames = map[string]physicalName{
	"AWS::ApiGatewayV2::Api":               {"", chosenByAWS}, // its name may be used twice
	"AWS::ApiGatewayV2::ApiMapping":        {"", chosenByAWS},
	"AWS::ApiGatewayV2::DomainName":        {"DomainName", inRegion},
	"AWS::ApiGatewayV2::Integration":       {"", chosenByAWS},
	"AWS::ApiGatewayV2::Route":             {"", chosenByAWS},
	"AWS::ApiGatewayV2::Stage":             {"StageName", inParent},
	"AWS::CertificateManager::Certificate": {"", chosenByAWS},
	"AWS::CloudWatch::Alarm":               {"AlarmName", inRegion},
	"AWS::CloudWatch::Dashboard":           {"DashboardName", inAccount},
	"AWS::CodeDeploy::Application":         {"ApplicationName", inRegion},
	"AWS::CodeDeploy::DeploymentGroup":     {"DeploymentGroupName", inParent},
	"AWS::Events::Rule":                    {"Name", chosenByAWS},
	"AWS::IAM::Role":                       {"RoleName", chosenByAWS}, // unique in an account: CloudFormation makes it
	"AWS::Lambda::Alias":                   {"Name", inParent},
	"AWS::Lambda::EventSourceMapping":      {"", chosenByAWS},
	"AWS::Lambda::Function":                {"FunctionName", inRegion},
	"AWS::Lambda::Permission":              {"", chosenByAWS},
	"AWS::Lambda::Version":                 {"", chosenByAWS},
	"AWS::Logs::LogGroup":                  {"LogGroupName", inRegion},
	"AWS::Logs::MetricFilter":              {"FilterName", inParent},
	"AWS::Route53::RecordSet":              {"Name", inAccount},
	"AWS::SNS::Subscription":               {"", chosenByAWS},
	"AWS::SNS::Topic":                      {"TopicName", inRegion},
	"AWS::SNS::TopicPolicy":                {"", chosenByAWS},
	"AWS::SQS::Queue":                      {"QueueName", inRegion},
	"AWS::SQS::QueuePolicy":                {"", chosenByAWS},
	"AWS::SSM::Parameter":                  {"Name", inRegion},
}

func TestStoresOfOneAccountHaveDifferentNames(t *testing.T) {
	seen := map[string]string{} // the store that has a name
	for region, prefixes := range map[string][]string{
		// Prefixes for which a simple replacement of the slashes would give the same name, or
		// that end as a name of the stack.
		"eu-west-1": {"/a", "/a/b", "/a-b", "/a/b/c", "/a-b/c", "/a/b-c", "/a-b-c", "/a/order-updated", "/a/alarms"},
		"us-east-1": {"/a", "/a-eu-west-1"},
	} {
		for i, prefix := range prefixes {
			context := map[string]any{"prefix": prefix, "account": "123456789012", "region": region,
				"domain.name": fmt.Sprintf("hooks%d.%s.example.com", i, region)}
			for key, value := range everyOption {
				context[key] = value
			}
			source, err := synthesizeSource(context, noCompiler{})
			if err != nil {
				t.Fatal(err)
			}
			var tmpl template
			if err := json.Unmarshal(source, &tmpl); err != nil {
				t.Fatal(err)
			}
			for _, name := range append(uniqueNames(t, tmpl.resolved(), region), region+" stack "+Options{Prefix: prefix}.StackName()) {
				if other, taken := seen[name]; taken {
					t.Errorf("%s is in the store %s in %s and in %s", name, prefix, region, other)
				}
				seen[name] = prefix + " in " + region
			}
		}
	}
}

// uniqueNames returns the names of a stack, each with the place in which it must be unique.
func uniqueNames(t *testing.T, tmpl template, region string) (names []string) {
	t.Helper()
	for id, r := range tmpl.Resources {
		kind, known := physicalNames[r.Type]
		name, named := r.Properties[kind.property]
		switch {
		case !known:
			t.Errorf("%s is a %s, of which this test does not know where its name must be unique", id, r.Type)
		case kind.scope == chosenByAWS && named:
			t.Errorf("the %s has the name %v: two stores could have the same", r.Type, name)
		case kind.scope == inRegion:
			names = append(names, fmt.Sprint(region, " ", r.Type, " ", name))
		case kind.scope == inAccount:
			names = append(names, fmt.Sprint(r.Type, " ", name))
		}
	}
	return names
}

func TestTheStackExportsNothing(t *testing.T) {
	// The name of an export is unique in a region, and another stack that uses it keeps this one
	// from being deleted.
	for name, output := range deployedTemplate(t).Outputs {
		if output.Export != nil {
			t.Errorf("the output %s is exported as %v", name, output.Export)
		}
	}
}
