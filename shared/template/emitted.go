package template

import (
	"maps"
	"reflect"
	"strings"
)

// emitted is an expression of the program. Where nothing in it needs the library's
// scopes (a lambda that calls itself does) it is native: Go functions that call one
// another, behind a single operation. The library then evaluates one call instead of
// one for each operator in it, which is most of what a template costs.
type emitted struct {
	form   form
	native bool
	text   string // a variable, also that of an assignment, or what only the library evaluates
	value  any    // of a constant
	line   int
	run    run
	params []string // of a part
	lambda *lambdaPlan
	inner  []*emitted
}

type form int

const (
	formText     form = iota // what only the library evaluates
	formVariable             // a variable of the library
	formConstant
	formCall      // run, on what inner gives
	formCondition // inner is the condition, which gives a boolean, and both branches
	formSequence  // all of inner, for what the last gives
	formBind      // an assignment to text; inner is the value
	formPart      // see part; inner is its body
	formLambda
)

// run is what an operation does with its operands. It must not keep the list of them:
// the next operation gets the same one.
type run func(st *state, args []any) (any, error)

func variableOf(name string) *emitted {
	return &emitted{form: formVariable, native: true, text: name}
}

func constantOf(v any) *emitted {
	return &emitted{form: formConstant, native: true, value: v}
}

func textOnly(text string) *emitted { return &emitted{text: text} }

// compound is an expression of others. It is native if they are.
func compound(of form, inner ...*emitted) *emitted {
	native := true
	for _, part := range inner {
		native = native && part.native
	}
	return &emitted{form: of, native: native, inner: inner}
}

// bindOf is an assignment. It is native as a statement of a block only, which is
// always evaluated: elsewhere, the variable may keep the value that it had before.
func bindOf(variable string, value *emitted) *emitted {
	return &emitted{form: formBind, text: variable, inner: []*emitted{value}}
}

// sequenceOf is a block.
func sequenceOf(statements ...*emitted) *emitted {
	for _, s := range statements {
		if s.form == formBind {
			s.native = s.inner[0].native
		}
	}
	return compound(formSequence, statements...)
}

func callOf(line int, run run, args ...*emitted) *emitted {
	c := compound(formCall, args...)
	c.line, c.run = line, run
	return c
}

func lambdaOf(p *lambdaPlan) *emitted { return &emitted{form: formLambda, native: true, lambda: p} }

func partOf(params []string, body *emitted) *emitted {
	c := compound(formPart, body)
	c.params = params
	return c
}

// program gives the text with which the library evaluates an expression.
func (e *emitter) program(c *emitted) string {
	switch c.form {
	case formVariable:
		e.read[c.text] = true
		return c.text
	case formText:
		return c.text
	case formBind:
		return c.text + " := " + e.program(c.inner[0])
	case formConstant:
		if c.value == nil {
			return "$undefined"
		}
		return e.register(c.value)
	}
	if c.native {
		return e.native(c)
	}
	inner := make([]string, len(c.inner))
	for i, part := range c.inner {
		inner[i] = e.program(part)
	}
	switch c.form {
	case formCondition:
		return inner[0] + " ? " + inner[1] + " : " + inner[2]
	case formSequence:
		return "(" + strings.Join(inner, "; ") + ")"
	case formPart:
		return lambdaText(c.params, inner[0])
	}
	return callText(e.register(newOperation(c.line, c.run)), inner)
}

func lambdaText(params []string, body string) string {
	return "function(" + strings.Join(params, ", ") + "){" + body + "}"
}

func callText(operation string, args []string) string {
	return operation + "($s" + strings.Join(append([]string{""}, args...), ", ") + ")"
}

// native registers an expression as one operation, and gives the call of it with
// the variables that it needs.
func (e *emitter) native(c *emitted) string {
	l := linker{slots: map[string]int{}}
	evaluate := l.link(c)
	size, slots := l.size, l.outsideSlots
	for _, name := range l.outside {
		e.read[name] = true
	}
	return callText(e.register(operation(func(argv []reflect.Value) (reflect.Value, error) {
		st := stateOf(argv)
		if err := st.spend(costOfLibrary); err != nil {
			return reflect.Value{}, err
		}
		f := frame(st.push(size))
		for i, arg := range argv[1:] {
			if arg.IsValid() {
				f[slots[i]] = arg.Interface()
			}
		}
		v, err := evaluate(st, f)
		if err != nil {
			return reflect.Value{}, err
		}
		st.pop(size)
		return reflect.ValueOf(v), nil
	})), l.outside)
}

// frame has the values of the variables of a native expression while it is
// evaluated once.
type frame []any

// evaluation is a native expression.
type evaluation func(st *state, f frame) (any, error)

// part is a part of a native expression that its operation evaluates in other
// contexts: a step of a path, a predicate, the values of an object. It is used
// only while its operation runs, which never comes back to it before it is done.
type part struct {
	frame  frame
	params []int
	body   evaluation
}

func (p *part) enter(st *state, args []any) (any, error) {
	if err := st.spend(1); err != nil {
		return nil, err
	}
	p.frame.bind(p.params, args)
	return p.body(st, p.frame)
}

// bind gives parameters their arguments; those that are missing are undefined.
func (f frame) bind(params []int, args []any) {
	for i, slot := range params {
		f[slot] = nil
		if i < len(args) {
			f[slot] = args[i]
		}
	}
}

// lambda is a native lambda, with the values of the variables round it. It may be
// called again while it runs, and long after, so each call has a frame of its own.
type lambda struct {
	*lambdaPlan
	captured []any
}

