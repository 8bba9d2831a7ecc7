package stack

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseventstargets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"commerce-segment/infra/stack/outputs"
	"commerce-segment/shared/serve"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
)

// Settings of a function and its queues. Package spool has others, which are also those of
// the queue in memory.
const (
	// functionTimeout is less than 10 s, the time-out of Commerce for a webhook. AWS
	// recommends a sixth of the queue's visibility timeout.
	functionTimeout = spool.Visibility / 6
	// queueRetention is how long the queues keep a message, in days: the maximum of SQS.
	// A message that SQS itself moves to the dead-letter queue keeps its age.
	queueRetention = 14
)

// handler has the resources of one tracking: a function, the queue between accepting and
// delivering, the queue of events that are retried, and the dead-letter queue.
type handler struct {
	tracking    tracking.Tracking
	function    awslambda.Function
	queue       awssqs.Queue
	waiting     awssqs.Queue // of events that are retried
	deadLetters awssqs.Queue
}

func newHandler(scope constructs.Construct, t tracking.Tracking, o Options, builder Builder) handler {
	deadLetters := newQueue(scope, "DeadLetters", o.name(t.Name, "dead-letters"), nil)
	queue := newQueue(scope, "Queue", o.name(t.Name), &awssqs.DeadLetterQueue{
		Queue: deadLetters, MaxReceiveCount: jsii.Number(spool.MaxReceives),
	})
	waiting := newQueue(scope, "Waiting", o.name(t.Name, "waiting"), &awssqs.DeadLetterQueue{
		Queue: deadLetters, MaxReceiveCount: jsii.Number(spool.MaxWaitingReceives),
	})
	log := newLog(scope, "Log", outputs.LogGroup(o.StackName(), t), o)
	role := awsiam.NewRole(scope, jsii.String("Role"), &awsiam.RoleProps{
		Description: jsii.String("The permissions of the function " + *o.name(t.Name) + " on its own resources"),
		AssumedBy:   awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
		InlinePolicies: &map[string]awsiam.PolicyDocument{
			"own": permissions(awscdk.Stack_Of(scope), t, o, queue, waiting, deadLetters, log),
		},
	})
	function := awslambda.NewFunction(scope, jsii.String("Function"), &awslambda.FunctionProps{
		FunctionName:                 o.name(t.Name),
		Description:                  jsii.String("Sends Commerce's " + strings.Join(t.Observes, ", ") + " to Segment: " + t.Title),
		Code:                         codeOf(t, o, builder),
		Runtime:                      awslambda.Runtime_PROVIDED_AL2023(),
		Handler:                      jsii.String("bootstrap"),
		Architecture:                 architectures[o.Architecture].lambda(),
		MemorySize:                   jsii.Number(serve.Memory),
		Timeout:                      awscdk.Duration_Seconds(jsii.Number(functionTimeout.Seconds())),
		LoggingFormat:                awslambda.LoggingFormat_JSON,
		ApplicationLogLevelV2:        logLevels[o.Logs.Level],
		LogGroup:                     log,
		Tracing:                      tracingOf(o),
		ReservedConcurrentExecutions: reservedConcurrency(o),
		Role:                         role.WithoutPolicyUpdates(nil), // so that CDK adds no permissions
		Environment: &map[string]*string{
			"GOMEMLIMIT":              jsii.String(serve.MemoryLimit()),
			serve.VariablePrefix:      jsii.String(o.Prefix),
			serve.VariableQueue:       queue.QueueUrl(),
			serve.VariableWaiting:     waiting.QueueUrl(),
			serve.VariableDeadLetters: deadLetters.QueueUrl(),
			// For the SAM CLI, which sets only declared variables. It is not used on AWS.
			settings.Variable: jsii.String("{}"),
		},
	})
	function.AddEventSourceMapping(jsii.String("Deliveries"), &awslambda.EventSourceMappingOptions{
		EventSourceArn:          queue.QueueArn(),
		BatchSize:               jsii.Number(spool.BatchSize),
		MaxConcurrency:          jsii.Number(o.Functions.DeliveryConcurrency),
		ReportBatchItemFailures: jsii.Bool(true),
	})
	tidy(function)
	newRetries(scope, t, function)
	return handler{tracking: t, function: function, queue: queue, waiting: waiting, deadLetters: deadLetters}
}

// newRetries calls the function every minute, so that it attempts the events of the waiting
// queue.
func newRetries(scope constructs.Construct, t tracking.Tracking, function awslambda.Function) {
	awsevents.NewRule(scope, jsii.String("Retries"), &awsevents.RuleProps{
		Description: jsii.String("Calls the function of " + t.Title + " every minute, to attempt the events that are retried"),
		Schedule:    awsevents.Schedule_Rate(awscdk.Duration_Minutes(jsii.Number(1))),
		Targets:     &[]awsevents.IRuleTarget{awseventstargets.NewLambdaFunction(function, nil)},
	})
}

// logLevels has the values of the option logLevel.
var logLevels = map[string]awslambda.ApplicationLogLevel{
	"info": awslambda.ApplicationLogLevel_INFO,
	"warn": awslambda.ApplicationLogLevel_WARN,
}

