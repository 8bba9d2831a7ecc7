package stack

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseventstargets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
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
	invoked     awslambda.IFunction // what the API and the queue call: the function, or its alias
	queue       awssqs.Queue
	waiting     awssqs.Queue // of events that are retried
	deadLetters awssqs.Queue
}

func newHandler(scope constructs.Construct, t tracking.Tracking, o Options, builder Builder) handler {
	deadLetters := newQueue(scope, o, "DeadLetters", o.name(t.Name, "dead-letters"), nil)
	queue := newQueue(scope, o, "Queue", o.name(t.Name), &awssqs.DeadLetterQueue{
		Queue: deadLetters, MaxReceiveCount: jsii.Number(spool.MaxReceives),
	})
	waiting := newQueue(scope, o, "Waiting", o.name(t.Name, "waiting"), &awssqs.DeadLetterQueue{
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
		Environment:                  environmentOf(o, queue, waiting, deadLetters),
	})
	connect(function, o)
	invoked := invokedOf(scope, function, o)
	invoked.AddEventSourceMapping(jsii.String("Deliveries"), &awslambda.EventSourceMappingOptions{
		EventSourceArn:          queue.QueueArn(),
		BatchSize:               jsii.Number(spool.BatchSize),
		MaxConcurrency:          jsii.Number(o.Functions.DeliveryConcurrency),
		MaxBatchingWindow:       awscdk.Duration_Seconds(jsii.Number(serve.GatherFor.Seconds())),
		ReportBatchItemFailures: jsii.Bool(true),
	})
	adjustForSAM(function)
	newRetries(scope, t, invoked)
	return handler{tracking: t, function: function, invoked: invoked, queue: queue, waiting: waiting, deadLetters: deadLetters}
}

// newRetries calls the function every minute, so that it attempts the events of the waiting
// queue.
func newRetries(scope constructs.Construct, t tracking.Tracking, function awslambda.IFunction) {
	awsevents.NewRule(scope, jsii.String("Retries"), &awsevents.RuleProps{
		Description: jsii.String("Calls the function of " + t.Title + " every minute, to attempt the events that are retried"),
		Schedule:    awsevents.Schedule_Rate(awscdk.Duration_Minutes(jsii.Number(1))),
		Targets:     &[]awsevents.IRuleTarget{awseventstargets.NewLambdaFunction(function, nil)},
	})
}

func environmentOf(o Options, queue, waiting, deadLetters awssqs.Queue) *map[string]*string {
	variables := map[string]*string{
		"GOMEMLIMIT":              jsii.String(serve.MemoryLimit()),
		serve.VariablePrefix:      jsii.String(o.Prefix),
		serve.VariableQueue:       queue.QueueUrl(),
		serve.VariableWaiting:     waiting.QueueUrl(),
		serve.VariableDeadLetters: deadLetters.QueueUrl(),
		// For the SAM CLI, which sets only declared variables. It is not used on AWS.
		settings.Variable: jsii.String("{}"),
	}
	for name, value := range o.Network.variables() {
		variables[name] = jsii.String(value)
	}
	return &variables
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

// adjustForSAM gives a function the id by which the SAM CLI calls it, its construct path below the
// stack: sam local invoke OrderCompleted/Function. It also removes CDK's DependsOn on the role,
// to which the function refers anyway (cfn-lint, W3005).
func adjustForSAM(function awslambda.Function) {
	resource := function.Node().DefaultChild().(awslambda.CfnFunction)
	_, path, _ := strings.Cut(*function.Node().Path(), "/")
	resource.AddMetadata(jsii.String("SamResourceId"), path)
	resource.AddDeletionOverride(jsii.String("DependsOn"))
}

func newQueue(scope constructs.Construct, o Options, id string, name *string, deadLetters *awssqs.DeadLetterQueue) awssqs.Queue {
	encryption, key := awssqs.QueueEncryption_SQS_MANAGED, keyOf(scope, o, id+"Key")
	if key != nil {
		encryption = awssqs.QueueEncryption_KMS
	}
	return awssqs.NewQueue(scope, jsii.String(id), &awssqs.QueueProps{
		QueueName:           name,
		DeadLetterQueue:     deadLetters,
		RetentionPeriod:     awscdk.Duration_Days(jsii.Number(queueRetention)),
		VisibilityTimeout:   awscdk.Duration_Seconds(jsii.Number(spool.Visibility.Seconds())),
		MaxMessageSizeBytes: jsii.Number(spool.MaxMessage), // without it a queue may have 256 KiB
		Encryption:          encryption,
		EncryptionMasterKey: key,
		EnforceSSL:          jsii.Bool(true),
		RemovalPolicy:       removalOf(o),
	})
}

// newLog creates a log group. One that Lambda creates would keep everything for ever.
func newLog(scope constructs.Construct, id, name string, o Options) awslogs.LogGroup {
	props := &awslogs.LogGroupProps{
		LogGroupName:  jsii.String(name),
		Retention:     retentions[o.Logs.RetentionDays],
		RemovalPolicy: removalOf(o),
	}
	if key := keyOf(scope, o, id+"Key"); key != nil {
		props.EncryptionKey = key
	}
	return awslogs.NewLogGroup(scope, jsii.String(id), props)
}

// removalOf returns what happens to a resource with data when the stack is destroyed. One that
// stays is deleted nevertheless if its creation is undone: it has no data then, and the next
// deployment could not create it.
func removalOf(o Options) awscdk.RemovalPolicy {
	if o.Retain {
		return awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE
	}
	return awscdk.RemovalPolicy_DESTROY
}

// keyOf returns the customer's key, or nil. The customer allows its use in the policy of the
// key, which this stack does not change.
func keyOf(scope constructs.Construct, o Options, id string) awskms.IKey {
	if o.KeyARN == "" {
		return nil
	}
	return awskms.Key_FromKeyArn(scope, jsii.String(id), jsii.String(o.KeyARN))
}

// permissions returns all permissions of a tracking's function. It names the resources of
// the function one by one. Some statements cannot:
//
//   - Decrypt: the ARN of Parameter Store's key is not known here, and a permission on its
//     alias has no effect. So it allows every key on two conditions: the key has that
//     alias, and the call comes through Parameter Store.
//   - Trace: X-Ray has no resources.
//   - ConnectToTheVPC: see networkPermissions.
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
	if o.KeyARN != "" {
		statements = append(statements, useKey(stack, o.KeyARN))
	}
	if len(o.Network.Subnets) > 0 {
		statements = append(statements, networkPermissions(stack, t, o)...)
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

// useKey allows the customer's key for the queues, and for the secrets that were saved with it.
// Those that were saved before the store had this key are decrypted with that of DecryptParameters,
// until hub configure saves them again.
func useKey(stack awscdk.Stack, arn string) awsiam.PolicyStatement {
	statement := allow("UseTheKey", []*string{jsii.String(arn)}, "kms:Decrypt", "kms:GenerateDataKey")
	statement.AddCondition(jsii.String("StringEquals"), map[string]any{
		"kms:ViaService": []string{"ssm." + *stack.Region() + ".amazonaws.com", "sqs." + *stack.Region() + ".amazonaws.com"},
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