// lambdaPlan is what all lambdas have in common that are made at one place.
type lambdaPlan struct {
	size     int
	params   []int
	captures []string // the variables round it ...
	slots    []int    // ... and where they belong
	body     evaluation
}

func (l *lambda) enter(st *state, args []any) (any, error) {
	if err := st.spend(costOfCall); err != nil {
		return nil, err
	}
	f := frame(st.push(l.size))
	for i, slot := range l.slots {
		f[slot] = l.captured[i]
	}
	f.bind(l.params, args)
	v, err := l.body(st, f)
	if err != nil {
		return nil, err
	}
	st.pop(l.size)
	return v, nil
}

// plan makes a native lambda of a native body.
func plan(params []string, body *emitted) *lambdaPlan {
	l := linker{slots: map[string]int{}}
	p := &lambdaPlan{params: l.bind(params)}
	p.body = l.link(body)
	p.size, p.captures, p.slots = l.size, l.outside, l.outsideSlots
	return p
}

// linker gives every variable of a native expression its place in the frame.
type linker struct {
	slots        map[string]int
	size         int
	outside      []string // the variables that come from outside ...
	outsideSlots []int    // ... and where they belong
}

func (l *linker) take() int {
	l.size++
	return l.size - 1
}

// bind gives parameters their places.
func (l *linker) bind(params []string) []int {
	slots := make([]int, len(params))
	for i, name := range params {
		slots[i] = l.take()
		l.slots[name] = slots[i]
	}
	return slots
}

// variable is the place of a variable; one that is not known comes from outside.
func (l *linker) variable(name string) int {
	slot, known := l.slots[name]
	if !known {
		slot = l.take()
		l.slots[name] = slot
		l.outside, l.outsideSlots = append(l.outside, name), append(l.outsideSlots, slot)
	}
	return slot
}

func (l *linker) link(c *emitted) evaluation {
	switch c.form {
	case formVariable:
		slot := l.variable(c.text)
		return func(_ *state, f frame) (any, error) { return f[slot], nil }
	case formConstant:
		return func(*state, frame) (any, error) { return c.value, nil }
	case formBind:
		return l.linkBind(c)
	case formPart:
		return l.linkPart(c)
	case formSequence:
		return l.linkSequence(c)
	case formLambda:
		return l.linkLambda(c.lambda)
	}
	inner := make([]evaluation, len(c.inner))
	for i, part := range c.inner {
		inner[i] = l.link(part)
	}
	if c.form == formCondition {
		return condition(inner[0], inner[1], inner[2])
	}
	return call(c.line, c.run, inner)
}

// linkPart links a part. Its parameters hide what has their names outside.
func (l *linker) linkPart(c *emitted) evaluation {
	defer l.scope(c.params)()
	params := l.bind(c.params)
	body := l.link(c.inner[0])
	return func(_ *state, f frame) (any, error) {
		return &part{frame: f, params: params, body: body}, nil
	}
}

// linkSequence links a block. What it assigns to is known in it only.
func (l *linker) linkSequence(c *emitted) evaluation {
	var assigned []string
	for _, statement := range c.inner {
		if statement.form == formBind {
			assigned = append(assigned, statement.text)
		}
	}
	defer l.scope(assigned)()
	statements := make([]evaluation, len(c.inner))
	for i, statement := range c.inner {
		statements[i] = l.link(statement)
	}
	return sequence(statements)
}

// linkBind links an assignment. Until it is made, the name is what it was before.
func (l *linker) linkBind(c *emitted) evaluation {
	value := l.link(c.inner[0])
	slot := l.bind([]string{c.text})[0]
	return func(st *state, f frame) (any, error) {
		v, err := value(st, f)
		f[slot] = v
		return v, err
	}
}

// scope gives what makes some names again what they are now.
func (l *linker) scope(names []string) (leave func()) {
	before := map[string]int{}
	for _, name := range names {
		if slot, known := l.slots[name]; known {
			before[name] = slot
		}
	}
	return func() {
		for _, name := range names {
			delete(l.slots, name)
		}
		maps.Copy(l.slots, before)
	}
}

func (l *linker) linkLambda(p *lambdaPlan) evaluation {
	slots := make([]int, len(p.captures))
	for i, name := range p.captures {
		slots[i] = l.variable(name)
	}
	return func(_ *state, f frame) (any, error) {
		captured := make([]any, len(slots))
		for i, slot := range slots {
			captured[i] = f[slot]
		}
		return &lambda{lambdaPlan: p, captured: captured}, nil
	}
}

func condition(test, yes, no evaluation) evaluation {
	return func(st *state, f frame) (any, error) {
		v, err := test(st, f)
		if err != nil {
			return nil, err
		}
		if v == true {
			return yes(st, f)
		}
		return no(st, f)
	}
}

func sequence(all []evaluation) evaluation {
	return func(st *state, f frame) (v any, err error) {
		for _, evaluate := range all {
			if v, err = evaluate(st, f); err != nil {
				return nil, err
			}
		}
		return v, nil
	}
}

func call(line int, run run, operands []evaluation) evaluation {
	return func(st *state, f frame) (any, error) {
		args := st.push(len(operands))
		for i, operand := range operands {
			var err error
			if args[i], err = operand(st, f); err != nil {
				return nil, err
			}
		}
		v, err := operate(st, line, run, args)
		if err != nil {
			return nil, err
		}
		st.pop(len(operands))
		return v, nil
	}
}
