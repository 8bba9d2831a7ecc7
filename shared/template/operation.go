package template

import (
	"reflect"

	"github.com/blues/jsonata-go/jtypes"
)

// operation is a Go function that the emitted program calls. The library's
// evaluator knows it as one of its own callables. Its first argument is always the
// *state of the evaluation. It is a func, not a struct, because the library looks
// through pointers with reflection and finds a func sooner.
type operation func(argv []reflect.Value) (reflect.Value, error)

func (operation) Name() string    { return "operation" }
func (operation) ParamCount() int { return 0 }

func (o operation) Call(argv []reflect.Value) (reflect.Value, error) { return o(argv) }

// newOperation makes an operation of a function. Errors get the line.
func newOperation(line int, run run) operation {
	return func(argv []reflect.Value) (reflect.Value, error) {
		args := make([]any, len(argv)-1)
		for i, arg := range argv[1:] {
			if arg.IsValid() {
				args[i] = arg.Interface()
			}
		}
		st := stateOf(argv)
		if err := st.spend(costOfLibrary); err != nil {
			return reflect.Value{}, at(line, err)
		}
		v, err := operate(st, line, run, args)
		return reflect.ValueOf(v), err
	}
}

// stateOf is the state of the evaluation that calls an operation.
func stateOf(argv []reflect.Value) *state { return argv[0].Interface().(*state) }

// operate runs an operation on its operands, and pays for it. Errors get the line.
func operate(st *state, line int, run run, args []any) (any, error) {
	if err := st.spend(1); err != nil {
		return nil, at(line, err)
	}
	if err := st.touch(args); err != nil {
		return nil, at(line, err)
	}
	v, err := run(st, args)
	if err != nil {
		return nil, at(line, err)
	}
	return v, nil
}

// enter calls a part of the emitted program, or a lambda.
func enter(st *state, fn any, args ...any) (any, error) {
	if p, ok := fn.(*part); ok {
		return p.enter(st, args)
	}
	if l, ok := fn.(*lambda); ok {
		return l.enter(st, args)
	}
	if err := st.spend(costOfLibrary); err != nil {
		return nil, err
	}
	argv := make([]reflect.Value, len(args))
	for i, arg := range args {
		argv[i] = reflect.ValueOf(arg)
	}
	v, err := fn.(jtypes.Callable).Call(argv)
	if err != nil || !v.IsValid() {
		return nil, err
	}
	return v.Interface(), nil
}
