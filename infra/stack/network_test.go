package stack

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"commerce-segment/infra/stack/outputs"
)

func with(t *testing.T, context map[string]any) template {
	t.Helper()
	tmpl, err := synthesize(context, noCompiler{})
	if err != nil {
		t.Fatal(err)
	}
	return tmpl
}

// variablesOf returns the environment variables of a function.
func variablesOf(t *testing.T, tmpl template) map[string]any {
	t.Helper()
	variables, _ := tmpl.one(t, "AWS::Lambda::Function", "FunctionName", "commerce-segment-order-completed").at("Environment", "Variables").(map[string]any)
	return variables
}

func TestAnOwnDomainIsTheAddressOfTheStore(t *testing.T) {
	tmpl := with(t, map[string]any{
		"domain.name": "hooks.example.com", "domain.certificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/1234-abcd",
		"domain.hostedZoneId": "Z123", "domain.hostedZoneName": "example.com", "domain.defaultEndpoint": "false",
	})
	domain := tmpl.one(t, "AWS::ApiGatewayV2::DomainName", "DomainName", "hooks.example.com")
	check(t, domain, "DomainNameConfigurations", []any{map[string]any{
		"CertificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/1234-abcd", "EndpointType": "REGIONAL", "SecurityPolicy": "TLS_1_2",
	}})
	mapping := tmpl.ofType("AWS::ApiGatewayV2::ApiMapping")[0]
	check(t, mapping, "DomainName", "Domain66AC69E0")
	check(t, mapping, "Stage", "Stage")
	record := tmpl.one(t, "AWS::Route53::RecordSet", "Name", "hooks.example.com.")
	check(t, record, "HostedZoneId", "Z123")
	check(t, record, "AliasTarget", map[string]any{"DNSName": "Domain66AC69E0.RegionalDomainName", "HostedZoneId": "Domain66AC69E0.RegionalHostedZoneId"})
	check(t, tmpl.ofType("AWS::ApiGatewayV2::Api")[0], "DisableExecuteApiEndpoint", true)
	for _, row := range (Options{}).trackings() {
		if got, want := tmpl.Outputs[outputs.Webhook(row)].Value, "https://hooks.example.com/webhooks/"+row.Name; got != want {
			t.Errorf("the output %s is %v, want %s", outputs.Webhook(row), got, want)
		}
	}
	if got, has := tmpl.Outputs[outputs.DomainTarget]; has {
		t.Errorf("with a record in the zone there is an output that says where to point the domain: %v", got.Value)
	}
}

func TestADomainWithoutAZoneSaysWhereItMustPoint(t *testing.T) {
	tmpl := with(t, map[string]any{"domain.name": "hooks.example.com", "domain.certificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/1234-abcd"})
	if got := tmpl.Outputs["DomainTarget"].Value; got != "Domain66AC69E0.RegionalDomainName" {
		t.Errorf("the domain must point to %v", got)
	}
	if len(tmpl.ofType("AWS::Route53::RecordSet")) > 0 {
		t.Error("there is a record without a zone")
	}
}

func TestADomainWithAZoneHasACertificate(t *testing.T) {
	tmpl := with(t, map[string]any{"domain.name": "hooks.example.com", "domain.hostedZoneId": "Z123", "domain.hostedZoneName": "example.com"})
	certificate := tmpl.one(t, "AWS::CertificateManager::Certificate", "DomainName", "hooks.example.com")
	check(t, certificate, "ValidationMethod", "DNS")
	check(t, certificate, "DomainValidationOptions", []any{map[string]any{"DomainName": "hooks.example.com", "HostedZoneId": "Z123"}})
}

func TestOptionsThatContradictEachOtherAreErrors(t *testing.T) {
	for _, test := range []struct {
		name    string
		context map[string]any
		want    string
	}{
		{"a certificate without a domain", map[string]any{"domain.certificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/1"}, "domain: the name of the domain is missing"},
		{"no address at all", map[string]any{"domain.defaultEndpoint": "false"}, "domain: the name of the domain is missing"},
		{"a domain without a certificate", map[string]any{"domain.name": "hooks.example.com"}, "domain: the certificate is missing"},
		{"half of a zone", map[string]any{"domain.name": "hooks.example.com", "domain.hostedZoneId": "Z1"}, "domain: a hosted zone has an id and a name"},
		{"a rate without a burst", map[string]any{"throttling.rate": "5"}, "throttling: API Gateway limits both or nothing"},
		{"subnets without security groups", map[string]any{"vpc.subnetIds": "subnet-1"}, "vpc: a function in a VPC has subnets and security groups"},
		{"FIPS and an endpoint", map[string]any{"fips": "true", "endpoints.sqs": "https://sqs.example.com"}, "fips: the SDK of AWS does not use"},
		{"a group with a value", map[string]any{"env": "prod"}, "prod: domain: \"x\" is not an object"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := synthesizeEnvironment(environments(t, `{"prod": {"domain": "x"}}`), test.context, noCompiler{})
			checkError(t, err, test.want)
		})
	}
}

