package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"commerce-segment/infra/emulator"
	"commerce-segment/infra/emulator/standin"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/serve"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// forServices has the actions that AWS's own services call with the role of a function. No
// code here calls them.
var forServices = map[string]string{
	"kms:Decrypt":              "Parameter Store, for a SecureString",
	"logs:CreateLogStream":     "Lambda, for what the function prints",
	"logs:PutLogEvents":        "Lambda",
	"xray:PutTraceSegments":    "Lambda, where tracing is active",
	"xray:PutTelemetryRecords": "Lambda",
}

// forMapping has the actions on the queue of accepted events that only the event source
// mapping calls. It cannot be created without them.
var forMapping = []string{"sqs:ReceiveMessage", "sqs:DeleteMessage"}

// The policy of a function must allow every call that it makes: otherwise the call would
// fail on AWS only. It must allow no other call.
func TestThePolicyOfAFunctionAllowsExactlyItsCalls(t *testing.T) {
	tmpl := deployedTemplate(t)
	for _, row := range tracking.All() {
		t.Run(row.Name, func(t *testing.T) {
			may := slices.DeleteFunc(grants(t, roleOf(t, tmpl, "commerce-segment-"+row.Name)), func(grant string) bool {
				action, resource, _ := strings.Cut(grant, " on ")
				isOfMapping := slices.Contains(forMapping, action) && strings.HasSuffix(resource, "-"+row.Name)
				return isOfMapping || forServices[action] != ""
			})
			if called := callsOf(t, row); !slices.Equal(called, may) {
				t.Errorf("the function calls\n%s\nand may call\n%s", strings.Join(called, "\n"), strings.Join(may, "\n"))
			}
		})
	}
}

// callsOf returns the calls of AWS that a function makes for events that are accepted,
// rejected, retrying and failed, and for its schedule: "action on resource", sorted, each once.
func callsOf(t *testing.T, row tracking.Tracking) []string {
	t.Helper()
	const secret, prefix = "secret_squirrel", "/commerce-segment"
	account, segment := standin.Start(t), httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(segment.Close)
	config := aws.Config{Region: emulator.Region, BaseEndpoint: &account.URL, Credentials: aws.CredentialsProviderFunc(
		func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		})}
	var queues []string
	for _, name := range []string{"commerce-segment-" + row.Name, "commerce-segment-" + row.Name + "-waiting", "commerce-segment-" + row.Name + "-dead-letters"} {
		queue, err := sqs.NewFromConfig(config).CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name})
		if err != nil {
			t.Fatal(err)
		}
		queues = append(queues, *queue.QueueUrl)
	}
	store := settings.NewEditableParameterStore(ssm.NewFromConfig(config), prefix)
	message := `{"event": "x", "userId": "y"}`
	if row.Call == tracking.Delete {
		message = `{"regulationType": "DELETE_ONLY", "userId": "y"}`
	}
	for name, value := range map[string]string{
		settings.WebhookSecret: secret, settings.SegmentWriteKey: "a-write-key", settings.SegmentHost: segment.URL, settings.Template(row): message,
		settings.SegmentAPIHost: segment.URL, settings.SegmentAPIToken: settings.BindSecret(segment.URL, "a-token"), settings.Enabled(row): "true",
	} {
		if err := store.Put(t.Context(), name, value); err != nil {
			t.Fatal(err)
		}
	}
	waits := relay.Item{Fresh: true, Envelope: relay.Envelope{Received: time.Now(), Body: []byte("no JSON")}} // a tick deletes it
	if err := spool.NewSQS(sqs.NewFromConfig(config), spool.URLs{Waiting: queues[1]}).Retry(t.Context(), waits, relay.Next{}); err != nil {
		t.Fatal(err)
	}
	before := len(account.Calls())

	body := string(sampleOf(t, row))
	text := func(body string) string {
		text, err := spool.Encode(relay.Envelope{Received: time.Now(), Body: []byte(body)})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	batch := func(text string) events.SQSEvent {
		return events.SQSEvent{Records: []events.SQSMessage{{MessageId: "1", ReceiptHandle: "1", Body: text, EventSource: "aws:sqs"}}}
	}
	now := time.Now().UTC().Format(time.RFC3339)
	invoke(t, row, append(emulator.Environment(account.URL), serve.VariablePrefix+"="+prefix,
		serve.VariableQueue+"="+queues[0], serve.VariableWaiting+"="+queues[1], serve.VariableDeadLetters+"="+queues[2]),
		webhookOf(row, secret, body), webhookOf(row, secret, "no JSON"), webhookOf(row, "guess", body),
		batch(text(body)), batch(text("no JSON")),
		map[string]string{"detail-type": "Scheduled Event", "time": now}, batch(`{"tick":{"due":"`+now+`"}}`))

	var calls []string
	for _, call := range account.Calls()[before:] {
		for _, resource := range call.Resources {
			resource = strings.NewReplacer(emulator.Region, "REGION", emulator.Account, "ACCOUNT").Replace(resource)
			action := strings.TrimSuffix(call.Action, "Batch") // one permission is for both
			calls = append(calls, call.Service+":"+action+" on "+resource)
		}
	}
	slices.Sort(calls)
	return slices.Compact(calls)
}

func sampleOf(t *testing.T, row tracking.Tracking) []byte {
	t.Helper()
	for _, sample := range templates.Samples() {
		if sample.Tracking == row.Name && strings.Contains(string(sample.Body), `"`+row.Observes[0]+`"`) {
			return sample.Body
		}
	}
	t.Fatalf("there is no sample of %s", row.Name)
	return nil
}

func webhookOf(row tracking.Tracking, key, body string) events.APIGatewayV2HTTPRequest {
	request := events.APIGatewayV2HTTPRequest{RawPath: serve.Route(row.Name), Headers: map[string]string{"x-moltin-secret-key": key}, Body: body}
	request.RequestContext.HTTP.Method = http.MethodPost
	return request
}

// invoke runs a function as it is deployed, and gives it the events one after the other, as
// Lambda does.
func invoke(t *testing.T, row tracking.Tracking, environment []string, payloads ...any) {
	t.Helper()
	next, done := make(chan any), make(chan string)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", func(w http.ResponseWriter, r *http.Request) {
		select {
		case payload := <-next:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "1")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(9*time.Second).UnixMilli()))
			json.NewEncoder(w).Encode(payload)
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/{outcome}", func(w http.ResponseWriter, r *http.Request) {
		said, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		done <- r.PathValue("outcome") + " " + string(said)
	})
	lambda := httptest.NewServer(mux)
	t.Cleanup(lambda.Close)
	directory := t.TempDir()
	if err := (GoBuild{Module: "../.."}).Build(row, hostArchitecture(), directory); err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithTimeout(t.Context(), time.Minute)
	defer end()
	function := exec.CommandContext(ctx, filepath.Join(directory, "bootstrap"))
	function.Env = append(environment, "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(lambda.URL, "http://"))
	if err := function.Start(); err != nil {
		t.Fatal(err)
	}
	for _, payload := range payloads {
		select {
		case next <- payload:
		case <-ctx.Done():
			t.Fatal("the function does not request an event")
		}
		select {
		case said := <-done:
			if !strings.HasPrefix(said, "response ") {
				t.Errorf("the function returns the error %s", said)
			}
		case <-ctx.Done():
			t.Fatal("the function does not answer")
		}
	}
	end()
	_ = function.Wait() // it was killed
}
