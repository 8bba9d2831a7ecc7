package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"

	"commerce-segment/infra/stack/outputs"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
)

// defaultPrefix is the prefix of a store that was deployed without one.
const defaultPrefix = "/commerce-segment"

// functionsKnowWithin is how long the functions may go on with the settings that
// they have read: a minute, give or take a fifth, and a moment.
const functionsKnowWithin = 75 * time.Second

// deployment is a store's stack in AWS, by its outputs.
type deployment struct {
	config  aws.Config
	outputs map[string]string
}

// openDeployed finds a deployed store by its prefix, with the credentials and in
// the region that the AWS CLI would take.
func openDeployed(ctx context.Context, prefix string) (site, error) {
	prefix = strings.TrimRight(prefix, "/")
	if !strings.HasPrefix(prefix, "/") {
		return site{}, fmt.Errorf("--prefix %s: a prefix begins with a slash, as %s does", prefix, defaultPrefix)
	}
	config, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return site{}, fmt.Errorf("looking for AWS credentials: %w", err)
	}
	if config.Region == "" {
		return site{}, errors.New("there is no AWS region: set AWS_REGION, or AWS_PROFILE to a profile that has one")
	}
	d, err := describe(ctx, config, prefix)
	if err != nil {
		return site{}, err
	}
	name := prefix + "/" + settings.WebhookSecret
	return site{
		settingsStore: settings.NewEditableParameterStore(ssm.NewFromConfig(config), prefix),
		where:         where{prefix: prefix},
		Name:          fmt.Sprintf("Parameter Store in %s, below %s", config.Region, prefix),
		SecretCommand: "aws ssm get-parameter --region " + config.Region + " --with-decryption --query Parameter.Value --output text --name " + name,
		Takes:         functionsKnowWithin,
		Deployment:    d,
	}, nil
}

// describe reads the outputs of a prefix's stack. The name of a stack alone does not
// say whose it is: /my--shop would find that of /my/shop.
func describe(ctx context.Context, config aws.Config, prefix string) (*deployment, error) {
	stack := outputs.StackName(prefix)
	answer, err := cloudformation.NewFromConfig(config).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String(stack)})
	var refusal smithy.APIError
	switch {
	case errors.As(err, &refusal) && refusal.ErrorCode() == "ValidationError":
		return nil, fmt.Errorf("there is no stack %s in %s: deploy it first, or choose its region with AWS_REGION, its account with AWS_PROFILE and its prefix with --prefix",
			stack, config.Region)
	case err != nil:
		return nil, fmt.Errorf("looking for the stack %s in %s: %w", stack, config.Region, err)
	}
	if len(answer.Stacks) == 0 {
		return nil, fmt.Errorf("looking for the stack %s in %s: the answer holds none", stack, config.Region)
	}
	d := &deployment{config: config, outputs: map[string]string{}}
	for _, output := range answer.Stacks[0].Outputs {
		d.outputs[aws.ToString(output.OutputKey)] = aws.ToString(output.OutputValue)
	}
	switch is := d.outputs[outputs.Prefix]; is {
	case prefix:
		return d, nil
	case "":
		return nil, fmt.Errorf("the stack %s in %s is there, but not a store (its status is %s): deploy it first",
			stack, config.Region, answer.Stacks[0].StackStatus)
	default:
		return nil, fmt.Errorf("the stack %s in %s is the store %s, not %s: if you mean that one, say --prefix %s",
			stack, config.Region, is, prefix, is)
	}
}

// webhookURL is where Commerce posts a tracking's webhooks.
func (d *deployment) webhookURL(t tracking.Tracking) string { return d.outputs[outputs.Webhook(t)] }

// deadLetters are those of a tracking.
func (d *deployment) deadLetters(t tracking.Tracking) (spool.DeadLetterQueue, error) {
	queue, deadLetters := d.outputs[outputs.Queue(t)], d.outputs[outputs.DeadLetters(t)]
	if queue == "" || deadLetters == "" {
		return spool.DeadLetterQueue{}, fmt.Errorf("the stack has no outputs %s and %s: deploy it again with this version",
			outputs.Queue(t), outputs.DeadLetters(t))
	}
	return spool.NewDeadLetterQueue(sqs.NewFromConfig(d.config), queue, deadLetters), nil
}
