package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/shared/tracking"
)

// fakeSAM writes its arguments, environment and input to files. It uses only the shell: no other
// program is on the PATH.
const fakeSAM = `for a in "$@"; do echo "$a"; done > HERE/args
export -p > HERE/env
while IFS= read -r line || [ -n "$line" ]; do printf %s "$line"; done > HERE/stdin
echo '{"statusCode": 202}'
`

// samDirectory makes a directory with settings and a stack template, and returns the flags
// for them.
func samDirectory(t *testing.T) (flags []string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), ".hub")
	for name, value := range map[string]string{
		"commerce/webhook-secret": "PLANTED-new\nPLANTED-old", "segment/write-key": "PLANTED-key", "segment/path": "/nowhere",
		"commerce/client-secret": "PLANTED-client", "templates/order-completed": hubtest.Simple,
	} {
		hubtest.WriteFile(t, filepath.Join(dir, name), value)
	}
	template := filepath.Join(t.TempDir(), "shop.template.json")
	hubtest.WriteFile(t, template, "{}")
	return []string{"--dir", dir, "--template", template}
}

func TestSAMInvokeRunsAFunctionWithTheSettings(t *testing.T) {
	flags := samDirectory(t)
	hub := startIn(t, flags[1])
	written := hubtest.FakePrograms(t, map[string]string{"sam": fakeSAM, "docker": hubtest.FakeDocker})
	got := command(t, "", append([]string{"sam", "invoke", "order-completed", "order-completed/guest", hub.AddrFlag()}, append(flags, "--", "--skip-pull-image")...)...)
	if got.code != exitDone || got.stdout != "{\"statusCode\": 202}\n" {
		t.Fatalf("exits %d: %s%s", got.code, got.stdout, got.stderr)
	}
	noSecret(t, got)

	args := strings.Fields(written("args"))
	want := "local invoke --template " + flags[3] + " --add-host host.docker.internal:host-gateway shop-order-completed --event - --skip-pull-image"
	if strings.Join(args, " ") != want {
		t.Errorf("sam is started with\n%s\nwant\n%s", strings.Join(args, " "), want)
	}

	env := written("env")
	for _, part := range []string{`"segment/host":"http://host.docker.internal:`, `"segment/write-key":"PLANTED-key"`, `"commerce/webhook-secret":"PLANTED-new\nPLANTED-old"`, `"templates/order-completed":`,
		`"commerce/client-secret":"PLANTED-client"`,
		"export PARAMETER_PREFIX=''", "export QUEUE_URL=''", "export WAITING_QUEUE_URL=''", "export DEAD_LETTER_QUEUE_URL=''"} {
		if !strings.Contains(strings.NewReplacer(`\\`, `\`, `\"`, `"`, `""`, `''`).Replace(env), part) {
			t.Errorf("the environment has no %s:\n%s", part, env)
		}
	}
	if strings.Contains(env, "/nowhere") {
		t.Error("the environment has the path of another host")
	}

	var event events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal([]byte(written("stdin")), &event); err != nil {
		t.Fatal(err)
	}
	sample, _ := findSample("order-completed/guest")
	if event.RawPath != "/webhooks/order-completed" || event.RequestContext.HTTP.Method != "POST" ||
		event.Headers["x-moltin-secret-key"] != "PLANTED-new" || event.Body != string(sample.Body) {
		t.Errorf("the event is %+v", event)
	}
}

// setSegmentHost sets a host of Segment, so that no hub needs to run.
func setSegmentHost(t *testing.T, dir string) {
	t.Helper()
	hubtest.WriteFile(t, filepath.Join(dir, "segment/host"), "https://api.segment.io")
}

func TestSAMInvokeFromTheQueueSendsAnEventOfSQS(t *testing.T) {
	flags := samDirectory(t)
	setSegmentHost(t, flags[1])
	written := hubtest.FakePrograms(t, map[string]string{"sam": fakeSAM})
	got := command(t, "", append([]string{"sam", "invoke", "order-completed", "order-completed/guest", "--from-queue"}, flags...)...)
	var event events.SQSEvent
	if err := json.Unmarshal([]byte(written("stdin")), &event); err != nil || got.code != exitDone {
		t.Fatalf("exits %d, %v: %s", got.code, err, got.stderr)
	}
	if len(event.Records) != 1 || event.Records[0].EventSource != "aws:sqs" {
		t.Errorf("the event is %+v", event)
	}
}

func TestSAMStartServesTheAPI(t *testing.T) {
	flags := samDirectory(t)
	setSegmentHost(t, flags[1])
	written := hubtest.FakePrograms(t, map[string]string{"sam": fakeSAM})
	got := command(t, "", append([]string{"sam", "start"}, append(flags, "--", "--port", "3001")...)...)
	if args := strings.Fields(written("args")); got.code != exitDone || args[1] != "start-api" || strings.Join(args[len(args)-2:], " ") != "--port 3001" {
		t.Errorf("exits %d: sam %q", got.code, args)
	}
	if env := written("env"); !strings.Contains(env, "https://api.segment.io") || !strings.Contains(env, "/nowhere") {
		t.Errorf("the environment does not have the host that is set:\n%s", env)
	}
}

func TestSAMFilesWritesFilesThatOnlyTheUserCanRead(t *testing.T) {
	flags := samDirectory(t)
	folder := filepath.Join(t.TempDir(), "sam")
	got := command(t, "", "sam", "files", folder, "--dir", flags[1])
	if got.code != exitDone {
		t.Fatalf("exits %d: %s", got.code, got.stderr)
	}
	noSecret(t, got)
	files := strings.Fields(got.stdout)
	if len(files) != 1+2*len(tracking.All()) {
		t.Errorf("it writes %q, want env.json and two events for each tracking", files)
	}
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, err, info.Mode())
		}
	}
}

func TestErrorsOfSAM(t *testing.T) {
	runs := startIn(t, samDirectory(t)[1])
	for _, c := range []struct {
		name     string
		programs map[string]string
		args     []string
		says     []string
	}{
		{"no SAM CLI", map[string]string{"docker": hubtest.FakeDocker}, nil, []string{"executable file not found", "sh infra/tools/sam.sh"}},
		{"no Docker", map[string]string{"sam": fakeSAM}, nil, []string{`"docker": executable file not found`, "sh infra/tools/sam.sh"}},
		{"Docker that does not run", map[string]string{"docker": "echo 'Cannot connect' >&2; exit 125"}, nil, []string{"running a container of public.ecr.aws/lambda/provided:al2023-", "Cannot connect"}},
		{"a firewall", map[string]string{"docker": hubtest.FakeDocker + `case "$*" in *timeout*) exit 1;; esac`}, nil, []string{"cannot connect to this machine at 127.0.0.1:", "sudo ufw allow in on docker0"}},
		{"an old Docker", map[string]string{"docker": "exit 0"}, nil, []string{"no address for host.docker.internal: update Docker"}},
		{"a SAM CLI that fails", map[string]string{"sam": "echo 'Error: no image' >&2; exit 7", "docker": hubtest.FakeDocker}, nil, []string{"Error: no image", "sam local start-api: exit status 7"}},
		{"no template", nil, []string{"--template", "none.json"}, []string{"none.json", "make sam"}},
		{"no address", nil, []string{"--addr", "8080"}, []string{`the address "8080"`}},
		{"no hub", nil, []string{"--addr", "127.0.0.1:1"}, []string{"make run"}},
		{"no settings", nil, []string{"--dir", t.TempDir()}, []string{"the key"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			flags := append([]string{"--dir", runs.Dir, runs.AddrFlag()}, samDirectory(t)[2:]...)
			hubtest.FakePrograms(t, c.programs)
			got := command(t, "", append(append([]string{"sam", "start"}, flags...), c.args...)...)
			if got.code != exitFailed {
				t.Errorf("exits %d", got.code)
			}
			for _, says := range c.says {
				if !strings.Contains(got.stderr, says) {
					t.Errorf("says %q, want %q in it", got.stderr, says)
				}
			}
			noSecret(t, got)
		})
	}
}
