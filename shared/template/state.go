package template

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// What one evaluation may use. An Order Completed template over an order of 500
// lines uses about 1 % of each.
const (
	// maxFuel bounds the time. A call of an operation, a function or a lambda costs
	// five units, an element of a list one: five million take about half a second.
	maxFuel = 5_000_000
	// maxBytes bounds everything that an evaluation allocates in data, whether or
	// not it is still needed: a Lambda of 256 MB must survive it.
	maxBytes = 64 << 20
	// maxDepth bounds the calls that wait for one another, in nested expressions:
	// an expression takes less than 2 KB of stack, so the stack stays under 40 MB,
	// far below the 1 GB at which Go ends the process.
	maxDepth = 20_000
	// maxCalls bounds how many lambdas may wait for one another. What walks a list
	// by recursion works with $map and $reduce too, or as a tail call, and then for
	// a list of any length: better that such a template fails on the first sample
	// with some lines than on the one order with thousands.
	maxCalls = 100
	// maxNesting bounds how deep lists and objects may nest in one another.
	maxNesting = 500
)

// state is one evaluation: its limits and its time. It travels through the
// evaluator as an ordinary variable, so evaluations share nothing.
type state struct {
	ctx   context.Context
	fuel  int
	watch int // the fuel at which to look at ctx again
	bytes int
	depth int
	calls int // of lambdas that wait for their result
	now   time.Time
}

func newState(ctx context.Context) *state {
	return &state{ctx: ctx, fuel: maxFuel, watch: maxFuel, bytes: maxBytes, now: time.Now()}
}

// Errors of the limits. They name what to look for in the template.
var (
	errFuel    = errors.New("it does too much work: look for a loop or a recursion that does not end, or for lists joined with lists")
	errBytes   = errors.New("it makes too much data: look for a list or a text that grows and grows")
	errCalls   = fmt.Errorf("its functions call one another more than %d deep: look for a recursion that does not end, and go through lists with $map or $reduce", maxCalls)
	errDepth   = errors.New("functions call one another too deeply: look for a recursion that does not end")
	errNesting = fmt.Errorf("it works on lists or objects that are nested more than %d deep", maxNesting)
)

// watchEvery is how much fuel may be used between two looks at the context.
const watchEvery = 10_000

// spend pays for work; the unit is roughly the handling of one list element.
func (st *state) spend(units int) error {
	st.fuel -= units
	if st.fuel < 0 {
		return errFuel
	}
	if st.fuel < st.watch {
		st.watch = st.fuel - watchEvery
		return st.ctx.Err()
	}
	return nil
}

// allocate pays for data, in bytes, and for the time it takes to fill it.
func (st *state) allocate(bytes int) error {
	st.bytes -= bytes
	if st.bytes < 0 || bytes < 0 {
		return errBytes
	}
	return st.spend(bytes / 64)
}

// bytesPerItem is what an element of a list or a field of an object takes.
const bytesPerItem = 32

// collect pays for n elements of a list that is being made.
func (st *state) collect(n int) error {
	if n > maxBytes/bytesPerItem {
		return errBytes
	}
	if err := st.spend(n); err != nil {
		return err
	}
	return st.allocate(n * bytesPerItem)
}

// nest goes so many nested expressions deeper. Whoever calls it takes them off
// depth again; an error ends the evaluation anyway.
func (st *state) nest(levels int) error {
	if st.depth += levels; st.depth > maxDepth {
		return errDepth
	}
	return nil
}

// descend pays for a walk over n elements at a level of nested data.
func (st *state) descend(level, n int) error {
	if level > maxNesting {
		return errNesting
	}
	return st.spend(n + 1)
}

// fault is an error at a place in the template.
type fault struct {
	line int
	err  error
}

func (f *fault) Error() string { return f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

// at says where an error happened, unless it is known more precisely.
func at(line int, err error) error {
	var f *fault
	if err == nil || errors.As(err, &f) {
		return err
	}
	return &fault{line: line, err: err}
}

func faultf(line int, format string, args ...any) error {
	return &fault{line: line, err: fmt.Errorf(format, args...)}
}
