//go:build unix && !race

package template

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"commerce-segment/shared/jsonata"
	"commerce-segment/shared/jsonata/value"
)

// examples has calls of every function of templates: the arguments of each call, as they
// are written in a template. The tests below replace the arguments, and what is inside
// them, by large values.
var examples = map[string][]string{
	"$abs":                {`-1.5`},
	"$append":             {`["a"] | ["b"]`},
	"$assert":             {`true | "no"`},
	"$average":            {`[1, 2]`},
	"$base64decode":       {`"YWJj"`},
	"$base64encode":       {`"abc"`},
	"$boolean":            {`[[0, ""], "a"]`},
	"$ceil":               {`1.5`},
	"$clone":              {`{"a": ["b", {"c": "d"}]}`},
	"$commerce":           {`"/v2/orders/1"`},
	"$consent":            {`"{\"a\": true, \"b\": false}"`, `{"a": true}`},
	"$contains":           {`"abc" | "c"`, `"abc" | /c$/`},
	"$count":              {`["a", "b"]`},
	"$decodeUrl":          {`"a%20b"`},
	"$decodeUrlComponent": {`"a%20b"`},
	"$distinct":           {`["a", "b", {"c": "d"}, ["e"]]`},
	"$each":               {`{"a": "b"} | function($v, $k){$v}`},
	"$encodeUrl":          {`"a b"`},
	"$encodeUrlComponent": {`"a b"`},
	"$error":              {`"no"`},
	"$exists":             {`{"a": "b"}`},
	"$filter":             {`["a", "b"] | function($v){true}`},
	"$floor":              {`1.5`},
	"$formatBase":         {`255 | 16`},
	"$formatInteger":      {`12 | "w"`, `1234567 | "#,##0;o"`},
	"$formatNumber":       {`12.5 | "#,##0.00" | {"minus-sign": "~", "percent": "%"}`},
	"$fromMillis":         {`1 | "[Y]-[M]-[D]" | "+0100"`},
	"$join":               {`["a", "b"] | ","`},
	"$keys":               {`[{"a": "b"}, {"c": "d"}]`},
	"$length":             {`"abc"`},
	"$lookup":             {`[{"a": "b"}, {"a": {"c": "d"}}] | "a"`},
	"$lowercase":          {`"ABC"`},
	"$map":                {`["a", "b"] | function($v){$v}`, `["a", "b"] | $uppercase`},
	"$match":              {`"abcabc" | /b(c)/ | 2`},
	"$max":                {`[1, 2]`},
	"$merge":              {`[{"a": "b"}, {"c": "d"}]`},
	"$millis":             {``},
	"$min":                {`[1, 2]`},
	"$money":              {`1999 | "EUR"`, `{"amount": 1999, "currency": "EUR", "formatted": "19.99 EUR"}`},
	"$not":                {`[[0, ""], "a"]`},
	"$now":                {`"[Y]-[M]-[D]" | "+0100"`},
	"$number":             {`"12.5"`, `"0x1f"`},
	"$pad":                {`"abc" | 5 | "x"`},
	"$parseInteger":       {`"twelve" | "w"`, `"1,234" | "#,##0"`},
	"$power":              {`2 | 3`},
	"$random":             {``},
	"$reduce":             {`["a", "b"] | function($a, $v){$v} | "c"`, `["a", "b"] | $append`},
	"$replace":            {`"abc" | "b" | "d" | 1`, `"abc" | /(b)/ | "$1$1"`, `"abc" | /b/ | function($m){$m.match}`},
	"$reverse":            {`["a", "b"]`},
	"$round":              {`1.55 | 1`},
	"$sha256":             {`"abc"`},
	"$shuffle":            {`["a", "b"]`},
	"$sift":               {`{"a": "b"} | function($v){true}`},
	"$single":             {`["a", "b"] | function($v, $i){$i = 0}`},
	"$sort":               {`["b", "a"]`, `["b", "a"] | function($a, $b){$a > $b}`},
	"$split":              {`"a,b" | ","`, `"a,b" | /,/ | 2`, `"ab" | ""`},
	"$spread":             {`[{"a": "b"}, {"c": "d"}]`},
	"$sqrt":               {`2`},
	"$string":             {`{"a": ["b", {"c": "d"}]} | true`},
	"$substring":          {`"abc" | 1 | 1`},
	"$substringAfter":     {`"abc" | "b"`},
	"$substringBefore":    {`"abc" | "b"`},
	"$sum":                {`[1, 2]`},
	"$toMillis":           {`"2026-11-24" | "[Y]-[M]-[D]"`, `"2026-11-24T10:15:00Z"`},
	"$trim":               {`" a  b "`},
	"$type":               {`{"a": "b"}`},
	"$uppercase":          {`"abc"`},
	"$zip":                {`["a"] | ["b"]`},
}

