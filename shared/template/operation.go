package template

import (
	"fmt"
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
func newOperation(line int, run func(st *state, args []any) (any, error)) operation {
	return func(argv []reflect.Value) (reflect.Value, error) {
		st, ok := argv[0].Interface().(*state)
		if !ok {
			return reflect.Value{}, fmt.Errorf("operation called without a state, with %s", argv[0].Type())
		}
		if err := st.spend(5); err != nil {
			return reflect.Value{}, at(line, err)
		}
		args := make([]any, len(argv)-1)
		for i, arg := range argv[1:] {
			if arg.IsValid() {
				args[i] = arg.Interface()
			}
		}
		if err := st.touch(args); err != nil {
			return reflect.Value{}, at(line, err)
		}
		v, err := run(st, args)
		if err != nil {
			return reflect.Value{}, at(line, err)
		}
		return reflect.ValueOf(v), nil
	}
}

// enter calls a lambda of the emitted program.
func enter(st *state, fn any, args ...any) (any, error) {
	if err := st.spend(5); err != nil {
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
