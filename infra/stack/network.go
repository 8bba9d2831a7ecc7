package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"

	"commerce-segment/shared/serve"
	"commerce-segment/shared/tracking"
)

// variables returns the environment variables with which the functions find the endpoints of
// AWS. They are those of the SDK.
func (n NetworkOptions) variables() map[string]string {
	variables := map[string]string{}
	if n.FIPS {
		variables[serve.VariableFIPS] = "true"
	}
	if n.SQS != "" {
		variables[serve.VariableEndpoint+"SQS"] = n.SQS
	}
	if n.ParameterStore != "" {
		variables[serve.VariableEndpoint+"SSM"] = n.ParameterStore
	}
	return variables
}

// connect connects a function to the VPC, if there is one. CDK's own property for it wants the
// id and the zones of the VPC, which Lambda does not need.
func connect(function awslambda.Function, o Options) {
	if len(o.Network.Subnets) == 0 {
		return
	}
	function.Node().DefaultChild().(awslambda.CfnFunction).SetVpcConfig(&awslambda.CfnFunction_VpcConfigProperty{
		SubnetIds: jsii.Strings(o.Network.Subnets...), SecurityGroupIds: jsii.Strings(o.Network.SecurityGroups...),
	})
}

// networkPermissions allows Lambda to connect a function to the VPC, with the role of the
// function, and denies the same to the function itself. Lambda checks that the role may do this
// on all resources (Lambda Developer Guide, "Giving Lambda functions access to resources in an
// Amazon VPC").
func networkPermissions(stack awscdk.Stack, t tracking.Tracking, o Options) []awsiam.PolicyStatement {
	actions, all := []string{"ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface",
		"ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"}, []*string{jsii.String("*")}
	deny := awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid: jsii.String("NotFromItsCode"), Effect: awsiam.Effect_DENY, Actions: jsii.Strings(actions...), Resources: &all,
	})
	deny.AddCondition(jsii.String("ArnEquals"), map[string]any{"lambda:SourceFunctionArn": functionARN(stack, o, t)})
	return []awsiam.PolicyStatement{allow("ConnectToTheVPC", all, actions...), deny}
}

func functionARN(stack awscdk.Stack, o Options, t tracking.Tracking) *string {
	return stack.FormatArn(&awscdk.ArnComponents{
		Service: jsii.String("lambda"), Resource: jsii.String("function"), ResourceName: o.name(t.Name),
		ArnFormat: awscdk.ArnFormat_COLON_RESOURCE_NAME,
	})
}
