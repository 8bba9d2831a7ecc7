package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"

	"commerce-segment/infra/hub/deadletters"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/executions/cloudwatch"
	"commerce-segment/infra/stack/outputs"
	"commerce-segment/shared/serve"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
)

// DefaultPrefix is the prefix of a store that was deployed without one.
const DefaultPrefix = "/commerce-segment"

// functionsKnowWithin is how long the functions can use old settings: they read them again
// after a minute, up to a fifth more, and a few seconds are added.
const functionsKnowWithin = 75 * time.Second

// Deployment is the stack of a store in AWS.
type Deployment struct {
	Config  aws.Config
	Outputs map[string]string
}

// ErrPrefix means that the prefix of a store is not one, so the store was not looked for.
var ErrPrefix = errors.New("a prefix begins with a slash")

// OpenDeployed finds a deployed store by its prefix. It uses the same credentials and the
// same region as the AWS CLI.
func OpenDeployed(ctx context.Context, prefix string) (Store, error) {
	prefix = strings.TrimRight(prefix, "/")
	if !strings.HasPrefix(prefix, "/") {
		return Store{}, fmt.Errorf("--prefix %s: %w, as %s does", prefix, ErrPrefix, DefaultPrefix)
	}
	config, err := awsConfig(ctx)
	if err != nil {
		return Store{}, err
	}
	config.HTTPClient = serve.BufferBodies(config.HTTPClient)
	d, err := describe(ctx, config, prefix)
	if err != nil {
		return Store{}, err
	}
	tagsAndKey := settings.TagsAndKey{Key: d.Outputs[outputs.Key]}
	if tags := d.Outputs[outputs.Tags]; tags != "" {
		if err := json.Unmarshal([]byte(tags), &tagsAndKey.Tags); err != nil {
			return Store{}, fmt.Errorf("reading the output %s of the stack: %w", outputs.Tags, err)
		}
	}
	name := prefix + "/" + settings.WebhookSecret
	return Store{
		Backend:       settings.NewEditableParameterStore(ssm.NewFromConfig(config), prefix).With(tagsAndKey),
		Location:      Location{Prefix: prefix},
		Name:          fmt.Sprintf("Parameter Store in %s, below %s", config.Region, prefix),
		SecretCommand: "aws ssm get-parameter --region " + config.Region + " --with-decryption --query Parameter.Value --output text --name " + name,
		Takes:         functionsKnowWithin,
		Deployment:    d,
	}, nil
}

// awsConfig returns the configuration of the AWS CLI, with a region and credentials.
func awsConfig(ctx context.Context) (aws.Config, error) {
	found, err := config.LoadDefaultConfig(ctx)
	if unknown := (config.SharedConfigProfileNotExistError{}); errors.As(err, &unknown) {
		return aws.Config{}, fmt.Errorf("there is no AWS profile %s: aws configure list-profiles lists those that exist; set AWS_PROFILE to one", unknown.Profile)
	}
	if err != nil {
		return aws.Config{}, fmt.Errorf("reading the AWS configuration: %w", err)
	}
	if found.Region == "" {
		return aws.Config{}, errors.New("there is no AWS region: set AWS_REGION, or AWS_PROFILE to a profile that has one")
	}
	if _, err := found.Credentials.Retrieve(ctx); err != nil {
		if ctx.Err() != nil {
			return aws.Config{}, ctx.Err()
		}
		return aws.Config{}, errNoCredentials
	}
	return found, nil
}

// getCredentials says how to get credentials. The error of the SDK lists every place where it
// looked, in its own words; the command that checks them shows the reason too.
const getCredentials = "choose a profile with AWS_PROFILE and log in with aws sso login, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. To check, run aws sts get-caller-identity"

var errNoCredentials = errors.New("there are no AWS credentials, or the login has expired: " + getCredentials)

// rejectedCredentials are the codes with which AWS rejects credentials.
var rejectedCredentials = []string{
	"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "IncompleteSignature",
}

// describe reads the outputs of the stack with this prefix. It compares the prefix, because
// two prefixes can have the same stack name: /my--shop and /my/shop.
func describe(ctx context.Context, config aws.Config, prefix string) (*Deployment, error) {
	stack := outputs.StackName(prefix)
	answer, err := cloudformation.NewFromConfig(config).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String(stack)})
	var answered smithy.APIError
	switch {
	case errors.As(err, &answered) && answered.ErrorCode() == "ValidationError":
		return nil, fmt.Errorf("there is no stack %s in %s: deploy it first, or choose its region with AWS_REGION, its account with AWS_PROFILE and its prefix with --prefix",
			stack, config.Region)
	case answered != nil && slices.Contains(rejectedCredentials, answered.ErrorCode()):
		return nil, fmt.Errorf("AWS rejected the credentials (%s): %s", answered.ErrorCode(), getCredentials)
	case err != nil:
		return nil, fmt.Errorf("looking for the stack %s in %s: %w", stack, config.Region, err)
	}
	if len(answer.Stacks) == 0 {
		return nil, fmt.Errorf("looking for the stack %s in %s: the answer contains no stack", stack, config.Region)
	}
	d := &Deployment{Config: config, Outputs: map[string]string{}}
	for _, output := range answer.Stacks[0].Outputs {
		d.Outputs[aws.ToString(output.OutputKey)] = aws.ToString(output.OutputValue)
	}
	switch is := d.Outputs[outputs.Prefix]; is {
	case prefix:
		return d, nil
	case "":
		return nil, fmt.Errorf("the stack %s in %s exists, but it is not a store (its status is %s): deploy it first",
			stack, config.Region, answer.Stacks[0].StackStatus)
	default:
		return nil, fmt.Errorf("the stack %s in %s is the store %s, not %s: to use that store, pass --prefix %s",
			stack, config.Region, is, prefix, is)
	}
}

