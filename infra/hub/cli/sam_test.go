package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"commerce-segment/infra/hub/hubtest"
)

// fakePrograms writes shell scripts to a folder, and sets the PATH to that folder alone. HERE
// in a script stands for the folder. It returns a function that reads a file there.
func fakePrograms(t *testing.T, programs map[string]string) (written func(name string) string) {
	t.Helper()
	folder := t.TempDir()
	t.Setenv("PATH", folder)
	for name, script := range programs {
		program := filepath.Join(folder, name)
		hubtest.WriteFile(t, program, "#!/bin/sh\n"+strings.ReplaceAll(script, "HERE", folder))
		if err := os.Chmod(program, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return func(name string) string {
		t.Helper()
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
}

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
	dir := t.TempDir()
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
	written := fakePrograms(t, map[string]string{"sam": fakeSAM, "docker": "exit 0"})
	got := command(t, "", append([]string{"sam", "invoke", "order-completed", "order-completed/guest", "--addr", "172.17.0.1:8090"}, append(flags, "--", "--skip-pull-image")...)...)
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
	for _, part := range []string{`"segment/host":"http://host.docker.internal:8090"`, `"segment/write-key":"PLANTED-key"`, `"commerce/webhook-secret":"PLANTED-new\nPLANTED-old"`, `"templates/order-completed":`,
		`"commerce/client-secret":"PLANTED-client"`,
		"export PARAMETER_PREFIX=''", "export QUEUE_URL=''", "export DEAD_LETTER_QUEUE_URL=''"} {
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

func TestSAMStartServesTheAPI(t *testing.T) {
	flags := samDirectory(t)
	hubtest.WriteFile(t, filepath.Join(flags[1], "segment/host"), "https://api.segment.io")
	written := fakePrograms(t, map[string]string{"sam": fakeSAM, "docker": "exit 0"})
	got := command(t, "", append([]string{"sam", "start"}, append(flags, "--", "--port", "3001")...)...)
	if args := strings.Fields(written("args")); got.code != exitDone || args[1] != "start-api" || strings.Join(args[len(args)-2:], " ") != "--port 3001" {
		t.Errorf("exits %d: sam %q", got.code, args)
	}
	if env := written("env"); !strings.Contains(env, "https://api.segment.io") || !strings.Contains(env, "/nowhere") {
		t.Errorf("the environment does not have the host that is set:\n%s", env)
	}
}

func TestErrorsOfSAM(t *testing.T) {
	for _, c := range []struct {
		name     string
		programs map[string]string
		args     []string
		says     []string
	}{
		{"no SAM CLI", map[string]string{"docker": "exit 0"}, nil, []string{"the SAM CLI is not installed", "aws-sam-cli"}},
		{"no Docker", map[string]string{"sam": fakeSAM}, nil, []string{"Docker, which is not installed", "docker.io"}},
		{"Docker that does not run", map[string]string{"sam": fakeSAM, "docker": "echo 'Cannot connect'; exit 1"}, nil, []string{"Docker, which is not running", "systemctl start docker", "Cannot connect"}},
		{"a SAM CLI that fails", map[string]string{"sam": "echo 'Error: no image' >&2; exit 7", "docker": "exit 0"}, nil, []string{"Error: no image", "sam local start-api: exit status 7"}},
		{"no template", nil, []string{"--template", "none.json"}, []string{"none.json", "make sam"}},
		{"no address", map[string]string{"sam": fakeSAM, "docker": "exit 0"}, []string{"--addr", "8080"}, []string{`the address "8080"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			flags := samDirectory(t)
			fakePrograms(t, c.programs)
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
