package template

import (
	"fmt"
	"reflect"

	"github.com/blues/jsonata-go/jtypes"
)

// operation is a Go function that the emitted program calls. The library's
// evaluator knows it as one of its own callables. Its first argument is always the
// *state of the evaluation.
type operation struct {
	line int
	run  func(st *state, args []any) (any, error)
}

func (o *operation) Name() string    { return "operation" }
func (o *operation) ParamCount() int { return 0 }

func (o *operation) Call(argv []reflect.Value) (reflect.Value, error) {
	st, ok := argv[0].Interface().(*state)
	if !ok {
		return reflect.Value{}, fmt.Errorf("operation called without a state, with %s", argv[0].Type())
	}
	if err := st.spend(5); err != nil {
		return reflect.Value{}, at(o.line, err)
	}
	args := make([]any, len(argv)-1)
	for i, arg := range argv[1:] {
		if arg.IsValid() {
			args[i] = arg.Interface()
		}
	}
	v, err := o.run(st, args)
	if err != nil {
		return reflect.Value{}, at(o.line, err)
	}
	return reflect.ValueOf(v), nil
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
