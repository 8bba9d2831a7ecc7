// Command newest has the newest clients of Parameter Store and SQS, for the test that says
// whether their init functions still slow the start of a program.
package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

func main() {
	// The calls that a function makes keep the linker from removing what they need. There
	// are no credentials, so each fails before it sends anything.
	nothing, _ := context.WithCancel(context.Background())
	_, _ = ssm.New(ssm.Options{Region: "us-east-1"}).GetParameters(nothing, &ssm.GetParametersInput{})
	_, _ = sqs.New(sqs.Options{Region: "us-east-1"}).SendMessage(nothing, &sqs.SendMessageInput{QueueUrl: aws.String("")})
}