func tracingOf(o Options) awslambda.Tracing {
	if o.Functions.Tracing {
		return awslambda.Tracing_ACTIVE
	}
	return awslambda.Tracing_DISABLED
}

// reservedConcurrency returns nil if the functions share the concurrency of the account.
func reservedConcurrency(o Options) *float64 {
	if o.Functions.ReservedConcurrency == 0 {
		return nil
	}
	return jsii.Number(o.Functions.ReservedConcurrency)
}

// tidy gives a function the id by which the SAM CLI calls it, its construct path below the
// stack: sam local invoke OrderCompleted/Function. It also removes CDK's DependsOn on the role,
// to which the function refers anyway (cfn-lint, W3005).
func tidy(function awslambda.Function) {
	resource := function.Node().DefaultChild().(awslambda.CfnFunction)
	_, path, _ := strings.Cut(*function.Node().Path(), "/")
	resource.AddMetadata(jsii.String("SamResourceId"), path)
	resource.AddDeletionOverride(jsii.String("DependsOn"))
}

func newQueue(scope constructs.Construct, id string, name *string, deadLetters *awssqs.DeadLetterQueue) awssqs.Queue {
	return awssqs.NewQueue(scope, jsii.String(id), &awssqs.QueueProps{
		QueueName:           name,
		DeadLetterQueue:     deadLetters,
		RetentionPeriod:     awscdk.Duration_Days(jsii.Number(queueRetention)),
		VisibilityTimeout:   awscdk.Duration_Seconds(jsii.Number(spool.Visibility.Seconds())),
		MaxMessageSizeBytes: jsii.Number(spool.MaxMessage), // without it a queue may have 256 KiB
		Encryption:          awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL:          jsii.Bool(true),
	})
}

// newLog creates a log group that is deleted with the stack. One that Lambda creates would
// keep everything for ever.
func newLog(scope constructs.Construct, id, name string, o Options) awslogs.LogGroup {
	return awslogs.NewLogGroup(scope, jsii.String(id), &awslogs.LogGroupProps{
		LogGroupName:  jsii.String(name),
		Retention:     retentions[o.Logs.RetentionDays],
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
}

// permissions returns all permissions of a tracking's function. It names the resources of
// the function one by one. Two statements cannot:
//
//   - Decrypt: the ARN of Parameter Store's key is not known here, and a permission on its
//     alias has no effect. So it allows every key on two conditions: the key has that
//     alias, and the call comes through Parameter Store.
//   - Trace: X-Ray has no resources.
func permissions(stack awscdk.Stack, t tracking.Tracking, o Options, queue, waiting, deadLetters awssqs.Queue, log awslogs.LogGroup) awsiam.PolicyDocument {
	statements := []awsiam.PolicyStatement{
		allow("ReadItsParameters", parameterARNs(stack, o, settings.Names(t)), "ssm:GetParameters"),
		decrypt(stack),
		allow("DeliverFromItsQueue", []*string{queue.QueueArn()}, "sqs:SendMessage", "sqs:ReceiveMessage",
			"sqs:DeleteMessage", "sqs:GetQueueAttributes"),
		allow("RetryFromItsWaitingQueue", []*string{waiting.QueueArn()}, "sqs:SendMessage", "sqs:ReceiveMessage",
			"sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"),
		allow("SendToItsDeadLetters", []*string{deadLetters.QueueArn()}, "sqs:SendMessage"),
		allow("WriteItsLog", []*string{log.LogGroupArn()}, "logs:CreateLogStream", "logs:PutLogEvents"),
	}
	if o.Functions.Tracing {
		statements = append(statements, allow("Trace", []*string{jsii.String("*")}, "xray:PutTraceSegments", "xray:PutTelemetryRecords"))
	}
	return awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &statements})
}

func allow(sid string, resources []*string, actions ...string) awsiam.PolicyStatement {
	return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid: jsii.String(sid), Actions: jsii.Strings(actions...), Resources: &resources,
	})
}

func decrypt(stack awscdk.Stack) awsiam.PolicyStatement {
	keys := stack.FormatArn(&awscdk.ArnComponents{
		Service: jsii.String("kms"), Resource: jsii.String("key"), ResourceName: jsii.String("*"),
	})
	statement := allow("DecryptParameters", []*string{keys}, "kms:Decrypt")
	statement.AddCondition(jsii.String("StringEquals"), map[string]any{
		"kms:ViaService": "ssm." + *stack.Region() + ".amazonaws.com",
	})
	statement.AddCondition(jsii.String("ForAnyValue:StringEquals"), map[string]any{
		"kms:ResourceAliases": "alias/aws/ssm",
	})
	return statement
}

func parameterARNs(stack awscdk.Stack, o Options, names []string) []*string {
	arns := make([]*string, len(names))
	for i, name := range names {
		arns[i] = stack.FormatArn(&awscdk.ArnComponents{
			Service: jsii.String("ssm"), Resource: jsii.String("parameter"),
			ResourceName: jsii.String(strings.TrimPrefix(o.parameterName(name), "/")),
		})
	}
	return arns
}