func TestTheAPICanBeThrottled(t *testing.T) {
	stage := with(t, map[string]any{"throttling.rate": "50", "throttling.burst": "100"}).one(t, "AWS::ApiGatewayV2::Stage", "StageName", "$default")
	check(t, stage, "DefaultRouteSettings", map[string]any{"ThrottlingRateLimit": 50.0, "ThrottlingBurstLimit": 100.0})
}

func TestFunctionsUseTheirEndpoints(t *testing.T) {
	if got := variablesOf(t, with(t, map[string]any{"fips": "true"}))["AWS_USE_FIPS_ENDPOINT"]; got != "true" {
		t.Errorf("AWS_USE_FIPS_ENDPOINT is %v", got)
	}
	variables := variablesOf(t, with(t, map[string]any{"endpoints.sqs": "https://vpce-1.sqs.example.com", "endpoints.ssm": "https://vpce-1.ssm.example.com"}))
	if variables["AWS_ENDPOINT_URL_SQS"] != "https://vpce-1.sqs.example.com" || variables["AWS_ENDPOINT_URL_SSM"] != "https://vpce-1.ssm.example.com" {
		t.Errorf("the variables are %v", variables)
	}
}

func TestFunctionsInAVPCMayNotUseItsPermissionsThemselves(t *testing.T) {
	tmpl := with(t, map[string]any{"vpc.subnetIds": "subnet-1,subnet-2", "vpc.securityGroupIds": "sg-1"})
	connect := []string{"ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface",
		"ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"}
	for _, row := range (Options{}).trackings() {
		name := "commerce-segment-" + row.Name
		check(t, tmpl.one(t, "AWS::Lambda::Function", "FunctionName", name), "VpcConfig", map[string]any{
			"SubnetIds": []any{"subnet-1", "subnet-2"}, "SecurityGroupIds": []any{"sg-1"},
		})
		own, denied := policyStatements(roleOf(t, tmpl, name), roleOf(t, tmpl, name).at("Policies", 0, "PolicyDocument")), false
		for _, s := range own {
			if !strings.HasSuffix(s.where, " NotFromItsCode") {
				continue
			}
			denied = s.effect == "Deny" && slices.Equal(s.actions, connect) && slices.Equal(s.resources, []string{"*"}) &&
				s.conditions == "map[ArnEquals:map[lambda:SourceFunctionArn:arn:aws:lambda:REGION:ACCOUNT:function:"+name+"]]"
		}
		if !denied {
			t.Errorf("the code of %s may change network interfaces: %v", name, own)
		}
	}
}

const key = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd"

func TestTheKeyOfTheCustomerEncryptsWhatIsStored(t *testing.T) {
	tmpl := with(t, map[string]any{"kmsKeyArn": key})
	for kind, property := range map[string]string{"AWS::SQS::Queue": "KmsMasterKeyId", "AWS::SNS::Topic": "KmsMasterKeyId", "AWS::Logs::LogGroup": "KmsKeyId"} {
		resources := tmpl.ofType(kind)
		for _, r := range resources {
			check(t, r, property, key)
		}
		if len(resources) == 0 {
			t.Errorf("there is no %s", kind)
		}
	}
	if got := tmpl.Outputs["KeyArn"].Value; got != key {
		t.Errorf("hub configure reads the key %v", got)
	}
	uses := 0
	for _, s := range statementsOf(t, tmpl) {
		if !strings.HasSuffix(s.where, " UseTheKey") {
			continue
		}
		uses++
		want := "map[StringEquals:map[kms:ViaService:[ssm.REGION.amazonaws.com sqs.REGION.amazonaws.com]]]"
		if !slices.Equal(s.resources, []string{key}) || !slices.Equal(s.actions, []string{"kms:Decrypt", "kms:GenerateDataKey"}) || s.conditions != want {
			t.Errorf("the statement is %+v", s)
		}
	}
	if want := len((Options{}).trackings()); uses != want {
		t.Errorf("%d functions may use the key, want %d", uses, want)
	}
}

