package functions_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/shared/settings"
)

// build builds a function as it is deployed, for the machine of the test, and once for all
// tests. The name is its folder below this one.
func build(t testing.TB, name string) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skipf("functions are Linux programs, and this is %s", runtime.GOOS)
	}
	once, _ := built.LoadOrStore(name, sync.OnceValues(func() (string, error) { return compile(name) }))
	bootstrap, err := once.(func() (string, error))()
	if err != nil {
		t.Fatal(err)
	}
	return bootstrap
}

var (
	built    sync.Map // by name: func() (string, error)
	programs string   // the folder of the built programs
)

func compile(name string) (bootstrap string, err error) {
	bootstrap = filepath.Join(programs, name, "bootstrap")
	command := exec.Command("go", "build", "-trimpath", "-buildvcs=false",
		"-tags", "lambda.norpc", "-ldflags", "-s -w -buildid=", "-o", bootstrap, "./"+name)
	command.Env = append(os.Environ(), "GOOS=linux", "CGO_ENABLED=0", "GOFLAGS=")
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", name, err, output)
	}
	return bootstrap, nil
}

// Two of the tests AtScale spend most of two minutes waiting. In addition to them, as many
// tests run at the same time as there are processors, unless a flag sets another number.
func TestMain(m *testing.M) {
	err := flag.Set("test.parallel", strconv.Itoa(runtime.GOMAXPROCS(0)+2))
	if err != nil {
		panic(err)
	}
	if programs, err = os.MkdirTemp("", "functions"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(programs)
	os.Exit(code)
}

// process is a running function and, for it, the Lambda Runtime API.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
type process struct {
	payloads chan []byte
	outcomes chan outcome
	asked    chan struct{} // closed when the process asks for its first event
	ended    chan struct{} // closed when the process is gone
	log      hubtest.Log
	pid      int
	count    int
	first    sync.Once
}

// outcome is the answer of a function to an event.
type outcome struct {
	failed bool // it reported an error
	body   []byte
}

// invokeWithin is the time-out of the function.
const invokeWithin = 9 * time.Second

// start builds a function and runs it, with these settings, until the test ends.
func start(t testing.TB, name string, parameters map[string]string) *process {
	t.Helper()
	encoded, err := json.Marshal(parameters)
	if err != nil {
		t.Fatal(err)
	}
	return startIn(t, name, settings.Variable+"="+string(encoded))
}

// startIn builds a function and runs it, with these environment variables, until the test
// ends.
func startIn(t testing.TB, name string, environment ...string) *process {
	t.Helper()
	p, stop := launch(t, name, environment...)
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Logf("the log of %s:\n%s", name, p.log.String())
		}
	})
	return p
}

// launch builds a function and runs it until it is stopped.
func launch(t testing.TB, name string, environment ...string) (p *process, stop func()) {
	t.Helper()
	p = &process{
		payloads: make(chan []byte), outcomes: make(chan outcome),
		asked: make(chan struct{}), ended: make(chan struct{}),
	}
	api := httptest.NewServer(p.runtimeAPI())
	command := exec.Command(build(t, name))
	command.Stdout, command.Stderr = &p.log, &p.log
	command.Env = append([]string{
		"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(api.URL, "http://"),
		"AWS_LAMBDA_FUNCTION_NAME=" + name,
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
		"AWS_LAMBDA_LOG_FORMAT=JSON",
		"AWS_REGION=us-east-1",
		"TZ=:UTC",
	}, environment...)
	if err := command.Start(); err != nil {
		api.Close()
		t.Fatal(err)
	}
	p.pid = command.Process.Pid
	go func() {
		_ = command.Wait() // it is killed, or the test that waits for it fails
		close(p.ended)
	}()
	return p, func() {
		_ = command.Process.Kill() // it may have ended already
		<-p.ended
		api.Close()
	}
}

// runtimeAPI returns the Lambda Runtime API for the process.
func (p *process) runtimeAPI() http.Handler {
	const root = "/2018-06-01/runtime"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+root+"/invocation/next", func(w http.ResponseWriter, r *http.Request) {
		p.first.Do(func() { close(p.asked) })
		select {
		case payload := <-p.payloads:
			p.count++
			id := "request-" + strconv.Itoa(p.count)
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", id)
			w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(invokeWithin).UnixMilli(), 10))
			w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-west-1:123456789012:function:f")
			w.Write(payload)
		case <-r.Context().Done():
		}
	})
	report := func(failed bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			w.WriteHeader(http.StatusAccepted)
			select {
			case p.outcomes <- outcome{failed, body}:
			case <-r.Context().Done(): // the test no longer waits for it
			}
		}
	}
	mux.HandleFunc("POST "+root+"/invocation/{id}/response", report(false))
	mux.HandleFunc("POST "+root+"/invocation/{id}/error", report(true))
	return mux
}

