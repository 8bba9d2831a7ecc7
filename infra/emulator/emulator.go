// Package emulator runs an emulator of AWS on this machine, for tests: moto's server, with
// additions to its CloudFormation. It supports a whole cdk deploy, and Systems Manager, SQS
// and CloudWatch Logs for the functions.
//
// It does not emulate everything: it checks no policy, accepts no webhook, calls no function
// and raises no alarm. It supports the same updates of resources as moto, and fails for
// others.
//
// Package tools installs its programs.
package emulator

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"commerce-segment/infra/tools"
)

// The account and the region of everything in the emulator.
const (
	Account = "123456789012"
	Region  = "us-east-1"
)

// Emulator is one AWS account, empty when it starts.
type Emulator struct {
	// URL is the address of every service, "http://localhost:40123".
	URL string
	// stop ends it and returns its output.
	stop func() (said string)
}

// Start starts an emulator and waits until it answers.
func Start(t testing.TB) *Emulator {
	t.Helper()
	e := start(t)
	t.Cleanup(func() {
		said := e.stop()
		if t.Failed() {
			t.Logf("the AWS emulator said:\n%s", said)
		}
	})
	return e
}

var (
	sharing sync.Mutex
	shared  *Emulator
)

// Shared returns one emulator for all tests of a process. It ends with the process. The
// tests must use different names.
func Shared(t testing.TB) *Emulator {
	t.Helper()
	sharing.Lock()
	defer sharing.Unlock()
	if shared == nil {
		shared = start(t)
	}
	return shared
}

// start starts an emulator, which ends with this process or before it.
func start(t testing.TB) *Emulator {
	t.Helper()
	server := exec.Command(tools.Python(t), filepath.Join(tools.Infra(t), "emulator", "server.py"))
	var stderr bytes.Buffer
	server.Stderr = &stderr
	stdin, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatalf("starting the AWS emulator: %v", err)
	}
	stop := func() string {
		stdin.Close() // the emulator ends when its standard input does, also if this process is killed
		server.Wait()
		return stderr.String()
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the AWS emulator did not start: %v\n%s", err, stop())
	}
	return &Emulator{URL: strings.TrimSpace(line), stop: stop}
}

// Environment returns environment variables with which AWS's SDKs and tools use only the
// emulator at a URL, for exec.Cmd.Env.
func Environment(url string) []string {
	return []string{
		"AWS_ENDPOINT_URL=" + url,
		"AWS_REGION=" + Region, "AWS_DEFAULT_REGION=" + Region,
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_SESSION_TOKEN=",
		"AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true", "AWS_PROFILE=",
	}
}

// Call calls an operation of a service with boto3's names for both,
// Call(t, "sqs", "get_queue_url", …), and returns its answer, decoded from JSON.
func (e *Emulator) Call(t testing.TB, service, operation string, parameters map[string]any) map[string]any {
	t.Helper()
	result, err := e.call(service, operation, parameters)
	if err != nil {
		t.Fatalf("calling %s of %s in the AWS emulator: %v", operation, service, err)
	}
	return result
}

func (e *Emulator) call(service, operation string, parameters map[string]any) (map[string]any, error) {
	if parameters == nil {
		parameters = map[string]any{}
	}
	body, err := json.Marshal(parameters)
	if err != nil {
		return nil, err
	}
	answer, err := http.Post(e.URL+"/call/"+service+"/"+operation, "application/json", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, errors.New(string(said))
	}
	var result map[string]any
	return result, json.Unmarshal(said, &result)
}

// CDK runs the CDK CLI in the folder infra with the emulator, and returns its output. The
// assembly is written to the directory output.
func (e *Emulator) CDK(t testing.TB, output string, arguments ...string) string {
	t.Helper()
	started := time.Now()
	arguments = append(arguments, "--no-notices", "--no-color", "--output", output)
	cli := exec.Command(filepath.Join(tools.NodeModules(t), ".bin", "cdk"), arguments...)
	cli.Dir = tools.Infra(t)
	cli.Env = append(os.Environ(), Environment(e.URL)...)
	cli.Env = append(cli.Env, "CDK_DISABLE_CLI_TELEMETRY=true", "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=20")
	said, err := cli.CombinedOutput()
	if err != nil {
		t.Fatalf("cdk %s: %v\n%s", strings.Join(arguments, " "), err, said)
	}
	t.Logf("cdk %s: %.1f s", arguments[0], time.Since(started).Seconds())
	return string(said)
}
