package value

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What one evaluation may use. An Order Completed template over an order of 10,000
// lines, more than come in, uses about a third of it.
const (
	// MaxFuel bounds the time. An operation costs one unit, and so does an element of a
	// list: all of it takes about half a second.
	MaxFuel = 7_500_000
	// CostOfCall is what the call of a function costs.
	CostOfCall = 3
	// MaxBytes bounds everything that an evaluation allocates in data, whether or
	// not it is still needed: a Lambda of 256 MB must survive it.
	MaxBytes = 64 << 20
	// maxDepth bounds the calls that wait for one another, in nested expressions:
	// an expression takes less than 2 KB of stack, so the stack stays under 40 MB,
	// far below the 1 GB at which Go ends the process.
	maxDepth = 20_000
	// MaxCalls bounds how many lambdas may wait for one another. What walks a list
	// by recursion works with $map and $reduce too, or as a tail call, and then for
	// a list of any length: better that such a template fails on the first sample
	// with some lines than on the one order with thousands.
	MaxCalls = 100
	// MaxNesting bounds how deep lists and objects may nest in one another.
	MaxNesting = 500
)

// State is one evaluation: its limits and its time. It travels through the
// evaluator as an ordinary variable, so evaluations share nothing.
type State struct {
	Ctx   context.Context
	Fuel  int
	watch int // the fuel at which to look at ctx again
	Bytes int
	Depth int
	Calls int // of lambdas that wait for their result
	Now   time.Time
	// literals are the texts that stand in the template's source.
	literals map[string]bool
	// stack has the frames and the operands of what is being evaluated.
	stack []any
	// Kept has what is made once for the evaluation: see keep.
	Kept map[any]any
	// joined and text are the last long text that & made, and the one that it makes
	// longer and longer: see joinedText.
	joined string
	text   *Builder
	// Host is what registered functions know of the evaluation that they are called in.
	Host any
}

func NewState(ctx context.Context, literals map[string]bool, host any) *State {
	return &State{Ctx: ctx, literals: literals, Host: host, Fuel: MaxFuel, watch: MaxFuel, Bytes: MaxBytes, Now: time.Now(), stack: make([]any, 0, 128)}
}

// Push makes room for n values on the stack, undefined ones; pop takes it away. An
// error ends the evaluation, so nothing is popped after one.
func (st *State) Push(n int) []any {
	end := len(st.stack) + n
	st.stack = slices.Grow(st.stack, n)[:end]
	room := st.stack[end-n : end : end]
	clear(room)
	return room
}

func (st *State) Pop(n int) { st.stack = st.stack[:len(st.stack)-n] }

// Errors of the limits. They name what to look for in the template.
var (
	errFuel    = errors.New("it does too much work: look for a loop or a recursion that does not end, or for lists joined with lists")
	ErrBytes   = errors.New("it makes too much data: look for a list or a text that grows and grows")
	ErrCalls   = fmt.Errorf("its functions call one another more than %d deep: look for a recursion that does not end, and go through lists with $map or $reduce", MaxCalls)
	errDepth   = errors.New("functions call one another too deeply: look for a recursion that does not end")
	errNesting = fmt.Errorf("it works on lists or objects that are nested more than %d deep", MaxNesting)
)

// watchEvery is how much fuel may be used between two looks at the context.
const watchEvery = 10_000

// Spend pays for work; the unit is roughly the handling of one list element.
func (st *State) Spend(units int) error {
	st.Fuel -= units
	if st.Fuel < 0 {
		return errFuel
	}
	if st.Fuel < st.watch {
		st.watch = st.Fuel - watchEvery
		return st.Ctx.Err()
	}
	return nil
}

// Allocate pays for data, in bytes, and for the time it takes to fill it.
func (st *State) Allocate(bytes int) error {
	st.Bytes -= bytes
	if st.Bytes < 0 || bytes < 0 {
		return ErrBytes
	}
	return st.Spend(bytes / 64)
}

// BytesPerItem is what an element of a list or a field of an object takes.
const BytesPerItem = 32

// BytesPerObject is what an object takes in addition to its fields.
const BytesPerObject = 384

// BytesPerFunction is what a function takes that a template makes, with the
// variables around it that it keeps.
const BytesPerFunction = 1024

// MaxKey bounds the names of fields, in bytes. They are hashed and compared at
// every step, which nothing would pay for if they were long.
const MaxKey = 1024

// Touch pays for looking at values once: at each byte of a text, at each element of
// a list. Every operation and every built-in pays so for its operands before it
// begins, so that none can forget to; what it makes of them it pays for itself.
func (st *State) Touch(operands []any) error {
	units := len(operands) / 4
	for _, v := range operands {
		switch v := v.(type) {
		case string:
			units += len(v) / 64
		case *Array:
			units += len(v.Items) / 64
		}
	}
	if units == 0 {
		return nil
	}
	return st.Spend(units)
}

// SpendOn pays for an operation, and for looking at its operands once.
func (st *State) SpendOn(operands []any) error {
	if err := st.Spend(1); err != nil {
		return err
	}
	return st.Touch(operands)
}

// Build pays for an object that is being made. Go's maps take much even for one field.
func (st *State) Build(fields int) error {
	if fields > MaxBytes/BytesPerItem {
		return ErrBytes
	}
	if err := st.Spend(fields); err != nil {
		return err
	}
	return st.Allocate(BytesPerObject + 2*BytesPerItem*fields)
}

// Collect pays for n elements of a list that is being made.
func (st *State) Collect(n int) error {
	if n > MaxBytes/BytesPerItem {
		return ErrBytes
	}
	if err := st.Spend(n); err != nil {
		return err
	}
	return st.Allocate(n * BytesPerItem)
}

// Nest goes so many nested expressions deeper. Whoever calls it takes them off
// depth again; an error ends the evaluation anyway.
func (st *State) Nest(levels int) error {
	if st.Depth += levels; st.Depth > maxDepth {
		return errDepth
	}
	return nil
}

// Descend pays for a walk over n elements at a level of nested data.
func (st *State) Descend(level, n int) error {
	if level > MaxNesting {
		return errNesting
	}
	return st.Spend(n + 1)
}

// Keep keeps something for the length of the evaluation, under a key that nothing else
// uses, such as the list that it was made of.
func (st *State) Keep(key, v any) {
	if st.Kept == nil {
		st.Kept = map[any]any{}
	}
	st.Kept[key] = v
}

// Literal tells whether a text stands literally in the template. An error may quote
// only such texts: errors are logged, and any other may be personal data.
func (st *State) Literal(s string) bool { return st.literals[s] }

// Naming adds a text to what an error calls it, if it may be quoted.
func (st *State) Naming(what, text string) string {
	if st.Literal(text) {
		return what + " " + strconv.Quote(text)
	}
	return what
}

// Builder makes a text, and pays for it before it grows.
type Builder struct {
	St *State
	strings.Builder
}

// take makes room for n bytes.
func (b *Builder) take(n int) error {
	if b.Cap()-b.Len() >= n {
		return b.St.Spend(n / 64)
	}
	if err := b.St.Allocate(2*b.Cap() + n); err != nil {
		return err
	}
	b.Grow(n)
	return nil
}

func (b *Builder) Write(s string) error {
	if err := b.take(len(s)); err != nil {
		return err
	}
	b.WriteString(s)
	return nil
}