// try invokes the function with an event and returns its answer, or an error if there is
// none.
func (p *process) try(payload []byte) (outcome, error) {
	patience := time.After(2 * invokeWithin)
	select {
	case p.payloads <- payload:
	case <-p.ended:
		return outcome{}, errors.New("the function has ended")
	case <-patience:
		return outcome{}, errors.New("the function does not ask for an event")
	}
	select {
	case outcome := <-p.outcomes:
		return outcome, nil
	case <-p.ended:
		return outcome{}, errors.New("the function ended while it had an event")
	case <-patience:
		return outcome{}, errors.New("the function does not answer")
	}
}

// invoke is try for a function that must answer.
func (p *process) invoke(t testing.TB, payload []byte) outcome {
	t.Helper()
	outcome, err := p.try(payload)
	if err != nil {
		t.Fatal(err)
	}
	return outcome
}

// ask invokes the function with an event, and decodes its answer into response.
func (p *process) ask(event, response any) error {
	payload, err := json.Marshal(event)
	if err != nil {
		return err
	}
	outcome, err := p.try(payload)
	switch {
	case err != nil:
		return err
	case outcome.failed:
		return fmt.Errorf("the function failed: %s", outcome.body)
	}
	if err := json.Unmarshal(outcome.body, response); err != nil {
		return fmt.Errorf("answer %s: %w", outcome.body, err)
	}
	return nil
}

// answer is ask for a function that must answer.
func (p *process) answer(t testing.TB, event, response any) {
	t.Helper()
	if err := p.ask(event, response); err != nil {
		t.Fatal(err)
	}
}

// deliver invokes the function with a batch from SQS, whose message ids are the indices of
// the records. It returns the ids of the records that the function keeps.
func (p *process) deliver(t testing.TB, records ...string) (kept []string) {
	t.Helper()
	var event events.SQSEvent
	for i, text := range records {
		event.Records = append(event.Records, events.SQSMessage{
			MessageId: strconv.Itoa(i), ReceiptHandle: fmt.Sprint("handle-", i), Body: text,
			EventSource: "aws:sqs", EventSourceARN: "arn:aws:sqs:eu-west-1:123456789012:q", AWSRegion: "eu-west-1",
			Attributes: map[string]string{"ApproximateReceiveCount": "1"},
		})
	}
	var response events.SQSEventResponse
	p.answer(t, event, &response)
	for _, failure := range response.BatchItemFailures {
		kept = append(kept, failure.ItemIdentifier)
	}
	return kept
}

// noSecretsInLog checks that a function's log contains no secret and no personal data:
// CloudWatch keeps it, and many people may read it.
func noSecretsInLog(t testing.TB, text string) {
	t.Helper()
	for _, forbidden := range []string{secret, writeKey, "guess", "ron.swanson", "@"} {
		if strings.Contains(text, forbidden) {
			t.Errorf("the log holds %q", forbidden)
		}
	}
	if !strings.Contains(text, `"requestId":"request-1"`) {
		t.Error("the log does not name the request")
	}
}

// standIn is a test server for Segment. It records the messages, and can be down.
type standIn struct {
	url string

	mu       sync.Mutex
	answers  func(batch []json.RawMessage) (status int)
	words    string // in every answer
	messages []json.RawMessage
}

func newStandIn(t *testing.T) *standIn {
	t.Helper()
	s := &standIn{}
	s.down(false)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return // the function was killed while it sent the request
		}
		var body struct {
			Batch  []json.RawMessage
			SentAt time.Time
		}
		key, _, _ := r.BasicAuth()
		if err := json.Unmarshal(text, &body); err != nil || key != writeKey ||
			r.Method+" "+r.URL.Path != "POST /v1/batch" || time.Since(body.SentAt).Abs() > time.Minute {
			t.Errorf("Segment got %s %s, key %q, sent at %v, error %v", r.Method, r.URL.Path, key, body.SentAt, err)
		}
		s.mu.Lock()
		s.messages = append(s.messages, body.Batch...)
		answers, words := s.answers, s.words
		s.mu.Unlock()
		w.WriteHeader(answers(body.Batch))
		io.WriteString(w, words)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// answer sets the function that returns the status for each batch.
func (s *standIn) answer(answers func(batch []json.RawMessage) (status int)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers = answers
}

// down makes Segment answer 500, or 200 again.
func (s *standIn) down(isDown bool) {
	status := http.StatusOK
	if isDown {
		status = http.StatusInternalServerError
	}
	s.answer(func([]json.RawMessage) int { return status })
}

// drain returns the messages that were sent since the last call.
func (s *standIn) drain() []json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	messages := s.messages
	s.messages = nil
	return messages
}
