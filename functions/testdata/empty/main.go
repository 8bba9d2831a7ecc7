// Command empty is the least that a Lambda function in Go can be. What our
// functions take to start is measured against it.
package main

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	lambda.Start(func(context.Context) (string, error) { return "", nil })
}
