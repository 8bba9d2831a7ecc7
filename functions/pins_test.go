package functions_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"

	"commerce-segment/shared/tracking"
)

// pinned are the modules that go.mod keeps at an old version, because the newest one slows
// the start of a function: its init functions build the schemas of the whole service.
var pinned = []string{"github.com/aws/aws-sdk-go-v2/service/sqs", "github.com/aws/aws-sdk-go-v2/service/ssm"}

// A pin is needed as long as the newest clients, which testdata/newest/go.mod names, allocate
// much more at the start than those of the functions. Allocations are counted and not time,
// because the count is the same on every machine. When this test fails, the pin can go: name
// the newest versions in go.mod, and delete this file and testdata/newest.
func TestThePinnedClientsStartFaster(t *testing.T) {
	directory := filepath.Join("testdata", "newest")
	functions, newest := requirements(t, filepath.Join("..", "go.mod")), requirements(t, filepath.Join(directory, "go.mod"))
	for _, name := range pinned {
		if semver.Compare(functions[name], newest[name]) >= 0 {
			t.Errorf("%s is at %s in go.mod and at %s in %s, which is to have a newer one", name, functions[name], newest[name], directory)
		}
	}
	program := filepath.Join(t.TempDir(), "newest")
	if said, err := exec.Command("go", "build", "-C", directory, "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", directory, err, said)
	}
	old, now := startAllocations(t, build(t, tracking.OrderCompleted.Name)), startAllocations(t, program)
	t.Logf("at their start, the clients of SQS and Parameter Store allocate %d times, the newest ones %d times", old, now)
	if now < 2*old {
		t.Errorf("the newest clients allocate %d times at their start, those in go.mod %d times: the pin can go", now, old)
	}
}

// requirements returns the versions of the modules that a go.mod requires, by their paths.
func requirements(t *testing.T, name string) map[string]string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	file, err := modfile.ParseLax(name, content, nil)
	if err != nil {
		t.Fatal(err)
	}
	versions := map[string]string{}
	for _, required := range file.Require {
		versions[required.Mod.Path] = required.Mod.Version
	}
	return versions
}

// initialized is a line of GODEBUG=inittrace=1: "init net/http @1 ms, 0.1 ms clock, 4712
// bytes, 49 allocs".
var initialized = regexp.MustCompile(`(?m)^init (\S+) @.* (\d+) allocs$`)

// startAllocations runs a program that ends by itself, and returns how often the init
// functions of the pinned modules allocated memory.
func startAllocations(t *testing.T, program string) int {
	t.Helper()
	var stderr bytes.Buffer
	started := exec.Command(program)
	started.Env = []string{"GODEBUG=inittrace=1"}
	started.Stderr = &stderr
	_ = started.Run() // a function fails without the Runtime API: only its start matters
	all := 0
	for _, line := range initialized.FindAllStringSubmatch(stderr.String(), -1) {
		for _, name := range pinned {
			if strings.HasPrefix(line[1], name) {
				count, _ := strconv.Atoi(line[2])
				all += count
			}
		}
	}
	if all == 0 {
		t.Fatalf("%s says nothing of the init functions of %s:\n%s", program, strings.Join(pinned, " and "), &stderr)
	}
	return all
}
