package template

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"

	"commerce-segment/shared/jsonata/value"
)

func TestApplyReturnsMessages(t *testing.T) {
	cases := map[string]struct{ source, want string }{
		"one object is one message":                 {`{"type": "track"}`, `[{"type":"track"}]`},
		"a list is several":                         {`[{"a": 1}, {"a": 2}]`, `[{"a":1},{"a":2}]`},
		"a batch is several":                        {`{"batch": [{"a": 1}, {"a": 2}]}`, `[{"a":1},{"a":2}]`},
		"a batch of one may have lost its list":     {`{"batch": {"a": 1}}`, `[{"a":1}]`},
		"undefined is none":                         {`nothing`, `null`},
		"null is none":                              {`null`, `null`},
		"an empty list is none":                     {`[]`, `null`},
		"an empty batch is none":                    {`{"batch": []}`, `null`},
		"null stays null":                           {`{"a": data.nil, "b": null}`, `[{"a":null,"b":null}]`},
		"an empty list in it stays one":             {`{"a": [], "b": {}}`, `[{"a":[],"b":{}}]`},
		"large numbers keep their digits":           {`{"id": data.id, "ids": data.ids}`, `[{"id":9007199254740993,"ids":[-12345678901234567890]}]`},
		"a large number keeps its digits as a text": {`{"id": $string(data.id) & ""}`, `[{"id":"9007199254740993"}]`},
		"characters come through":                   {`{"a": data.text}`, `[{"a":"<é&😀>\u2028"}]`},
		"keys come in the order of the document":    {`{"a": $keys(data)}`, `[{"a":["text","nil","id","ids"]}]`},
	}
	const body = `{"data": {"text": "<é&😀>\u2028", "nil": null, "id": 9007199254740993, "ids": [-12345678901234567890]}}`
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			tmpl, err := Compile("t", c.source)
			if err != nil {
				t.Fatal(err)
			}
			messages, err := tmpl.Apply(context.Background(), inputOf(t, []byte(body)))
			if err != nil {
				t.Fatal(err)
			}
			if got := marshal(t, messages); got != strings.ReplaceAll(c.want, `\u2028`, "\u2028") {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(strings.TrimSpace(b.String()), `\u2028`, "\u2028")
}

func TestAResultThatIsNotAMessageIsAnError(t *testing.T) {
	for source, says := range map[string]string{
		`5`:                        "it gave a number",
		`"x"`:                      "it gave a string",
		`[[{"a": 1}]]`:             "message 1 of 1 is an array of 1",
		`[{"a": 1}, 2]`:            "message 2 of 2 is a number",
		`[{"a": 1}, null]`:         "message 2 of 2 is null",
		`{"batch": 5}`:             "its batch is a number",
		`{"batch": [], "a": 1}`:    "more fields than batch",
		`{"batch": [5]}`:           "message 1 of 1 is a number",
		`{"total": $sum}`:          "contains a function",
		`function($x){$x}`:         "it gave a function",
		`[function($x){{"a": 1}}]`: "message 1 of 1 is a function",
	} {
		t.Run(source, func(t *testing.T) {
			tmpl, err := Compile("t", source)
			if err != nil {
				t.Fatal(err)
			}
			messages, err := tmpl.Apply(context.Background(), inputOf(t, []byte(`{}`)))
			var e *Error
			if !errors.As(err, &e) || !strings.Contains(e.Message, says) {
				t.Errorf("got %v, error %v; want an error that says %q", messages, err, says)
			}
		})
	}
}

func TestUnusableInputIsErrInput(t *testing.T) {
	tmpl, err := Compile("t", `1`)
	if err != nil {
		t.Fatal(err)
	}
	deep := strings.Repeat(`{"a":`, value.MaxNesting+2) + "1" + strings.Repeat("}", value.MaxNesting+2)
	for name, body := range map[string]string{
		"a number beyond a double": `{"a": [1e999]}`,
		"deep nesting":             deep,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := tmpl.Eval(context.Background(), []byte(body), nil); !errors.Is(err, value.ErrInput) {
				t.Errorf("Eval returns %v, want ErrInput", err)
			}
		})
	}
	if _, err := tmpl.Eval(context.Background(), []byte(`{"a": 1} x`), nil); !errors.Is(err, value.ErrInput) {
		t.Errorf("for text after the JSON, Eval returns %v, want ErrInput", err)
	}
}

// scale multiplies the evaluations of the test that has many.
var scale = flag.Int("scale", 1, "multiply the number of evaluations in tests AtScale")

// TestAtScaleConcurrentEvaluationsDoNotMix fails if evaluations share any state.
func TestAtScaleConcurrentEvaluationsDoNotMix(t *testing.T) {
	sources := []string{
		`{"n": n, "s": $string(n), "l": [items.($string() & "/" & $$.n)]}`,
		`{"n": n, "s": ($f := function($x){$string($x)}; $f(n)), "l": $map(items, function($v){$string($v) & "/" & n})}`,
		`{"n": n, "s": n ~> $string(), "l": [items@$i.($string($i) & "/" & n)]}`,
	}
	var templates []*Template
	for _, source := range sources {
		tmpl, err := Compile("t", source)
		if err != nil {
			t.Fatal(err)
		}
		templates = append(templates, tmpl)
	}
	const workers = 8
	rounds := 1250 * *scale
	var wrong sync.Map
	var wg sync.WaitGroup
	for w := range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range rounds {
				n := w*rounds + i
				input := inputOf(t, fmt.Appendf(nil, `{"n": %d, "items": [1, 2]}`, n))
				want := fmt.Sprintf(`[{"l":["1/%d","2/%d"],"n":%d,"s":"%d"}]`, n, n, n, n)
				messages, err := templates[i%len(templates)].Apply(context.Background(), input)
				got, _ := json.Marshal(messages)
				if err != nil || string(got) != want {
					wrong.Store(n, fmt.Sprintf("%s, %v; want %s", got, err, want))
				}
			}
		}()
	}
	wg.Wait()
	count := 0
	wrong.Range(func(_, v any) bool {
		if count++; count == 1 {
			t.Errorf("got %s", v)
		}
		return true
	})
	if count > 0 {
		t.Errorf("%d of %d results are wrong", count, workers*rounds)
	}
}

// TestTheOrderTemplateUsesLittle checks that an order is far below the limits.
func TestTheOrderTemplateUsesLittle(t *testing.T) {
	tmpl, err := Compile("order-completed", orderCompleted)
	if err != nil {
		t.Fatal(err)
	}
	input := inputOf(t, orderWebhook(500))
	_, st, err := tmpl.expression.Evaluate(context.Background(), input, nil, &event{template: tmpl, input: input})
	if err != nil {
		t.Fatal(err)
	}
	if used := value.MaxFuel - st.Fuel; used > value.MaxFuel/20 {
		t.Errorf("uses %d of %d fuel", used, value.MaxFuel)
	}
	if used := value.MaxBytes - st.Bytes; used > value.MaxBytes/20 {
		t.Errorf("uses %d of %d bytes", used, value.MaxBytes)
	}
}
