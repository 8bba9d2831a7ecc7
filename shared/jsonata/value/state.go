package value

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"commerce-segment/shared/turn"
)

// Limits of one evaluation. An Order Completed template needs about a third of each for an
// order of 10,000 lines. Real orders are smaller.
const (
	// MaxFuel limits the time, in units of work. An operation costs one unit, and so does
	// each element of a list. MaxFuel units take about half a second.
	MaxFuel = 7_500_000
	// CallCost is what the call of a function costs, in units of fuel.
	CallCost = 3
	// MaxBytes limits the data that an evaluation allocates, including the data that it no
	// longer needs. A Lambda function with 256 MB must have enough memory for it.
	MaxBytes = 64 << 20
	// fewBytes is how much data an evaluation may allocate before it must take a turn: see
	// package turn.
	fewBytes = 4 << 20
	// MaxText is the largest size of a text, in bytes. So no function works on one for long
	// before the context is checked again.
	MaxText = 16 << 20
	// maxDepth limits the nested expressions of all calls in progress. An expression takes
	// less than 2 KB of stack, so the stack stays below 40 MB. Go ends the process at 1 GB.
	maxDepth = 20_000
	// maxLambdas limits the lambdas in progress. It is low on purpose: a template with a
	// recursion over a list then fails at the first sample with many lines, and not in
	// production with the first large order. $map, $reduce and tail calls work for lists
	// of any length.
	maxLambdas = 100
	// MaxNesting is how deep lists and objects can nest in one another.
	MaxNesting = 500
	// MaxKey is the largest size of the name of a field, in bytes. Each step hashes and
	// compares names, and is not charged for that.
	MaxKey = 1024
)

// Sizes of data in bytes, as they are charged.
const (
	BytesPerItem     = 32   // an element of a list or a field of an object
	BytesPerObject   = 64   // an object without its fields
	BytesPerFunction = 1024 // a function with the variables that it captures
)

// State is the state of one evaluation: its limits, its time, its stack. Every function
// that takes part in the evaluation receives it, so evaluations share nothing.
type State struct {
	Context context.Context
	Host    any // what the caller of Evaluate passed to the functions of its Library

	Fuel  int // the units of work that are left, of MaxFuel
	Bytes int // the bytes that are left, of MaxBytes

	turnAt int // allocate takes a turn when fewer bytes than this are left; 0 once it has a turn

	watch   int // the fuel at which Spend checks the context again
	depth   int // of the nested expressions in progress
	lambdas int // in progress

	now      time.Time       // see Now
	literals map[string]bool // the string literals of the source
	stack    []any           // the frames and the operands of the expressions in progress
	room     [8]any          // the first room of the stack
	cached   map[any]any     // see Cache

	// joined and text are the last long text that the operator & made, and the text to
	// which it keeps appending: see ConcatText.
	joined string
	text   *TextBuilder
}

// NewState returns the state of a new evaluation. literals has the string literals of the
// source.
func NewState(ctx context.Context, literals map[string]bool, host any) *State {
	st := &State{Context: ctx, literals: literals, Host: host, Fuel: MaxFuel, watch: MaxFuel, Bytes: MaxBytes, turnAt: MaxBytes - fewBytes}
	st.stack = st.room[:0]
	return st
}

// Now returns the time of the first call of Now, so that one evaluation has one time.
func (st *State) Now() time.Time {
	if st.now.IsZero() {
		st.now = time.Now()
	}
	return st.now
}

// Push adds n undefined values to the stack and returns them. Pop removes them. After
// an error the evaluation ends, so nothing is popped.
func (st *State) Push(n int) []any {
	end := len(st.stack) + n
	st.stack = slices.Grow(st.stack, n)[:end]
	room := st.stack[end-n : end : end]
	clear(room)
	return room
}

// Pop removes the last n values from the stack.
func (st *State) Pop(n int) { st.stack = st.stack[:len(st.stack)-n] }

// Errors of the limits. They describe what to look for in the template.
var (
	errFuel    = errors.New("it does too much work: look for a loop or a recursion that does not end, or for lists joined with lists")
	errLambdas = fmt.Errorf("its functions call one another more than %d deep: look for a recursion that does not end, and go through lists with $map or $reduce", maxLambdas)
	errDepth   = errors.New("functions call one another too deeply: look for a recursion that does not end")
	errNesting = fmt.Errorf("it works on lists or objects that are nested more than %d deep", MaxNesting)
)

// ErrBytes is the error of an evaluation that allocates more than MaxBytes.
var ErrBytes = errors.New("it makes too much data: look for a list or a text that grows and grows")

// watchEvery is how much fuel is used between two checks of the context.
const watchEvery = 10_000

// Spend charges for units of work. A unit is about the time that one element of a list takes.
func (st *State) Spend(units int) error {
	st.Fuel -= units
	if st.Fuel < 0 {
		return errFuel
	}
	if st.Fuel < st.watch {
		st.watch = st.Fuel - watchEvery
		return st.Context.Err()
	}
	return nil
}