func TestEveryFunctionHasAnExample(t *testing.T) {
	if missing := slices.DeleteFunc(slices.Sorted(maps.Keys(library())), func(name string) bool { return examples[name] != nil }); len(missing) > 0 {
		t.Errorf("the examples have no call of %v: add one of each, so that it is attacked like the others", missing)
	}
	for name, calls := range examples {
		for _, arguments := range calls {
			if err := newAttack(t, name, arguments, false).evaluate(t.Context()); err != nil && name != "$error" {
				t.Errorf("%s(%s): %v", name, arguments, err)
			}
		}
	}
}

// attack is a call of a function whose arguments are variables, so that a test can
// replace them.
type attack struct {
	name      string
	template  *Template
	variables map[string]any
	state     *value.State
}

// newAttack prepares the call of an example, once or without an end.
func newAttack(t *testing.T, name, arguments string, endless bool) *attack {
	t.Helper()
	a := &attack{name: name, variables: map[string]any{}}
	var passed []string
	for i, source := range strings.Split(arguments, " | ") {
		if source == "" {
			continue
		}
		variable := fmt.Sprintf("argument%d", i)
		if strings.HasPrefix(source, "function") || source[0] == '/' || source[0] == '$' {
			passed = append(passed, source)
			continue
		}
		passed = append(passed, "$"+variable)
		v, _, err := compiled(t, source).expression.Evaluate(t.Context(), nil, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		a.variables[variable] = v
	}
	source := fmt.Sprintf("%s(%s)", name, strings.Join(passed, ", "))
	if endless {
		source = fmt.Sprintf("($watch(); $again := function(){(%s; $again())}; $again())", source)
	}
	a.template = compiled(t, source).WithCommerce(func(context.Context, string) ([]byte, error) { return []byte(`{"data": {"id": "1"}}`), nil })
	return a
}

func compiled(t *testing.T, source string) *Template {
	t.Helper()
	functions := maps.Clone(library())
	functions.Define("watch", ":x", 0, watch)
	functions.Define("careless", "x:n", 1, func(_ *value.State, args []any) (any, error) { return careless(args[0]), nil })
	expression, err := jsonata.Compile(source, functions)
	if err != nil {
		t.Fatal(err)
	}
	return &Template{name: "t", expression: expression}
}

func (a *attack) evaluate(ctx context.Context) error {
	var err error
	_, a.state, err = a.template.expression.Evaluate(ctx, nil, a.variables, &event{template: a.template})
	return err
}

func (a *attack) spent() int { return value.MaxFuel - a.state.Fuel }

// each calls do with each variable in turn replaced by each of the values that have one
// of the large ones somewhere in them.
func (a *attack) each(large []any, do func(where string)) {
	for _, name := range slices.Sorted(maps.Keys(a.variables)) {
		given := a.variables[name]
		for shape, v := range shapes(given, large) {
			a.variables[name] = v
			do(fmt.Sprintf("%s with %s as %s", a.name, shape, name))
		}
		a.variables[name] = given
	}
}

// shapes returns values with large ones: as they are, in lists and objects, and at each
// place of a given value.
func shapes(given any, large []any) map[string]any {
	all := map[string]any{}
	for i, l := range large {
		other := large[(i+1)%len(large)]
		name := fmt.Sprintf("large value %d", i)
		all[name] = l
		all[name+" in a list"] = value.NewList([]any{"a", l})
		all[name+" in a list of lists"] = value.NewList([]any{value.NewList([]any{"a", l}), value.NewList([]any{l})})
		all[name+" with another one"] = value.NewList([]any{l, other, l, other})
		all[name+" in an object"] = object("amount", 1.0, "currency", l)
		all[name+" in a list of objects"] = value.NewList([]any{object("a", "b"), object("a", l, "b", object("c", l))})
		shared := value.NewList([]any{object("a", l)})
		all[name+" shared"] = value.NewList([]any{shared, shared, l, object("a", shared), shared})
		for place, v := range replaced(given, l) {
			all[name+" at "+place] = v
		}
	}
	return all
}

func object(pairs ...any) *value.Object {
	o := value.NewObject(len(pairs) / 2)
	for i := 0; i < len(pairs); i += 2 {
		o.Set(pairs[i].(string), pairs[i+1])
	}
	return o
}

// replaced returns copies of a value in which one element or field, at any depth, is the
// large one.
func replaced(given, large any) map[string]any {
	all := map[string]any{}
	switch given := given.(type) {
	case *value.Array:
		for i, item := range given.Items {
			with := func(v any) any {
				items := slices.Clone(given.Items)
				items[i] = v
				return value.NewList(items)
			}
			all[fmt.Sprintf("[%d]", i)] = with(large)
			for place, v := range replaced(item, large) {
				all[fmt.Sprintf("[%d]%s", i, place)] = with(v)
			}
		}
	case *value.Object:
		for _, field := range given.Written() {
			with := func(v any) any {
				o := value.NewObject(given.Len())
				for _, f := range given.Written() {
					o.Set(f.Key, f.Value)
				}
				o.Set(field.Key, v)
				return o
			}
			all["."+field.Key] = with(large)
			for place, v := range replaced(field.Value, large) {
				all["."+field.Key+place] = with(v)
			}
		}
	}
	return all
}

// guarded is a text of so many bytes of which only the beginning can be read: a function
// that goes on fails, and so it can be seen whether it has paid by then.
func guarded(t *testing.T, beginning string, size int) string {
	t.Helper()
	page := syscall.Getpagesize()
	room, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(room); err != nil {
			t.Error(err)
		}
	})
	copy(room, strings.Repeat(beginning, page/len(beginning)))
	if err := syscall.Mprotect(room[page:], syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	return unsafe.String(&room[0], size)
}

