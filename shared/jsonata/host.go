package jsonata

import (
	"reflect"

	"github.com/blues/jsonata-go"
	"github.com/blues/jsonata-go/jtypes"
)

// host runs an evaluation as the library's evaluator sees it: as the call of one
// function of Go. The library parses and evaluates nothing else, because its own
// evaluator gives wrong results without an error in one of twenty cases of the
// reference's tests, never returns in some, and shares state between evaluations.
func host(evaluation hosted) (any, error) {
	v, err := entry.Call([]reflect.Value{reflect.ValueOf(evaluation)})
	if err != nil || !v.IsValid() {
		return nil, err
	}
	return v.Interface(), nil
}

// hosted is an evaluation that waits to be called.
type hosted func() (any, error)

// entry is the program that the library evaluates each time.
var entry = func() jtypes.Callable {
	program := jsonata.MustCompile("function($evaluation){$call($evaluation)}")
	if err := program.RegisterVars(map[string]any{"call": caller{}}); err != nil {
		panic(err)
	}
	entry, err := program.Eval(nil)
	if err != nil {
		panic(err)
	}
	return entry.(jtypes.Callable)
}()

// caller is the function of Go that the library calls.
type caller struct{}

func (caller) Name() string    { return "call" }
func (caller) ParamCount() int { return 1 }

func (caller) Call(args []reflect.Value) (reflect.Value, error) {
	v, err := args[0].Interface().(hosted)()
	return reflect.ValueOf(v), err
}