// Allocate charges for a text, and for the time to fill it.
func (st *State) Allocate(bytes int) error {
	if bytes > MaxText {
		return ErrBytes
	}
	return st.allocate(bytes)
}

// allocate charges for data.
func (st *State) allocate(bytes int) error {
	st.Bytes -= bytes
	if st.Bytes < 0 || bytes < 0 {
		return ErrBytes
	}
	if st.Bytes < st.turnAt {
		if err := turn.Take(st.Context); err != nil {
			return err
		}
		st.turnAt = 0
	}
	return st.Spend(bytes / 64)
}

// SpendReading charges for reading values once: each byte of a text, and each element of a
// list. Every operation is charged for its operands before it begins, so that no operation
// can forget to do it.
func (st *State) SpendReading(operands []any) error {
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

// SpendReadingAll charges for reading values and everything in them once: each byte of a
// text, each element and each field, at any depth.
func (st *State) SpendReadingAll(values []any) error {
	r := reading{st: st}
	if err := r.values(values, 0); err != nil {
		return err
	}
	return r.pay()
}

// reading adds up the cost of reading values.
type reading struct {
	st    *State
	bytes int // the bytes that are not charged yet
}

// bytesPerValue is the cost of an element or a field without a text: reading it takes as
// long as reading that many bytes of text.
const bytesPerValue = 8

func (r *reading) values(values []any, level int) error {
	for _, v := range values {
		if err := r.value(v, level); err != nil {
			return err
		}
	}
	return nil
}

func (r *reading) value(v any, level int) error {
	switch v := v.(type) {
	case string:
		r.bytes += len(v)
	case *Array:
		if err := r.enter(level); err != nil {
			return err
		}
		r.bytes += bytesPerValue * len(v.Items)
		return r.values(v.Items, level+1)
	case *Object:
		if err := r.enter(level); err != nil {
			return err
		}
		for i := range v.fields {
			r.bytes += bytesPerValue + len(v.fields[i].Key)
			if err := r.value(v.fields[i].Value, level+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// enter charges for what was read so far, and checks the level. If a list contains another
// list many times, each of them is charged.
func (r *reading) enter(level int) error {
	if level > MaxNesting {
		return errNesting
	}
	if r.bytes < 4096 {
		return nil
	}
	return r.pay()
}

func (r *reading) pay() error {
	units := r.bytes / 64
	r.bytes -= 64 * units
	if units == 0 {
		return nil
	}
	return r.st.Spend(units)
}

// AllocateObject charges for a new object. A field takes a name and a value, and if the
// object has an index, an entry in the index as well.
func (st *State) AllocateObject(fields int) error {
	each := 2 * BytesPerItem
	if fields > fewFields {
		each = 6 * BytesPerItem
	}
	if fields > MaxBytes/each {
		return ErrBytes
	}
	if err := st.Spend(fields); err != nil {
		return err
	}
	return st.allocate(BytesPerObject + each*fields)
}

// AllocateItems charges for n elements of a new list.
func (st *State) AllocateItems(n int) error {
	if n > MaxBytes/BytesPerItem {
		return ErrBytes
	}
	if err := st.Spend(n); err != nil {
		return err
	}
	return st.allocate(n * BytesPerItem)
}

// Enter adds levels of nested expressions to the depth. Leave removes them. That is not
// necessary after an error, because the evaluation then ends.
func (st *State) Enter(levels int) error {
	if st.depth += levels; st.depth > maxDepth {
		return errDepth
	}
	return nil
}

// Leave undoes Enter.
func (st *State) Leave(levels int) { st.depth -= levels }

// EnterLambda is Enter for the body of a lambda.
func (st *State) EnterLambda(levels int) error {
	if st.lambdas++; st.lambdas > maxLambdas {
		return errLambdas
	}
	return st.Enter(levels)
}

// LeaveLambda undoes EnterLambda.
func (st *State) LeaveLambda(levels int) {
	st.lambdas--
	st.Leave(levels)
}

// Descend charges for a loop over n elements at a level of nested data.
func (st *State) Descend(level, n int) error {
	if level > MaxNesting {
		return errNesting
	}
	return st.Spend(n + 1)
}

// Cached returns what Cache stored under a key, or nil.
func (st *State) Cached(key any) any { return st.cached[key] }

// Cache stores a value until the evaluation ends. No other code may use the same key, so
// the key is for example the list from which the value was made.
func (st *State) Cache(key, v any) {
	if st.cached == nil {
		st.cached = map[any]any{}
	}
	st.cached[key] = v
}

// IsLiteral reports whether a text is a string literal of the source. An error may
// quote only such a text: errors are logged, and any other text may be personal data.
func (st *State) IsLiteral(s string) bool { return st.literals[s] }

// QuoteLiteral returns a phrase for an error, with the text if it may be quoted.
func (st *State) QuoteLiteral(what, text string) string {
	if st.IsLiteral(text) {
		return what + " " + strconv.Quote(text)
	}
	return what
}
