package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"commerce-segment/infra/hub/hubtest"
)

func TestEvalPrintsOnlyTheResult(t *testing.T) {
	dir := t.TempDir()
	input := filepath.Join(dir, "input.json")
	hubtest.WriteFile(t, input, `{"amount":1000,"name":"<Ann & Bob>"}`)
	for _, c := range []struct {
		name, template, stdin string
		args                  []string
		want                  result // stderr: a part of it
	}{
		{"a file is the input", "amount / 100", "", []string{input}, result{0, "10\n", ""}},
		{"standard input is the input", "$sum(*)", "[1,2]", []string{"-"}, result{0, "3\n", ""}},
		{"without an input there is none", "$exists($)", "ignored", nil, result{0, "false\n", ""}},
		{"a result of many parts is indented", `{"b": [1.50], "a": "<&>"}`, "", nil, result{0, "{\n  \"b\": [\n    1.5\n  ],\n  \"a\": \"<&>\"\n}\n", ""}},
		{"null is an input", "$", "null", []string{"-"}, result{0, "null\n", ""}},
		{"an undefined result prints nothing", "nothing.here", "", []string{input}, result{0, "", ""}},
		{"text stays as it is, not escaped for HTML", "name", "", []string{input}, result{0, "\"<Ann & Bob>\"\n", ""}},
		{"a variable is JSON", "$rate * $x.y", "", []string{"--bind", "rate=1.5", "--bind", `$x={"y":2, "z":[1,2]}`}, result{0, "3\n", ""}},
		{"a variable holds any text", "$s", "", []string{"--bind", `s="a=b,c"`}, result{0, "\"a=b,c\"\n", ""}},
		{"a failure while evaluating exits 1", `$number("x")`, "", nil, result{1, "", "hub: "}},
		{"a template that does not compile exits 2", "{", "", nil, result{2, "", "hub: "}},
		{"a template that does not compile exits 2 with any input", "1 +", "not JSON", []string{"-"}, result{2, "", "hub: "}},
		{"an input that is not JSON exits 1", "1", "not JSON", []string{"-"}, result{1, "", "hub: "}},
		{"an input file that does not exist exits 1", "1", "", []string{dir + "/none.json"}, result{1, "", "hub: reading the input: open " + dir + "/none.json: no such file"}},
		{"a variable that is not JSON is explained", "1", "", []string{"--bind", "name=Ann"}, result{1, "", `a string needs its quotes, as in --bind 'name="text"'`}},
		{"a variable without a value is explained", "1", "", []string{"--bind", "name"}, result{1, "", "write NAME=JSON"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "some.jsonata")
			hubtest.WriteFile(t, file, c.template)
			got := command(t, c.stdin, append([]string{"eval", "--file", file}, c.args...)...)
			if got.code != c.want.code || got.stdout != c.want.stdout || !strings.Contains(got.stderr, c.want.stderr) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			if c.want.code == exitDone && got.stderr != "" {
				t.Errorf("it prints %q without an error", got.stderr)
			}
			if c.want.code == exitInvalid && !strings.Contains(got.stderr, file) {
				t.Errorf("%q does not name the template's file", got.stderr)
			}
		})
	}
	t.Run("a template file that does not exist exits 1", func(t *testing.T) {
		if got := command(t, "", "eval", "--file", dir+"/none.jsonata"); got.code != exitFailed || got.stdout != "" ||
			!strings.HasPrefix(got.stderr, "hub: reading the template: open "+dir+"/none.jsonata") {
			t.Errorf("got %+v", got)
		}
	})
}

// To read standard input by default would hang if another program keeps its end of the pipe
// open.
func TestEvalWarnsThatItDoesNotReadAPipe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "t.jsonata")
	hubtest.WriteFile(t, file, "$exists($)")
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	defer write.Close() // it is open while eval runs
	var stdout, stderr hubtest.Log
	code := run(t.Context(), []string{"eval", "--file", file}, read, &stdout, &stderr)
	if code != exitDone || stdout.String() != "false\n" || !strings.Contains(stderr.String(), "add - at the end") {
		t.Errorf("exit %d, printed %q, said %q", code, stdout.String(), stderr.String())
	}
}

// The author of a template debugs with $error. The message may have personal data, so the log
// of a function must not show it, but the terminal of the author must.
func TestEvalShowsTheMessageOfError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "t.jsonata")
	hubtest.WriteFile(t, file, `$error("no consent from " & name)`)
	var stdout, stderr hubtest.Log
	code := run(t.Context(), []string{"eval", "--file", file, "-"}, strings.NewReader(`{"name": "Ada"}`), &stdout, &stderr)
	if code != exitFailed || !strings.Contains(stderr.String(), "The template's text: no consent from Ada") {
		t.Errorf("exit %d, said %q", code, stderr.String())
	}
}
