// Package reference runs the reference implementation of JSONata, jsonata-js, for tests
// and benchmarks.
package reference

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"commerce-segment/infra/tools"
)

// Reference is the reference implementation, in a process of its own.
type Reference struct {
	questions io.Writer
	answers   *bufio.Reader
	kill      func()
}

// Start starts the reference, which ends with the test.
func Start(t testing.TB) *Reference {
	t.Helper()
	script := filepath.Join(tools.Infra(t), "reference", "reference.mjs")
	command := exec.Command("node", script, tools.NodeModules(t))
	command.Stderr = os.Stderr
	questions, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	answers, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		questions.Close()
		command.Wait()
	})
	return &Reference{questions: questions, answers: bufio.NewReader(answers), kill: func() { command.Process.Kill() }}
}

// Answer is what the reference makes of a template: undefined if no field is set.
type Answer struct {
	Value json.RawMessage
	Unfit string // why JSON cannot hold the result
	Error string // a code
}

func (a Answer) String() string {
	switch {
	case a.Error != "":
		return "error " + a.Error
	case a.Unfit != "":
		return a.Unfit
	case a.Value == nil:
		return "undefined"
	}
	return string(a.Value)
}

// Ask evaluates a template on JSON, or on undefined where the input is empty.
func (r *Reference) Ask(source, input string) (Answer, error) {
	var a Answer
	return a, r.ask(question{Source: source, Input: json.RawMessage(input)}, &a)
}

// Measure says how long it takes to evaluate a template so many times, as the process
// itself measures it. With withJSON each evaluation begins by reading the input's text
// and ends by writing the result's.
func (r *Reference) Measure(source, input string, times int, withJSON bool) (time.Duration, error) {
	var took struct{ Nanoseconds time.Duration }
	err := r.ask(question{Source: source, Input: json.RawMessage(input), Times: times, JSON: withJSON}, &took)
	return took.Nanoseconds, err
}

// question is what reference.mjs reads.
type question struct {
	Source string          `json:"source"`
	Input  json.RawMessage `json:"input,omitempty"`
	Times  int             `json:"times,omitempty"`
	JSON   bool            `json:"json,omitempty"`
}

// patience is for how long the reference may think about one question.
const patience = 30 * time.Second

func (r *Reference) ask(q question, answer any) error {
	line, err := json.Marshal(q)
	if err != nil {
		return err
	}
	defer time.AfterFunc(patience, r.kill).Stop()
	if _, err := r.questions.Write(append(line, '\n')); err != nil {
		return err
	}
	if line, err = r.answers.ReadBytes('\n'); err != nil {
		return err
	}
	return json.Unmarshal(line, answer)
}