func TestTheBoundaryLimitsEveryRole(t *testing.T) {
	const boundary = "arn:aws:iam::123456789012:policy/boundary"
	roles := with(t, map[string]any{"permissionsBoundary": boundary, "gradualDeployment": "true"}).ofType("AWS::IAM::Role")
	for _, role := range roles {
		check(t, role, "PermissionsBoundary", boundary)
	}
	if want := len((Options{}).trackings()) + 1; len(roles) != want {
		t.Errorf("there are %d roles, want %d", len(roles), want)
	}
}

// The context value of the CDK for another qualifier of the bootstrap is not taken for an option.
func TestTheBootstrapCanHaveAQualifier(t *testing.T) {
	source, err := synthesizeSource(map[string]any{"@aws-cdk/core:bootstrapQualifier": "shop"}, noCompiler{})
	if want := "/cdk-bootstrap/shop/version"; err != nil || !strings.Contains(string(source), want) {
		t.Errorf("the stack does not ask for the parameter %s of the bootstrap, %v", want, err)
	}
}

func TestWithoutTracingNothingIsSentToXRay(t *testing.T) {
	tmpl := with(t, map[string]any{"tracing": "false", "logLevel": "warn", "reservedConcurrency": "7", "deliveryConcurrency": "3"})
	for _, function := range tmpl.ofType("AWS::Lambda::Function") {
		check(t, function, "TracingConfig", nil)
		check(t, function, "ReservedConcurrentExecutions", 7.0)
		if got := function.at("LoggingConfig", "ApplicationLogLevel"); got != "WARN" {
			t.Errorf("the functions write the level %v", got)
		}
	}
	for _, s := range statementsOf(t, tmpl) {
		if slices.Contains(s.actions, "xray:PutTraceSegments") {
			t.Errorf("%s allows it", s.where)
		}
	}
	for _, mapping := range tmpl.ofType("AWS::Lambda::EventSourceMapping") {
		check(t, mapping, "ScalingConfig", map[string]any{"MaximumConcurrency": 3.0})
	}
}

func TestRetainKeepsWhatHasDataAndNothingElse(t *testing.T) {
	tmpl := with(t, map[string]any{"retain": "true"})
	if got := tmpl.Outputs["Retained"].Value; got != "parameters, queues and logs" {
		t.Errorf("hub unprotect reads that %v stay", got)
	}
	for _, r := range tmpl.Resources {
		want := ""
		if slices.Contains([]string{"AWS::SSM::Parameter", "AWS::SQS::Queue", "AWS::Logs::LogGroup"}, r.Type) {
			want = "RetainExceptOnCreate"
		}
		if got := strings.TrimPrefix(r.DeletionPolicy, "Delete"); got != want {
			t.Errorf("the DeletionPolicy of a %s is %q, want %q", r.Type, got, want)
		}
	}
}

func TestANewVersionIsDeployedGradually(t *testing.T) {
	tmpl := with(t, map[string]any{"gradualDeployment": "true"})
	for _, row := range (Options{}).trackings() {
		name := "commerce-segment-" + row.Name
		invoked := "arn:aws:lambda:REGION:ACCOUNT:function:" + name + ":live"
		group := tmpl.one(t, "AWS::CodeDeploy::DeploymentGroup", "DeploymentGroupName", name)
		check(t, group, "DeploymentConfigName", "CodeDeployDefault.LambdaCanary10Percent5Minutes")
		check(t, group, "AlarmConfiguration", map[string]any{"Alarms": []any{map[string]any{"Name": name + "-errors"}}, "Enabled": true})
		tmpl.one(t, "AWS::Lambda::EventSourceMapping", "FunctionName", name+":live")
		tmpl.one(t, "AWS::ApiGatewayV2::Integration", "IntegrationUri", invoked)
	}
	for _, permission := range tmpl.ofType("AWS::Lambda::Permission") { // of the API and of the rule
		if invoked := fmt.Sprint(permission.Properties["FunctionName"]); !strings.HasSuffix(invoked, ":live") {
			t.Errorf("%v calls %s", permission.Properties["Principal"], invoked)
		}
	}
	for _, alias := range tmpl.ofType("AWS::Lambda::Alias") {
		if alias.UpdatePolicy["CodeDeployLambdaAliasUpdate"] == nil {
			t.Errorf("the alias of %v changes at once", alias.Properties["FunctionName"])
		}
	}
	for _, s := range statementsOf(t, tmpl) {
		if strings.HasSuffix(s.where, " MoveTheAliases") || strings.HasSuffix(s.where, " ReadTheAlarms") {
			for _, resource := range s.resources {
				if strings.Contains(resource, "*") {
					t.Errorf("%s allows it on %s", s.where, resource)
				}
			}
		}
	}
}
