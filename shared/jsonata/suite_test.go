//go:build jsonatasuite

package jsonata

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"reflect"
	"sort"
	"strconv"
	"testing"
	"time"
)

// The test suite of the reference implementation, one case on each line. To run it:
//
//	go test -tags jsonatasuite ./shared/template -run Suite -suite cases.jsonl -v
var (
	suiteFile  = flag.String("suite", "", "file with the cases of the reference implementation")
	suiteChild = flag.Int("suite-from", -1, "internal: run the cases from this one on, printing outcomes")
)

type suiteCase struct {
	ID       string                     `json:"id"`
	Expr     string                     `json:"expr"`
	Data     json.RawMessage            `json:"data"`
	NoData   bool                       `json:"nodata"`
	Bindings map[string]json.RawMessage `json:"bindings"`
	Kind     string                     `json:"kind"`
	Want     json.RawMessage            `json:"want"`
	Code     string                     `json:"code"`
}

// caseTimeout is how long a case may take. A case that takes longer hangs.
const caseTimeout = 5 * time.Second

// TestSuite runs the cases in child processes, because a case might end the process. Then
// another child continues with the next case.
func TestSuite(t *testing.T) {
	cases := readSuite(t)
	if *suiteChild >= 0 {
		for i := *suiteChild; i < len(cases); i++ {
			fmt.Printf("start %d\n", i)
			outcome, detail := cases[i].run()
			fmt.Printf("end %d %s %s\n", i, outcome, strconv.Quote(detail))
		}
		return
	}
	outcomes := map[string][]string{}
	for next := 0; next < len(cases); {
		next = runSuiteFrom(t, cases, next, outcomes)
	}
	names := make([]string, 0, len(outcomes))
	for name := range outcomes {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if name != "pass" {
			for _, line := range outcomes[name] {
				t.Logf("%s: %s", name, line)
			}
		}
	}
	for _, name := range names {
		t.Logf("%-8s %d", name, len(outcomes[name]))
	}
	for _, bad := range []string{"wrong", "hang", "fatal", "panic"} {
		if len(outcomes[bad]) > 0 {
			t.Errorf("%d cases: %s", len(outcomes[bad]), bad)
		}
	}
}

func readSuite(t *testing.T) []suiteCase {
	f, err := os.Open(*suiteFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var cases []suiteCase
	d := json.NewDecoder(bufio.NewReader(f))
	for d.More() {
		var c suiteCase
		if err := d.Decode(&c); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	return cases
}

// runSuiteFrom runs a child that begins with a case, and returns the case to continue with.
func runSuiteFrom(t *testing.T, cases []suiteCase, from int, outcomes map[string][]string) int {
	cmd := exec.Command(os.Args[0], "-test.run", "TestSuite", "-suite", *suiteFile, "-suite-from", strconv.Itoa(from))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	hung := false
	timer := time.AfterFunc(caseTimeout, func() { hung = true; cmd.Process.Kill() })
	next, started := from, -1
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var i int
		var outcome, detail string
		if n, _ := fmt.Sscanf(lines.Text(), "start %d", &i); n == 1 {
			started = i
			timer.Reset(caseTimeout)
		}
		if n, _ := fmt.Sscanf(lines.Text(), "end %d %s %q", &i, &outcome, &detail); n == 3 {
			outcomes[outcome] = append(outcomes[outcome], fmt.Sprintf("%s %s => %s", cases[i].ID, cases[i].Expr, detail))
			next, started = i+1, -1
		}
	}
	timer.Stop()
	cmd.Wait()
	if started >= 0 {
		outcome := "fatal"
		if hung {
			outcome = "hang"
		}
		outcomes[outcome] = append(outcomes[outcome], cases[started].ID+" "+cases[started].Expr)
		return started + 1
	}
	return next
}

func (c *suiteCase) run() (outcome, detail string) {
	defer func() {
		if r := recover(); r != nil {
			outcome, detail = "panic", fmt.Sprint(r)
		}
	}()
	tmpl, err := compileTest(c.Expr)
	if err != nil {
		if c.Kind == "error" {
			return "pass", ""
		}
		return "unsupported", err.Error()
	}
	input := []byte(c.Data)
	if c.NoData {
		input = nil
	}
	bindings := map[string][]byte{}
	for name, value := range c.Bindings {
		bindings[name] = value
	}
	got, err := tmpl.eval(context.Background(), string(input), bindings)
	switch {
	case err != nil && c.Kind == "error":
		return "pass", ""
	case err != nil:
		return "error", err.Error()
	case c.Kind == "error":
		return "wrong", fmt.Sprintf("got %s, want error %s", got, c.Code)
	case c.Kind == "undef" && got == nil:
		return "pass", ""
	case c.Kind == "undef":
		return "wrong", fmt.Sprintf("got %s, want undefined", got)
	case got != nil && sameJSON(got, c.Want):
		return "pass", ""
	}
	return "wrong", fmt.Sprintf("got %s, want %s", got, c.Want)
}

func sameJSON(a, b []byte) bool {
	var x, y any
	if json.Unmarshal(bytes.TrimSpace(a), &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	return near(x, y)
}

// near compares as the suite's runner does: numbers to 15 digits.
func near(x, y any) bool {
	switch x := x.(type) {
	case float64:
		y, ok := y.(float64)
		return ok && math.Abs(x-y) <= 1e-14*math.Abs(y)
	case []any:
		y, ok := y.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !near(x[i], y[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		y, ok := y.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for k := range x {
			if v, ok := y[k]; !ok || !near(x[k], v) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(x, y)
}
