package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/blues/jsonata-go"

	"commerce-segment/infra/reference"
	"commerce-segment/shared/commerce"
	ours "commerce-segment/shared/jsonata"
	"commerce-segment/shared/jsonata/functions"
	"commerce-segment/shared/jsonata/value"
	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// work is what the implementations of JSONata are measured on.
type work struct {
	name, source string
	input        []byte
	webhook      bool // the input is read from JSON and the result written each time
}

var lineCounts = []int{1, 5, 50, 500}

//go:embed testdata/order-completed.jsonata
var plain string

// allWork is the default template of Order Completed, one of the same size that blues can
// run too, and the expressions.
func allWork() []work {
	var all []work
	for _, lines := range lineCounts {
		input := order(lines)
		all = append(all,
			work{fmt.Sprintf("default template/lines=%d", lines), templates.Default(tracking.OrderCompleted.Name), input, true},
			work{fmt.Sprintf("plain template/lines=%d", lines), plain, input, true})
	}
	slices.SortStableFunc(all, func(a, b work) int { return len(b.source) - len(a.source) })
	input := catalogue()
	for _, e := range expressions {
		all = append(all, work{e.name, e.source, input, false})
	}
	return all
}

// order is the webhook of an order with that many lines.
func order(lines int) []byte {
	samples := templates.Samples()
	i := slices.IndexFunc(samples, func(s templates.Sample) bool { return s.Name == "order-completed/registered-customer" })
	var webhook struct {
		ID          string `json:"id"`
		TriggeredBy string `json:"triggered_by"`
		Payload     struct {
			Data     json.RawMessage `json:"data"`
			Included struct {
				Items []json.RawMessage `json:"items"`
			} `json:"included"`
		} `json:"payload"`
	}
	err := json.Unmarshal(samples[i].Body, &webhook)
	items := &webhook.Payload.Included.Items
	*items = slices.Repeat(*items, lines)[:lines]
	body, failed := json.Marshal(webhook)
	if err := errors.Join(err, failed); err != nil {
		panic(err)
	}
	return body
}

// BenchmarkJSONata is of this program's JSONata: of a webhook all that becomes of it until
// the message is written, of an expression its evaluation.
func BenchmarkJSONata(b *testing.B) {
	for _, w := range allWork() {
		w.measure(b, w.ours(b))
	}
}

// BenchmarkReference is of the reference implementation, jsonata-js, in one process of
// Node.js, which measures itself.
func BenchmarkReference(b *testing.B) {
	if _, err := exec.LookPath("npm"); err != nil {
		b.Skip("there is no Node.js")
	}
	js := reference.Start(b)
	for _, w := range allWork() {
		want := w.result(b)
		if answer, err := js.Ask(w.source, string(w.input)); err != nil || !same(answer.Value, want) {
			b.Fatalf("%s: the reference gives %s, %v, and this program %s", w.name, answer, err, want)
		}
		measure := func(b *testing.B, times int) time.Duration {
			took, err := js.Measure(w.source, string(w.input), times, w.webhook)
			if err != nil {
				b.Fatal(err)
			}
			return took
		}
		for times := 1; measure(b, times) < warmUp; times *= 2 {
		}
		b.Run(w.name, func(b *testing.B) {
			b.ReportMetric(float64(measure(b, b.N))/float64(b.N), "ns/op")
		})
	}
}

// warmUp is for how long Node.js evaluates a template at least before it is measured: it
// compiles what it has run often.
const warmUp = 100 * time.Millisecond

// BenchmarkBlues is of blues/jsonata-go, where it gives the same result.
func BenchmarkBlues(b *testing.B) {
	for _, w := range allWork() {
		compiled, err := jsonata.Compile(w.source)
		if err != nil {
			continue
		}
		if result, err := compiled.EvalBytes(w.input); err != nil || !same(result, w.result(b)) {
			continue
		}
		run := func() error { _, err := compiled.EvalBytes(w.input); return err }
		if !w.webhook {
			var input any
			if err := json.Unmarshal(w.input, &input); err != nil {
				b.Fatal(err)
			}
			run = func() error { _, err := compiled.Eval(input); return err }
		}
		w.measure(b, run)
	}
}

// BenchmarkRead is an evaluation that does nothing but read its input, and
// BenchmarkUnmarshal the same with encoding/json.
func BenchmarkRead(b *testing.B) {
	nothing := compile(b, "null")
	benchmarkReading(b, func(input []byte) error {
		_, err := nothing.Eval(context.Background(), input, nil, func(any) any { return nil })
		return err
	})
}

func BenchmarkUnmarshal(b *testing.B) {
	benchmarkReading(b, func(input []byte) error { return json.Unmarshal(input, new(any)) })
}

func benchmarkReading(b *testing.B, read func(input []byte) error) {
	for _, lines := range lineCounts {
		w := work{name: fmt.Sprintf("lines=%d", lines), input: order(lines)}
		w.measure(b, func() error { return read(w.input) })
	}
}

func (w work) measure(b *testing.B, run func() error) {
	b.Run(w.name, func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := run(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func compile(b *testing.B, source string) *ours.Expression {
	compiled, err := ours.Compile(source, functions.Standard())
	if err != nil {
		b.Fatal(err)
	}
	return compiled
}

// ours gives what does the work with this program's JSONata.
func (w work) ours(b *testing.B) func() error {
	if w.webhook {
		return w.message(b)
	}
	compiled := compile(b, w.source)
	input, err := value.FromJSON(w.input)
	if err != nil {
		b.Fatal(err)
	}
	return func() error { _, _, err := compiled.Evaluate(context.Background(), input, nil, nil); return err }
}

// message gives what makes a message of a webhook.
func (w work) message(b *testing.B) func() error {
	compiled, err := template.Compile(w.name, w.source)
	if err != nil {
		b.Fatal(err)
	}
	return func() error {
		webhook, err := commerce.Parse(w.input)
		if err != nil {
			return err
		}
		input, err := webhook.Input()
		if err != nil {
			return err
		}
		messages, err := compiled.Apply(context.Background(), input)
		if err != nil {
			return err
		}
		_, err = json.Marshal(messages)
		return err
	}
}

// result is what comes of the work, JSON.
func (w work) result(b *testing.B) []byte {
	compiled, err := template.Compile(w.name, w.source)
	if err != nil {
		b.Fatal(err)
	}
	result, err := compiled.Eval(context.Background(), w.input, nil)
	if err != nil {
		b.Fatal(err)
	}
	return result
}

// same compares JSON.
func same(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}
