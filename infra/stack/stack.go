// Package stack is the CDK stack of a store in the merchant's AWS account: an HTTP API with
// a route for each tracking, and for each tracking a function, a queue, a dead-letter queue,
// parameters, a policy and alarms. It creates them in a loop over the catalogue.
//
// An app of another module can have this stack too: see New.
package stack

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2integrations"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"commerce-segment/infra/stack/outputs"
	"commerce-segment/shared/serve"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// New adds the stack of a store to an app. An app can have several stores, with different
// prefixes or regions, and stacks of its own. The options come from OptionsOf or OptionsFor. The
// builder compiles the functions when the app is synthesized, usually GoBuild. The error says
// what is wrong with a template or with the code of the functions.
//
// Do not add tags to the stack: they are an option, because a tag must not reach the parameters.
func New(app constructs.Construct, o Options, builder Builder) (stack awscdk.Stack, err error) {
	if err := checkTemplates(templates.Default); err != nil {
		return nil, err
	}
	defer recoverInto(&err)
	stack = awscdk.NewStack(app, jsii.String(o.StackName()), &awscdk.StackProps{
		Description:           jsii.String("commerce-segment: sends the events of the Commerce store " + o.Prefix + " to Segment"),
		TerminationProtection: jsii.Bool(o.TerminationProtection),
		Env:                   &awscdk.Environment{Account: optional(o.Account), Region: optional(o.Region)},
	})
	tag(stack, o.Tags)
	if o.PermissionsBoundary != "" {
		awsiam.PermissionsBoundary_Of(stack).Apply(awsiam.ManagedPolicy_FromManagedPolicyArn(stack, jsii.String("Boundary"), &o.PermissionsBoundary))
	}
	api, endpoint := newAPI(stack, o)
	for _, p := range sharedParameters() {
		p.add(stack, outputs.Identifier(p.name), o)
	}
	var handlers []handler
	for _, t := range o.trackings() {
		scope := constructs.NewConstruct(stack, jsii.String(outputs.Identifier(t.Name)))
		for _, p := range parametersOf(t, templates.Default(t.Name)) {
			p.add(scope, outputs.Identifier(strings.ReplaceAll(p.name, t.Name, "")), o)
		}
		h := newHandler(scope, t, o, builder)
		addRoute(api, h)
		handlers = append(handlers, h)
	}
	topic := newTopic(stack, o)
	alarms := newAlarms(stack, o, topic, api, handlers)
	newDashboard(stack, o, api, handlers, alarms)
	deployGradually(stack, o, handlers)
	addOutputs(stack, o, endpoint, topic, handlers)
	return stack, nil
}

// tag adds tags to every resource that can have some, except for the parameters and the stack
// itself. CloudFormation copies the tags of a stack to its parameters, and when a tag of a
// parameter changes, it also writes the value again: a deployment with another tag would replace
// an edited template by its default. So hub configure adds the tags to the parameters.
func tag(stack awscdk.Stack, tags map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		awscdk.Tags_Of(stack).Add(jsii.String(key), jsii.String(tags[key]), &awscdk.TagProps{
			ExcludeResourceTypes: jsii.Strings("aws:cdk:stack", "AWS::SSM::Parameter"),
		})
	}
}

// optional returns a text for CDK, and nil for "".
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// recoverInto is deferred, and turns a panic into an error, because CDK reports errors by
// panics.
func recoverInto(err *error) {
	switch value := recover().(type) {
	case nil:
	case error:
		*err = value
	default:
		panic(value)
	}
}

func checkTemplates(template func(name string) string) error {
	var wrong []error
	for _, t := range tracking.All() {
		wrong = append(wrong, checkTemplate(t, template(t.Name)))
	}
	return errors.Join(wrong...)
}

// newAPI creates the HTTP API without its routes. By default it has no throttling of its own,
// because Commerce may not send a webhook again after a 429.
func newAPI(stack awscdk.Stack, o Options) (awsapigatewayv2.HttpApi, endpoint) {
	api := awsapigatewayv2.NewHttpApi(stack, jsii.String("Api"), &awsapigatewayv2.HttpApiProps{
		ApiName:                   o.name(),
		Description:               jsii.String("Receives the webhooks of the Commerce store " + o.Prefix),
		CreateDefaultStage:        jsii.Bool(false),
		DisableExecuteApiEndpoint: jsii.Bool(!o.API.DefaultEndpoint),
	})
	// A log group below /aws/vendedlogs/ needs no entry in the account's resource policy
	// for logs, whose size is limited (CloudWatch Logs, "vended logs").
	log := newLog(stack, "ApiLog", "/aws/vendedlogs/apis/"+o.StackName(), o)
	countThrottled(o, log)
	stage := awsapigatewayv2.NewCfnStage(stack, jsii.String("Stage"), &awsapigatewayv2.CfnStageProps{
		ApiId:                api.ApiId(),
		StageName:            jsii.String("$default"),
		AutoDeploy:           jsii.Bool(true),
		DefaultRouteSettings: throttlingOf(o),
		AccessLogSettings: &awsapigatewayv2.CfnStage_AccessLogSettingsProperty{
			DestinationArn: log.LogGroupArn(),
			Format:         stack.ToJsonString(accessLog, nil),
		},
	})
	return api, newDomain(stack, o, api, stage)
}

// throttlingOf returns nil if only the limits of the account apply.
func throttlingOf(o Options) any {
	if o.API.Rate == 0 {
		return nil
	}
	return &awsapigatewayv2.CfnStage_RouteSettingsProperty{
		ThrottlingRateLimit: jsii.Number(o.API.Rate), ThrottlingBurstLimit: jsii.Number(o.API.Burst),
	}
}

// accessLog is the format of the API's log. It has no body, and no header, because one of
// them has the webhook's secret.
var accessLog = map[string]string{
	"requestId":        "$context.requestId",
	dimensionAPI:       "$context.apiId",
	"time":             "$context.requestTime",
	"route":            "$context.routeKey",
	"path":             "$context.path",
	"status":           "$context.status",
	"milliseconds":     "$context.responseLatency",
	"responseBytes":    "$context.responseLength",
	"sourceIp":         "$context.identity.sourceIp",
	"integrationError": "$context.integrationErrorMessage",
	"error":            "$context.error.message",
}

// addRoute routes the webhooks of a tracking to its function.
func addRoute(api awsapigatewayv2.HttpApi, h handler) {
	api.AddRoutes(&awsapigatewayv2.AddRoutesOptions{
		Path:    jsii.String(serve.Route(h.tracking.Name)),
		Methods: &[]awsapigatewayv2.HttpMethod{awsapigatewayv2.HttpMethod_POST},
		Integration: awsapigatewayv2integrations.NewHttpLambdaIntegration(
			jsii.String(outputs.Identifier(h.tracking.Name)+"Integration"), h.invoked, nil),
	})
}
