package serve

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"commerce-segment/shared/loggable"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
)

// The environment variables that connect a function to AWS. The stack sets them. Without
// the first, the settings are read from settings.Variable. Without the others, there is no
// queue.
const (
	VariablePrefix      = "PARAMETER_PREFIX"      // the prefix of the store's parameters, for example "/commerce-segment"
	VariableQueue       = "QUEUE_URL"             // the queue of accepted webhooks
	VariableWaiting     = "WAITING_QUEUE_URL"     // the queue of events that are retried
	VariableDeadLetters = "DEAD_LETTER_QUEUE_URL" // the queue of events that cannot be delivered
)

// The environment variables of the SDK about endpoints, which the stack can set.
const (
	VariableFIPS     = "AWS_USE_FIPS_ENDPOINT" // "true" for the endpoints that are validated by FIPS 140
	VariableEndpoint = "AWS_ENDPOINT_URL_"     // with SQS or SSM: the URL of an interface endpoint in a VPC
)

// The time limits of calls to AWS. The SDK makes two attempts, and both must fit into the
// time limit of the relay or the cache. The second attempt is for a connection that broke
// while the function was frozen, and for a throttled call.
const (
	attempts        = 2
	betweenAttempts = 100 * time.Millisecond  // the maximum
	settingsWithin  = 600 * time.Millisecond  // one attempt at Parameter Store; the cache allows 1.4 s
	queueWithin     = 1400 * time.Millisecond // one attempt at SQS; the relay allows 3 s
)

// fromEnvironment returns the function that the environment variables describe.
func fromEnvironment(t tracking.Tracking, log *slog.Logger) *Function {
	config, transport := awsConfig(), newTransport()
	prefix := os.Getenv(VariablePrefix)

	var source settings.Source = settings.Env{}
	if prefix != "" {
		source = settings.NewParameterStore(ssm.NewFromConfig(config, func(o *ssm.Options) {
			o.HTTPClient = BufferBodies(&http.Client{Transport: loggable.Transport(transport), Timeout: settingsWithin})
		}), prefix)
	}
	configuration := &settings.Cache{Tracking: t, Source: source}
	f := NewFunction(t, configuration, nil, log)
	urls := spool.URLs{Queue: os.Getenv(VariableQueue), Waiting: os.Getenv(VariableWaiting), DeadLetters: os.Getenv(VariableDeadLetters)}
	if urls.Queue != "" {
		f = NewFunctionWithQueues(t, configuration, spool.NewSQS(sqs.NewFromConfig(config, func(o *sqs.Options) {
			o.HTTPClient = BufferBodies(&http.Client{Transport: loggable.Transport(transport), Timeout: queueWithin})
		}), urls), log)
	}
	f.Relay.MetricsPrefix, f.Relay.CommerceTransport = prefix, transport
	return f
}

// awsConfig returns the configuration of the SDK, from the environment variables that every
// Lambda function has. The config package of the SDK would also look in files, in a
// metadata service and in STS. Lambda has none of these, and a cold start would take
// longer.
func awsConfig() aws.Config {
	config := aws.Config{
		Region:        os.Getenv("AWS_REGION"),
		Credentials:   aws.CredentialsProviderFunc(environmentCredentials),
		ConfigSources: []any{endpoints{}},
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxAttempts, o.MaxBackoff = attempts, betweenAttempts
			})
		},
	}
	if endpoint := os.Getenv("AWS_ENDPOINT_URL"); endpoint != "" {
		config.BaseEndpoint = aws.String(endpoint) // an emulator
	}
	return config
}

// endpoints gives the SDK the environment variables about endpoints.
type endpoints struct{}

// GetUseFIPSEndpoint has the name and the signature that the SDK looks for.
func (endpoints) GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error) {
	if strings.EqualFold(os.Getenv(VariableFIPS), "true") {
		return aws.FIPSEndpointStateEnabled, true, nil
	}
	return aws.FIPSEndpointStateUnset, false, nil
}

// GetServiceBaseEndpoint has the name and the signature that the SDK looks for. The service is
// SQS or SSM.
func (endpoints) GetServiceBaseEndpoint(_ context.Context, service string) (string, bool, error) {
	url := os.Getenv(VariableEndpoint + service)
	return url, url != "", nil
}

// environmentCredentials returns the credentials that Lambda gives a function. They are valid longer than the function runs.
func environmentCredentials(context.Context) (aws.Credentials, error) {
	credentials := aws.Credentials{
		AccessKeyID:     os.Getenv("AWS_ACCESS_KEY_ID"),
		SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
		SessionToken:    os.Getenv("AWS_SESSION_TOKEN"),
		Source:          "environment",
	}
	if !credentials.HasKeys() {
		return aws.Credentials{}, errors.New("there are no credentials for AWS: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, as Lambda does")
	}
	return credentials, nil
}

// newTransport returns the transport of the clients for AWS and Commerce. It speaks
// HTTP/1.1, as the one for Segment, for the same reasons.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: settingsWithin, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout: queueWithin,
		MaxIdleConnsPerHost: 10,
		IdleConnTimeout:     50 * time.Second, // load balancers commonly close after 60 s
	}
}
