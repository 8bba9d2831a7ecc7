package serve

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"commerce-segment/shared/loggable"
	"commerce-segment/shared/tracking"
)

// initWithin bounds the first look at the settings, far below the 10 s after which
// Lambda ends an init phase and starts it over.
const initWithin = 2 * time.Second

// Memory is what a function has, in MB.
const Memory = 256

// MemoryLimit is GOMEMLIMIT of a function. What is beyond it is for the moment in which
// one large event needs more, and for all that Go does not count: without a limit garbage
// takes as much memory as all that is in use.
func MemoryLimit() string { return strconv.Itoa(Memory/2) + "MiB" }

// Lambda runs a tracking's function until the process ends: with the settings in
// Parameter Store and the queues in SQS that the environment names, or without
// them where it names none. Its logger is
// aws-lambda-go's, which obeys the function's logging configuration
// (AWS_LAMBDA_LOG_FORMAT, AWS_LAMBDA_LOG_LEVEL) and names the request.
func Lambda(t tracking.Tracking) {
	log := lambdacontext.NewLogger()
	setLog(log)
	f := fromEnvironment(t, log)
	f.warm() // in the init phase: once the runtime asks for an event, Lambda may freeze the process
	lambda.Start(f)
}

// setLog makes a logger the one of all packages, also of those that know only package log.
func setLog(log *slog.Logger) {
	slog.SetDefault(log)
	loggable.StandardLog(log)
}

// warm reads the settings before the first event comes. That they cannot be read
// is no reason not to start: events are accepted without them, and each of them
// looks again. The cache logs why.
func (f *Function) warm() {
	ctx, cancel := context.WithTimeout(context.Background(), initWithin)
	defer cancel()
	_, _ = f.Relay.Configuration.Current(ctx)
}