// A function that does not pay itself, at any depth of its arguments, is paid for by its
// call.
func TestEveryFunctionPaysForATextBeforeItReadsIt(t *testing.T) {
	const size = 4 << 20
	large := []any{guarded(t, "a", size), guarded(t, "a", size), guarded(t, "é", size)}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	tried, read := 0, 0
	all := maps.Clone(examples)
	all["$careless"] = []string{`{"a": ["b", {"c": "d"}]}`}
	for name, calls := range all {
		for _, arguments := range calls {
			a := newAttack(t, name, arguments, false)
			a.each(large, func(where string) {
				tried++
				err := a.evaluate(t.Context())
				if err == nil || !strings.Contains(err.Error(), "invalid memory address") {
					return
				}
				read++
				if spent := a.spent(); spent < size/64 {
					t.Errorf("%s reads a text of %d bytes after it paid %d units, want %d", where, size, spent, size/64)
				}
			})
		}
	}
	t.Logf("%d calls, of which %d read the text", tried, read)
	if read == 0 {
		t.Error("no function has read the text: the test does not see it")
	}
}

// careless is a function, as one may be added, that pays for nothing itself: it reads all
// that is in its argument.
func careless(v any) float64 {
	found := 0
	switch v := v.(type) {
	case string:
		found = strings.Count(v, "x")
	case *value.Array:
		for _, item := range v.Items {
			found += int(careless(item))
		}
	case *value.Object:
		for _, f := range v.Written() {
			found += int(careless(f.Value))
		}
	}
	return float64(found)
}

// watched is a context that sees when an evaluation looks at it.
type watched struct {
	context.Context
	state *value.State
	looks int           // so far
	last  int           // the fuel at the last look
	most  int           // units between two looks
	at    time.Duration // of the processor
	worst time.Duration // of the processor between two looks

	cancelAt int // the look at which it is cancelled
	ignored  int // looks after that
}