// Trackings returns the trackings that are deployed, in the order of the catalogue.
func (d *Deployment) Trackings() []tracking.Tracking {
	return slices.DeleteFunc(tracking.All(), func(t tracking.Tracking) bool { return d.checkHas(t) != nil })
}

// checkHas returns an error with what to do if a tracking is not deployed. One that is not
// optional always is.
func (d *Deployment) checkHas(t tracking.Tracking) error {
	if !t.Optional || d.WebhookURL(t) != "" {
		return nil
	}
	return fmt.Errorf("%s is not deployed: add it to the option trackings of %s (infra/docs/deploy.md) and run make deploy", t.Name, d.Outputs[outputs.Prefix])
}

// WebhookURL returns the URL to which Commerce posts a tracking's webhooks.
func (d *Deployment) WebhookURL(t tracking.Tracking) string { return d.Outputs[outputs.Webhook(t)] }

// DeadLetterQueue returns the dead-letter queue of a tracking.
func (d *Deployment) DeadLetterQueue(t tracking.Tracking) (spool.SQSDeadLetters, error) {
	urls, err := d.queues(t)
	return spool.NewSQSDeadLetters(sqs.NewFromConfig(d.Config), urls), err
}

// Spool returns the queues of a tracking, to add events to them.
func (d *Deployment) Spool(t tracking.Tracking) (spool.SQS, error) {
	urls, err := d.queues(t)
	return spool.NewSQS(sqs.NewFromConfig(d.Config), urls), err
}

// StackName returns the name of the stack.
func (d *Deployment) StackName() string { return outputs.StackName(d.Outputs[outputs.Prefix]) }

// RetryNow makes the functions of trackings attempt their retrying events. It returns about how
// many there are.
func (d *Deployment) RetryNow(ctx context.Context, trackings []tracking.Tracking) (events int, err error) {
	for _, t := range trackings {
		queues, err := d.Spool(t)
		if err != nil {
			return events, err
		}
		waiting, err := queues.CountWaiting(ctx)
		if err == nil && waiting > 0 {
			err = queues.SendTick(ctx, spool.Tick{}, 0)
		}
		if err != nil {
			return events, fmt.Errorf("%s: %w", t.Name, err)
		}
		events += waiting
	}
	return events, nil
}

// queues returns the URLs of the queues of a tracking.
func (d *Deployment) queues(t tracking.Tracking) (spool.URLs, error) {
	if err := d.checkHas(t); err != nil {
		return spool.URLs{}, err
	}
	urls := spool.URLs{Queue: d.Outputs[outputs.Queue(t)], Waiting: d.Outputs[outputs.Waiting(t)], DeadLetters: d.Outputs[outputs.DeadLetters(t)]}
	if urls.Queue == "" || urls.Waiting == "" || urls.DeadLetters == "" {
		return urls, fmt.Errorf("the stack does not have the outputs %s, %s and %s: deploy it again with this version", outputs.Queue(t), outputs.Waiting(t), outputs.DeadLetters(t))
	}
	return urls, nil
}

// ClockAhead returns how far this machine's clock is ahead of the clock of AWS, accurate to
// one or two seconds.
func (d *Deployment) ClockAhead(ctx context.Context) (time.Duration, error) {
	answer, err := cloudformation.NewFromConfig(d.Config).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String(d.StackName())})
	if err != nil {
		return 0, fmt.Errorf("asking AWS for the time: %w", err)
	}
	there, ok := middleware.GetServerTime(answer.ResultMetadata)
	here, received := middleware.GetResponseAt(answer.ResultMetadata)
	if !ok || !received {
		return 0, errors.New("the answer of AWS has no time")
	}
	return here.Sub(there), nil
}

// DeadLetters returns the dead-letter queues of these trackings.
func (d *Deployment) DeadLetters(trackings []tracking.Tracking) (deadletters.Queues, error) {
	var letters deadletters.Queues
	for _, t := range trackings {
		queue, err := d.DeadLetterQueue(t)
		if err != nil {
			return nil, err
		}
		letters = append(letters, deadletters.TrackingQueue{Tracking: t, Queue: queue})
	}
	return letters, nil
}

// Backlog counts the messages in all queues of the store.
func (d *Deployment) Backlog(ctx context.Context) (deadletters.Backlog, error) {
	letters, err := d.DeadLetters(d.Trackings())
	if err != nil {
		return deadletters.Backlog{}, err
	}
	return letters.Backlog(ctx)
}

// Logs returns the logs of the store's functions.
func (d *Deployment) Logs() cloudwatch.Logs {
	return cloudwatch.Logs{Client: cloudwatchlogs.NewFromConfig(d.Config), Stack: d.StackName(), Trackings: d.Trackings()}
}

// Named returns how the commands in messages name the store. Commands that show webhooks
// need no flag for the hub on this machine: they find it by its address. A deployed store
// is named by its prefix.
func (s Store) Named() executions.Store {
	if s.Deployment == nil {
		return executions.Store{}
	}
	return executions.Store{Flag: s.Flag(), Deployed: true}
}
