package template

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"commerce-segment/shared/money"
)

// What one evaluation may use. An Order Completed template over an order of 10,000
// lines, more than come in, uses about a third of it.
const (
	// maxFuel bounds the time. An operation costs one unit, and so does an element of a
	// list: all of it takes about half a second.
	maxFuel = 7_500_000
	// costOfCall is what the call of a function costs.
	costOfCall = 3
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
	// literals are the texts that stand in the template's source.
	literals map[string]bool
	// stack has the frames and the operands of what is being evaluated.
	stack []any
	// machines run the regular expressions that have searched a text so far.
	machines map[*regex]*machine
	// joined and text are the last long text that & made, and the one that it makes
	// longer and longer: see joinedText.
	joined string
	text   *builder
	// members has the elements of the lists that in has searched: see contained.
	members map[*array]map[any]bool
	fetch   Fetch // what $commerce asks; nil: nothing
	lookups int   // calls of $commerce so far
	// What $money knows: the input, the store's setting, and what the prices of the
	// input show, once they have been looked at.
	input      any
	currencies money.Decimals
	shown      money.Prices
}

func newState(ctx context.Context) *state {
	return &state{ctx: ctx, fuel: maxFuel, watch: maxFuel, bytes: maxBytes, now: time.Now(), stack: make([]any, 0, 128)}
}

// push makes room for n values on the stack, undefined ones; pop takes it away. An
// error ends the evaluation, so nobody pops after one.
func (st *state) push(n int) []any {
	end := len(st.stack) + n
	st.stack = slices.Grow(st.stack, n)[:end]
	room := st.stack[end-n : end : end]
	clear(room)
	return room
}

func (st *state) pop(n int) { st.stack = st.stack[:len(st.stack)-n] }

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

// bytesPerObject is what an object takes besides its fields.
const bytesPerObject = 384

// bytesPerFunction is what a function takes that a template makes, with the
// variables round it that it keeps.
const bytesPerFunction = 1024

// maxKey bounds the names of fields, in bytes. They are hashed and compared at
// every step, which nothing would pay for if they were long.
const maxKey = 1024

// touch pays for looking at values once: at each byte of a text, at each element of
// a list. Every operation and every built-in pays so for its operands before it
// begins, so that none can forget to; what it makes of them it pays for itself.
func (st *state) touch(operands []any) error {
	units := len(operands) / 4
	for _, v := range operands {
		switch v := v.(type) {
		case string:
			units += len(v) / 64
		case *array:
			units += len(v.items) / 64
		}
	}
	if units == 0 {
		return nil
	}
	return st.spend(units)
}

// spendOn pays for an operation, and for looking at its operands once.
func (st *state) spendOn(operands []any) error {
	if err := st.spend(1); err != nil {
		return err
	}
	return st.touch(operands)
}

// spendOnCall pays for a call. A lambda does not look at its arguments, and a built-in
// pays for that itself.
func (st *state) spendOnCall(called any, given []any) error {
	switch called.(type) {
	case *closure, *builtin:
		return st.spend(1 + len(given)/4)
	}
	return st.spendOn(given)
}

// build pays for an object that is being made. Go's maps take much even for one field.
func (st *state) build(fields int) error {
	if fields > maxBytes/bytesPerItem {
		return errBytes
	}
	if err := st.spend(fields); err != nil {
		return err
	}
	return st.allocate(bytesPerObject + 2*bytesPerItem*fields)
}

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

// literal tells whether a text stands literally in the template. An error may quote
// only such texts: errors are logged, and any other may be personal data.
func (st *state) literal(s string) bool { return st.literals[s] }

// naming adds a text to what an error calls it, if it may be quoted.
func (st *state) naming(what, text string) string {
	if st.literal(text) {
		return what + " " + strconv.Quote(text)
	}
	return what
}

// builder makes a text, and pays for it before it grows.
type builder struct {
	st *state
	strings.Builder
}

// take makes room for n bytes.
func (b *builder) take(n int) error {
	if b.Cap()-b.Len() >= n {
		return b.st.spend(n / 64)
	}
	if err := b.st.allocate(2*b.Cap() + n); err != nil {
		return err
	}
	b.Grow(n)
	return nil
}

func (b *builder) write(s string) error {
	if err := b.take(len(s)); err != nil {
		return err
	}
	b.WriteString(s)
	return nil
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
