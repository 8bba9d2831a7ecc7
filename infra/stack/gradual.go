package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscodedeploy"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/interfaces/interfacesawscloudwatch"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"commerce-segment/infra/stack/outputs"
)

// alias is the name of the alias of each function in a store that is deployed gradually.
const alias = "live"

// invokedOf returns what the API and the queue call: the function, or its alias if new versions
// are deployed gradually.
func invokedOf(scope constructs.Construct, function awslambda.Function, o Options) awslambda.IFunction {
	if !o.Functions.Gradual {
		return function
	}
	return awslambda.NewAlias(scope, jsii.String("Alias"), &awslambda.AliasProps{
		AliasName: jsii.String(alias), Version: function.CurrentVersion(),
	})
}

// deployGradually lets CodeDeploy move the alias of each function to a new version: for five
// minutes the new version has a tenth of the calls. If the alarm for errors of the function is
// raised meanwhile, the alias and the whole deployment go back.
func deployGradually(stack awscdk.Stack, o Options, handlers []handler) {
	if !o.Functions.Gradual {
		return
	}
	scope := constructs.NewConstruct(stack, jsii.String("GradualDeployment"))
	application := awscodedeploy.NewLambdaApplication(scope, jsii.String("Application"), &awscodedeploy.LambdaApplicationProps{
		ApplicationName: o.name(),
	})
	role := deployerRole(stack, scope, o, handlers)
	for _, h := range handlers {
		id, errors := outputs.Identifier(h.tracking.Name), o.name(h.tracking.Name, "errors")
		awscodedeploy.NewLambdaDeploymentGroup(scope, jsii.String(id), &awscodedeploy.LambdaDeploymentGroupProps{
			Application:         application,
			DeploymentGroupName: o.name(h.tracking.Name),
			DeploymentConfig:    awscodedeploy.LambdaDeploymentConfig_CANARY_10PERCENT_5MINUTES(),
			Alias:               h.invoked.(awslambda.Alias),
			Alarms:              &[]interfacesawscloudwatch.IAlarmRef{awscloudwatch.Alarm_FromAlarmName(scope, jsii.String(id+"Errors"), errors)},
			Role:                role.WithoutPolicyUpdates(nil), // so that CDK does not add AWS's policy for all functions
		})
	}
}

// deployerRole returns the role with which CodeDeploy moves the aliases.
func deployerRole(stack awscdk.Stack, scope constructs.Construct, o Options, handlers []handler) awsiam.Role {
	var aliases, alarms []*string
	for _, h := range handlers {
		aliases = append(aliases, jsii.String(*functionARN(stack, o, h.tracking)+":"+alias))
		alarms = append(alarms, stack.FormatArn(&awscdk.ArnComponents{
			Service: jsii.String("cloudwatch"), Resource: jsii.String("alarm"), ResourceName: o.name(h.tracking.Name, "errors"),
			ArnFormat: awscdk.ArnFormat_COLON_RESOURCE_NAME,
		}))
	}
	return awsiam.NewRole(scope, jsii.String("Role"), &awsiam.RoleProps{
		Description: jsii.String("The permissions of CodeDeploy on the aliases of the store " + o.Prefix),
		AssumedBy:   awsiam.NewServicePrincipal(jsii.String("codedeploy.amazonaws.com"), nil),
		InlinePolicies: &map[string]awsiam.PolicyDocument{"own": awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{
			Statements: &[]awsiam.PolicyStatement{
				allow("MoveTheAliases", aliases, "lambda:GetAlias", "lambda:UpdateAlias", "lambda:GetProvisionedConcurrencyConfig"),
				allow("ReadTheAlarms", alarms, "cloudwatch:DescribeAlarms"),
			},
		})},
	})
}
