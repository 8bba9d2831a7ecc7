package serve

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// awsStandIn is a test server for Parameter Store and SQS. If spoil is set, it answers the
// first request to each service.
type awsStandIn struct {
	mu       sync.Mutex
	spoil    func(http.ResponseWriter, *http.Request)
	requests map[string]int // by operation
	keys     []string       // of the requests' signatures
}

func (s *awsStandIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	operation := r.Header.Get("X-Amz-Target")
	s.mu.Lock()
	s.requests[operation]++
	s.keys = append(s.keys, r.Header.Get("Authorization"))
	first := s.requests[operation] == 1
	s.mu.Unlock()
	if first && s.spoil != nil {
		s.spoil(w, r)
		return
	}
	switch operation {
	case "AmazonSSM.GetParameters":
		io.WriteString(w, `{"Parameters":[{"Name":"/shop/commerce/webhook-secret","Value":"`+secret+`"}]}`)
	case "AmazonSQS.SendMessage":
		io.WriteString(w, `{"MessageId":"1"}`)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// inLambda returns a function as Lambda starts it, with these variables in addition to
// those that every function has.
func inLambda(t *testing.T, variables map[string]string) (f *Function, aws *awsStandIn, log *lines) {
	aws, log = &awsStandIn{requests: map[string]int{}}, &lines{}
	server := httptest.NewServer(aws)
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": server.URL,
		"AWS_ACCESS_KEY_ID": "AKIA1", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t",
		VariablePrefix: "/shop", VariableQueue: server.URL + "/queue", VariableWaiting: server.URL + "/waiting", VariableDeadLetters: server.URL + "/dead",
		settings.Variable: "",
	} {
		if replaced, ok := variables[name]; ok {
			value = replaced
		}
		t.Setenv(name, value)
	}
	handler := slog.New(slog.NewJSONHandler(log, nil))
	setLog(handler) // for the cache, which uses the default logger
	return fromEnvironment(tracking.OrderCompleted, handler), aws, log
}

func TestTheEnvironmentSelectsSettingsAndQueue(t *testing.T) {
	const fromVariable = `{"commerce/webhook-secret":"` + secret + `"}`
	cases := []struct {
		name      string
		variables map[string]string
		status    int
		requests  string
		metrics   bool
	}{
		{"both in AWS", nil, 202, "map[AmazonSQS.SendMessage:1 AmazonSSM.GetParameters:1]", true},
		{"settings in a variable, a queue in AWS", map[string]string{VariablePrefix: "", settings.Variable: fromVariable}, 202, "map[AmazonSQS.SendMessage:1]", false},
		// Without a queue and a write key the event can be neither stored nor delivered.
		{"no queue", map[string]string{VariableQueue: ""}, 503, "map[AmazonSSM.GetParameters:1]", true},
		{"nothing in AWS", map[string]string{VariablePrefix: "", VariableQueue: "", settings.Variable: fromVariable}, 503, "map[]", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f, aws, log := inLambda(t, c.variables)
			response, _ := f.HTTP(t.Context(), post())
			equal(t, "status", response.StatusCode, c.status)
			equal(t, "requests", aws.requests, c.requests)
			equal(t, "metrics", strings.Contains(log.String(), `"_aws"`), c.metrics)
			for _, key := range aws.keys {
				if !strings.Contains(key, "AKIA1/") || !strings.Contains(key, "/eu-west-1/") {
					t.Errorf("a request is signed %s", key)
				}
			}
		})
	}
}

// After a function was frozen its connections may be broken: some are reset, others do not
// answer. The event must still be verified and put on the queue.
func TestACallOverABrokenConnectionIsTriedAgain(t *testing.T) {
	cases := []struct {
		name   string
		spoil  func(http.ResponseWriter, *http.Request)
		within time.Duration
	}{
		{"it is reset", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 700 * time.Millisecond},
		{"it does not answer", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, settingsWithin + queueWithin + 700*time.Millisecond},
		// The SDK would wait for up to a second before it tries again.
		{"it throttles", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Amzn-ErrorType", "ThrottlingException")
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, `{}`)
		}, 700 * time.Millisecond},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f, aws, log := inLambda(t, nil)
			aws.spoil = c.spoil
			started := time.Now()
			response, _ := f.HTTP(t.Context(), post())
			equal(t, "status", response.StatusCode, 202)
			equal(t, "requests", aws.requests, "map[AmazonSQS.SendMessage:2 AmazonSSM.GetParameters:2]")
			if took := time.Since(started); took > c.within {
				t.Errorf("it took %v, want less than %v", took, c.within)
			}
			if strings.Contains(log.String(), `"Unverified"`) {
				t.Errorf("the event was not verified: %s", log)
			}
		})
	}
}

func TestMissingCredentialsAreNamed(t *testing.T) {
	f, aws, log := inLambda(t, map[string]string{"AWS_ACCESS_KEY_ID": ""})
	response, _ := f.HTTP(t.Context(), post())
	equal(t, "status", response.StatusCode, 503)
	equal(t, "requests", aws.requests, "map[]")
	if !strings.Contains(log.String(), "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY") {
		t.Errorf("the log does not say what to do: %s", log)
	}
}

func TestTheEnvironmentSelectsTheEndpoints(t *testing.T) {
	// The stack sets these for a VPC. Parameter Store is at the URL for all services.
	queue := &awsStandIn{requests: map[string]int{}}
	server := httptest.NewServer(queue)
	t.Cleanup(server.Close)
	t.Setenv("AWS_ENDPOINT_URL_SQS", server.URL)
	f, others, _ := inLambda(t, nil)
	response, _ := f.HTTP(t.Context(), post())
	equal(t, "status", response.StatusCode, 202)
	equal(t, "requests to SQS's endpoint", queue.requests, "map[AmazonSQS.SendMessage:1]")
	equal(t, "requests to the other one", others.requests, "map[AmazonSSM.GetParameters:1]")
}

func TestTheEnvironmentSelectsFIPS(t *testing.T) {
	for value, want := range map[string]aws.FIPSEndpointState{"": aws.FIPSEndpointStateUnset, "true": aws.FIPSEndpointStateEnabled} {
		t.Setenv(VariableFIPS, value)
		ssmOptions := ssm.NewFromConfig(awsConfig()).Options()
		equal(t, "FIPS for Parameter Store", ssmOptions.EndpointOptions.UseFIPSEndpoint, want)
		equal(t, "FIPS for SQS", sqs.NewFromConfig(awsConfig()).Options().EndpointOptions.UseFIPSEndpoint, want)
	}
}
