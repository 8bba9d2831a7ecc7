package jsonata

import (
	"reflect"

	"github.com/blues/jsonata-go"
	"github.com/blues/jsonata-go/jtypes"
)

// host runs an evaluation inside the evaluator of the JSONata library, as the call of one Go
// function. The library parses and evaluates nothing else. In one of twenty cases of the
// reference implementation's tests, its evaluator returns a wrong result without an error.
// In some cases it never returns, and it shares state between evaluations.
func host(evaluation hosted) (any, error) {
	v, err := entry.Call([]reflect.Value{reflect.ValueOf(evaluation)})
	if err != nil || !v.IsValid() {
		return nil, err
	}
	return v.Interface(), nil
}

// hosted is an evaluation that the library calls.
type hosted func() (any, error)

// entry is the partial application that the library completes for each evaluation.
var entry = func() jtypes.Callable {
	program := jsonata.MustCompile("$call(?)")
	if err := program.RegisterVars(map[string]any{"call": caller{}}); err != nil {
		panic(err)
	}
	entry, err := program.Eval(nil)
	if err != nil {
		panic(err)
	}
	return entry.(jtypes.Callable)
}()

// caller is the Go function that the library calls.
type caller struct{}

func (caller) Name() string    { return "call" }
func (caller) ParamCount() int { return 1 }

func (caller) Call(args []reflect.Value) (reflect.Value, error) {
	v, err := args[0].Interface().(hosted)()
	return reflect.ValueOf(v), err
}
