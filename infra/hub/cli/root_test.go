package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"commerce-segment/infra/hub/hubtest"
)

// result is the exit code and the output of a command line.
type result struct {
	code           int
	stdout, stderr string
}

// command runs a command line to its end.
func command(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), args, strings.NewReader(stdin), &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

// start starts a hub on a free port, with a new directory.
func start(t *testing.T, args ...string) *hubtest.Hub {
	t.Helper()
	return startIn(t, filepath.Join(t.TempDir(), ".hub"), args...)
}

// startIn starts a hub on a free port, with a given directory.
func startIn(t *testing.T, dir string, args ...string) *hubtest.Hub {
	t.Helper()
	args = append([]string{"run", "--addr", "127.0.0.1:0", "--dir", dir}, args...)
	return hubtest.Start(t, dir, func(ctx context.Context, stdout, stderr io.Writer) int {
		return run(ctx, args, strings.NewReader(""), stdout, stderr)
	})
}

// built builds the program once, and returns its path.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "hub-test-")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "hub")
	output, err := exec.Command("go", "build", "-o", binary, "commerce-segment/infra/hub").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, output)
	}
	return binary, nil
})

func TestMain(m *testing.M) {
	os.Unsetenv("ADDR") // the tests must not depend on the developer's environment
	code := m.Run()
	if binary, err := built(); err == nil {
		os.RemoveAll(filepath.Dir(binary))
	}
	os.Exit(code)
}

func TestHelpAndUsage(t *testing.T) {
	for _, c := range []struct {
		name           string
		args           []string
		code           int
		stdout, stderr string // parts of them
	}{
		{"without arguments it lists the commands", nil, exitFailed, "", "\n  preview     Show what Segment would receive"},
		{"a mistyped command gets a suggestion", []string{"rnu"}, exitFailed, "", `unknown command "rnu" for "hub": did you mean run?`},
		{"an unknown flag gets the usage", []string{"run", "--port", "1"}, exitFailed, "", "unknown flag: --port\nUsage: hub run"},
		{"a missing argument gets the usage", []string{"preview", "order-completed"}, exitFailed, "", "the command takes 2 arguments, not 1\nUsage: hub preview NAME WEBHOOK|-"},
		{"too many arguments", []string{"executions", "a", "b"}, exitFailed, "", "the command takes at most 1 argument, not 2\nUsage: hub executions"},
		{"too few arguments", []string{"sam", "invoke", "x"}, exitFailed, "", "the command takes at least 2 arguments, not 1\n"},
		{"flags that exclude each other", []string{"plan", "push", "--name", "A", "--plan", "A"}, exitFailed, "", "--name and --plan exclude each other: leave one out\nUsage: hub plan push"},
		{"flags that belong together", []string{"compare", "--listen", "127.0.0.1:9191"}, exitFailed, "", "--listen and --save belong together: add --save\n"},
		{"the other one of them", []string{"compare", "--save", "x"}, exitFailed, "", "--listen and --save belong together: add --listen\n"},
		{"a table of what is only received", []string{"compare", "--listen", "127.0.0.1:9191", "--save", "x", "--csv"}, exitFailed, "", "--csv and --listen exclude each other: leave one out\n"},
		{"one flag of two", []string{"unprotect"}, exitFailed, "", "give --prefix or --assembly\n"},
		{"a missing --file gets the usage", []string{"eval"}, exitFailed, "", "name the template with --file\nUsage: hub eval"},
		{"the version is known", []string{"--version"}, exitDone, "hub version ", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := command(t, "", c.args...)
			if got.code != c.code || !strings.Contains(got.stdout, c.stdout) || !strings.Contains(got.stderr, c.stderr) {
				t.Errorf("code %d, stdout %q, stderr %q, want %d and in them %q and %q",
					got.code, got.stdout, got.stderr, c.code, c.stdout, c.stderr)
			}
			if c.code != exitDone && got.stdout != "" {
				t.Errorf("an error printed %q on stdout, which programs read", got.stdout)
			}
		})
	}
}
