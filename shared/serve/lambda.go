package serve

import (
	"context"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// initWithin bounds the first look at the settings. Lambda ends an init phase
// after 10 s and starts it over.
const initWithin = 5 * time.Second

// Lambda runs a tracking's function until the process ends. Its logger is
// aws-lambda-go's, which obeys the function's logging configuration
// (AWS_LAMBDA_LOG_FORMAT, AWS_LAMBDA_LOG_LEVEL) and names the request.
func Lambda(t tracking.Tracking) {
	log := lambdacontext.NewLogger()
	slog.SetDefault(log)
	f := NewFunction(t, &settings.Cache{Tracking: t, Source: settings.Env{}}, nil, log)
	f.warm()
	lambda.Start(f)
}

// warm reads the settings before the first event comes. That they cannot be read
// is no reason not to start: events are accepted without them, and each of them
// looks again. The cache logs why.
func (f *Function) warm() {
	ctx, cancel := context.WithTimeout(context.Background(), initWithin)
	defer cancel()
	_, _ = f.Relay.Configuration.Current(ctx)
}