func (w *watched) Err() error {
	if w.state == nil { // the look before it begins
		return nil
	}
	w.look()
	if w.looks++; w.looks < w.cancelAt {
		return w.Context.Err()
	}
	w.ignored = w.looks - w.cancelAt
	return context.Canceled
}

// look notes the work since the last look.
func (w *watched) look() {
	w.most, w.worst = max(w.most, w.last-w.state.Fuel), max(w.worst, processorTime()-w.at)
	w.last, w.at = w.state.Fuel, processorTime()
}

// processorTime is what the process has used so far, its garbage collector included. It
// is only for the log.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// watch is a function that begins to watch an evaluation.
func watch(st *value.State, _ []any) (any, error) {
	w, ok := st.Context.(*watched)
	if !ok {
		return nil, nil
	}
	w.state, w.last, w.at = st, st.Fuel, processorTime()
	return nil, nil
}

// largeValues returns values that are large in several ways, made of texts of so many bytes
// and lists of so many elements.
func largeValues(bytes, items int, texts ...string) []any {
	var all []any
	for _, text := range texts {
		all = append(all, strings.Repeat(text, bytes/len(text)))
	}
	numbers, words, same := make([]any, items), make([]any, items), make([]any, items)
	tree, deep, indexed := any("a"), any("a"), value.NewObject(items)
	for i := range items {
		numbers[i], words[i], same[i] = float64(i), fmt.Sprint(i), object()
		indexed.Set(fmt.Sprint(i), same[i])
	}
	for range value.MaxNesting - 20 {
		deep = value.NewList([]any{deep})
	}
	for range 40 {
		tree = value.NewList([]any{object("a", tree, "b", tree)})
	}
	return append(all, value.NewList(numbers), value.NewList(words), value.NewList(same), indexed, deep, tree)
}

// attackAll calls every example in a loop with large values, until the evaluation looks
// at its context a second time, when it is cancelled.
func attackAll(t *testing.T, large []any) {
	tried, worst, slowest := 0, time.Duration(0), []string(nil)
	for _, name := range slices.Sorted(maps.Keys(examples)) {
		for _, arguments := range examples[name] {
			a := newAttack(t, name, arguments, true)
			a.each(large, func(where string) {
				tried++
				ctx := &watched{Context: t.Context(), cancelAt: 2}
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				err := a.evaluate(ctx)
				ctx.look()
				runtime.ReadMemStats(&after)
				switch {
				case err == nil:
					t.Errorf("%s: calls without an end end without an error", where)
				case ctx.ignored > 0:
					t.Errorf("%s: the evaluation goes on after its context was cancelled", where)
				case ctx.most > maxUnits:
					t.Errorf("%s: %d units without a look at the context", where, ctx.most)
				}
				if made, paid := int(after.TotalAlloc-before.TotalAlloc), value.MaxBytes-a.state.Bytes; made > 3*paid/2+unpaid+unpaidPerUnit*a.spent() {
					t.Errorf("%s: %d bytes were allocated, and %d paid with %d units", where, made, paid, a.spent())
				}
				if ctx.worst > worst {
					worst = ctx.worst
					slowest = append(slowest, fmt.Sprintf("%v for %d units: %s", ctx.worst.Round(time.Millisecond/10), ctx.most, where))
				}
			})
		}
	}
	t.Logf("%d calls; the longest processor times without a look at the context:\n%s", tried, strings.Join(slowest, "\n"))
}

// maxUnits may be spent between two looks at the context. They take at most a tenth of a
// second: see value.MaxFuel.
const maxUnits = value.MaxFuel / 5

// What may be allocated without being paid as bytes: for an evaluation and its error, and
// for each unit of its work.
const (
	unpaid        = 64 << 10
	unpaidPerUnit = 64
)

// TestAtScaleACancelledEvaluationEndsWhateverItCalls tries larger values of more kinds
// with a -scale.
func TestAtScaleACancelledEvaluationEndsWhateverItCalls(t *testing.T) {
	bytes, items, texts := 1<<18, 5_000, []string{"a", "é", "😀", "\u0001", "%41", "QUJD", "a ", "1", "ß", "Σ"}
	if *scale > 1 {
		bytes, items = value.MaxText, 300_000
	} else {
		texts = texts[:2]
	}
	attackAll(t, largeValues(bytes, items, texts...))
}
