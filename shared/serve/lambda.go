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
	"commerce-segment/shared/turn"
)

// initWithin is the time limit for the first read of the settings. It is far below the 10 s
// after which Lambda stops an init phase and starts it again.
const initWithin = 2 * time.Second

// Memory is the memory of a function, in MB.
const Memory = 256

// MemoryLimit returns the GOMEMLIMIT of a function. The rest of the memory is for a large
// event, which needs more for a moment, and for memory that Go does not include. Without a
// limit, garbage may use as much memory as the live data.
func MemoryLimit() string { return strconv.Itoa(Memory/2) + "MiB" }

// How an event source mapping calls a function. With these an account that runs only ten
// executions at a time accepts nearly all of 20 webhooks a second also while Segment hangs. The
// tests of infra/emulator/account show it.
const (
	// Deliveries is how many batches of a tracking are delivered at the same time: the minimum
	// of Lambda. A deployment can set more.
	Deliveries = 2
	// GatherFor is how long a mapping waits for more events before it calls the function.
	GatherFor = 2 * time.Second
)

// Lambda runs the function of a tracking until the process ends. The environment variables
// name the settings in Parameter Store and the queues in SQS, or neither. The logger is
// that of aws-lambda-go, which follows the function's logging configuration
// (AWS_LAMBDA_LOG_FORMAT, AWS_LAMBDA_LOG_LEVEL) and adds the request id.
func Lambda(t tracking.Tracking) {
	log := lambdacontext.NewLogger()
	setLog(log)
	turn.OneAtATime()
	f := fromEnvironment(t, log)
	f.warm() // in the init phase: as soon as the runtime asks for an event, Lambda may freeze the process
	lambda.Start(f)
}

// setLog makes a logger the default of all packages, also of those that use package log.
func setLog(log *slog.Logger) {
	slog.SetDefault(log)
	loggable.StandardLog(log)
}

// warm reads the settings before the first event. The function also starts if they cannot
// be read: it accepts events without settings, and tries to read them for each event. The
// cache logs the error.
func (f *Function) warm() {
	ctx, cancel := context.WithTimeout(context.Background(), initWithin)
	defer cancel()
	_, _ = f.Relay.Configuration.Current(ctx)
}
