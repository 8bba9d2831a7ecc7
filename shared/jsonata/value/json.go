package value

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"commerce-segment/shared/chars"
	"commerce-segment/shared/jsontext"
)

// FromJSON parses JSON and keeps the order of keys. An empty text is undefined.
func FromJSON(text []byte) (any, error) {
	text, err := chars.Decode(text)
	if err != nil {
		return nil, fmt.Errorf("%w is not JSON in UTF-8: %w", ErrInput, err)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, nil
	}
	switch _, fault := jsontext.Check(text, 0, jsontext.Bounds{Depth: MaxNesting, Values: math.MaxInt}); fault {
	case jsontext.Syntax:
		return nil, fmt.Errorf("%w is not JSON: %w", ErrInput, json.Unmarshal(text, new(any)))
	case jsontext.Depth:
		return nil, fmt.Errorf("%w is nested more than %d deep", ErrInput, MaxNesting)
	}
	return Build(text)
}

var errFunctionInResult = errors.New("the result contains a function: call it, or leave it out")

// ToGo converts a value to one that encoding/json can encode. Undefined elements of lists
// become null; a function is an error.
func ToGo(st *State, v any) (any, error) { return toGoAt(st, v, 0) }

func toGoAt(st *State, v any, level int) (any, error) {
	switch v := v.(type) {
	case nil, NullValue:
		return nil, nil
	case float64:
		return v + 0, nil // never -0
	case LargeInteger:
		return json.Number(v.digits), nil
	case *Object:
		return objectToGo(st, v, level)
	case *Array:
		items, err := ConvertItems(st, v.Items, level, toGoAt)
		if err != nil {
			return nil, err
		}
		return items, nil
	case Function:
		return nil, errFunctionInResult
	}
	return v, nil
}

func objectToGo(st *State, o *Object, level int) (any, error) {
	if err := st.Descend(level, o.Len()); err != nil {
		return nil, err
	}
	if err := st.AllocateItems(12 + 3*o.Len()); err != nil { // a Go map needs more than an Object
		return nil, err
	}
	m := make(map[string]any, o.Len())
	for _, f := range o.fields {
		if _, ok := f.Value.(Unlisted); ok {
			continue
		}
		converted, err := toGoAt(st, f.Value, level+1)
		if err != nil {
			return nil, err
		}
		m[f.Key] = converted
	}
	return m, nil
}

// ConvertItems returns the results of convert for the elements of a list.
func ConvertItems(st *State, items []any, level int, convert func(st *State, v any, level int) (any, error)) ([]any, error) {
	if err := st.Descend(level, len(items)); err != nil {
		return nil, err
	}
	if err := st.AllocateItems(len(items)); err != nil {
		return nil, err
	}
	converted := make([]any, len(items))
	for i, item := range items {
		var err error
		if converted[i], err = convert(st, item, level+1); err != nil {
			return nil, err
		}
	}
	return converted, nil
}

var errKey = fmt.Errorf("%w has a field whose name is longer than %d bytes", ErrInput, MaxKey)

// exactDigits is how many digits a whole number can have so that a float64 is always exact.
const exactDigits = 15

// ParseNumber parses a number of JSON.
func ParseNumber(text string) (any, error) {
	if n, ok := smallWhole(text); ok {
		return n, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, fmt.Errorf("%w has a number that is out of range", ErrInput)
	}
	if len(text) <= exactDigits || strings.ContainsAny(text, ".eE") || math.Abs(f) < 1<<53 {
		return f, nil
	}
	return LargeInteger{Approx: f, digits: text}, nil
}

// ErrInput means that no template can use the input, for example because a number in it is
// out of the range of a float64.
var ErrInput = errors.New("input")

// smallWhole parses a whole number without a sign that has few digits. Most numbers are
// like that.
func smallWhole(text string) (float64, bool) {
	if len(text) > exactDigits {
		return 0, false
	}
	n := 0
	for i := range len(text) {
		digit := text[i] - '0'
		if digit > 9 {
			return 0, false
		}
		n = 10*n + int(digit)
	}
	return float64(n), true
}
