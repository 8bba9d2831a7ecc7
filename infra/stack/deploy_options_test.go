package stack

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"commerce-segment/infra/emulator"
	"commerce-segment/infra/stack/outputs"
	"commerce-segment/shared/tracking"
)

// TestCDKDeploysTheOptions deploys a store with every option that the emulator knows: it has no
// versions and no tags of functions, and deletes what is retained. TestTagsReachEveryResource
// checks the tags.
func TestCDKDeploysTheOptions(t *testing.T) {
	t.Parallel()
	aws := emulator.Start(t)
	output := t.TempDir()
	aws.CDK(t, output, "bootstrap", "aws://"+emulator.Account+"/"+emulator.Region)
	key := fmt.Sprint(resource{Properties: aws.Call(t, "kms", "create_key", nil)}.at("KeyMetadata", "Arn"))
	boundary := fmt.Sprint(resource{Properties: aws.Call(t, "iam", "create_policy", map[string]any{
		"PolicyName": "boundary", "PolicyDocument": `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}`,
	})}.at("Policy", "Arn"))
	zone := fmt.Sprint(resource{Properties: aws.Call(t, "route53", "create_hosted_zone", map[string]any{"Name": "example.com", "CallerReference": "1"})}.at("HostedZone", "Id"))
	subnet := list(t, aws, "ec2", "describe_subnets", "Subnets", "SubnetId")[0]
	group := list(t, aws, "ec2", "describe_security_groups", "SecurityGroups", "GroupId")[0]
	before := inventory(t, aws)

	var options []string
	for _, option := range []string{
		"account=" + emulator.Account, "region=" + emulator.Region, "kmsKeyArn=" + key, "permissionsBoundary=" + boundary, "tags=team=shop",
		"domain.name=hooks.example.com", "domain.hostedZoneId=" + strings.TrimPrefix(zone, "/hostedzone/"), "domain.hostedZoneName=example.com",
		"vpc.subnetIds=" + subnet, "vpc.securityGroupIds=" + group, "throttling.rate=50", "throttling.burst=100", "tracing=false",
		"logLevel=warn", "reservedConcurrency=5", "deliveryConcurrency=3", "fips=true",
	} {
		options = append(options, "-c", option)
	}
	deployed := deploy(t, aws, output, options...)

	if got := deployed[outputs.Webhook(tracking.OrderCompleted)]; got != "https://hooks.example.com/webhooks/order-completed" {
		t.Errorf("the webhook's URL is %s", got)
	}
	for _, want := range []struct{ service, operation, things, field, name string }{
		{"apigatewayv2", "get_domain_names", "Items", "DomainName", "hooks.example.com"},
		{"acm", "list_certificates", "CertificateSummaryList", "DomainName", "hooks.example.com"},
		{"cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName", "commerce-segment-us-east-1"},
	} {
		if got := list(t, aws, want.service, want.operation, want.things, want.field); !slices.Contains(got, want.name) {
			t.Errorf("%s of %s has %v, want %s", want.operation, want.service, got, want.name)
		}
	}
	records := aws.Call(t, "route53", "list_resource_record_sets", map[string]any{"HostedZoneId": zone})
	if !strings.Contains(fmt.Sprint(records), "hooks.example.com") {
		t.Errorf("the zone has the records %v", records)
	}
	for _, row := range tracking.All() {
		name := "commerce-segment-" + row.Name
		if got := queueAttributes(t, aws, name)["KmsMasterKeyId"]; got != key {
			t.Errorf("the queue %s is encrypted with %v, want %s", name, got, key)
		}
		function := aws.Call(t, "lambda", "get_function", map[string]any{"FunctionName": name})
		if got := (resource{Properties: function}).at("Configuration", "VpcConfig", "SubnetIds", 0); got != subnet {
			t.Errorf("the function %s is in the subnet %v", name, got)
		}
	}

	aws.CDK(t, t.TempDir(), "destroy", "--force", "--app", output)
	if left := inventory(t, aws); !slices.Equal(left, before) {
		t.Errorf("after cdk destroy there are\n%s\nwant\n%s", strings.Join(left, "\n"), strings.Join(before, "\n"))
	}
}
