package value

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"commerce-segment/shared/chars"
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
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v, err := decode(d, 0)
	if err != nil {
		return nil, inputError(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w is not JSON: something follows the first value", ErrInput)
	}
	return v, nil
}

func inputError(err error) error {
	if errors.Is(err, ErrInput) {
		return err
	}
	return fmt.Errorf("%w is not JSON: %w", ErrInput, err)
}

func decode(d *json.Decoder, level int) (any, error) {
	if level > MaxNesting {
		return nil, fmt.Errorf("%w is nested more than %d deep", ErrInput, MaxNesting)
	}
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('['):
		return decodeList(d, level)
	case json.Delim('{'):
		return decodeObject(d, level)
	}
	return fromGoAt(t, level)
}

func decodeList(d *json.Decoder, level int) (any, error) {
	list := NewList(nil)
	for d.More() {
		v, err := decode(d, level+1)
		if err != nil {
			return nil, err
		}
		list.Items = append(list.Items, v)
	}
	_, err := d.Token()
	return list, err
}

func decodeObject(d *json.Decoder, level int) (any, error) {
	o := NewObject(0)
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		v, err := decode(d, level+1)
		if err != nil {
			return nil, err
		}
		if len(key.(string)) > MaxKey {
			return nil, errKey
		}
		o.Set(key.(string), v)
	}
	_, err := d.Token()
	return o, err
}

var errFunctionInResult = errors.New("the result contains a function: call it, or leave it out")

// ToGo converts a value to what encoding/json encodes. Undefined elements of lists
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
	if err := st.Descend(level, len(o.Fields)); err != nil {
		return nil, err
	}
	if err := st.AllocateObject(len(o.Fields)); err != nil {
		return nil, err
	}
	m := make(map[string]any, len(o.Fields))
	for k, field := range o.Fields {
		if _, ok := field.(Unlisted); ok {
			continue
		}
		converted, err := toGoAt(st, field, level+1)
		if err != nil {
			return nil, err
		}
		m[k] = converted
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

// FromGo converts what encoding/json decodes to a value. It keeps the maps and slices,
// and changes their contents.
func FromGo(v any) (any, error) { return fromGoAt(v, 0) }

func fromGoAt(v any, level int) (any, error) {
	if level > MaxNesting {
		return nil, fmt.Errorf("%w is nested more than %d deep", ErrInput, MaxNesting)
	}
	switch v := v.(type) {
	case nil:
		return Null, nil
	case json.Number:
		return ParseNumber(string(v))
	case map[string]any:
		for k, field := range v {
			if len(k) > MaxKey {
				return nil, errKey
			}
			if isUnchanged(field) {
				continue
			}
			converted, err := fromGoAt(field, level+1)
			if err != nil {
				return nil, err
			}
			v[k] = converted
		}
		return &Object{Fields: v}, nil
	case []any:
		for i, item := range v {
			if isUnchanged(item) {
				continue
			}
			converted, err := fromGoAt(item, level+1)
			if err != nil {
				return nil, err
			}
			v[i] = converted
		}
		return NewList(v), nil
	case int:
		return ParseNumber(strconv.Itoa(v))
	case int64:
		return ParseNumber(strconv.FormatInt(v, 10))
	case bool, string, float64:
		return v, nil
	}
	return nil, fmt.Errorf("%w has a %T, which is not JSON", ErrInput, v)
}

var errKey = fmt.Errorf("%w has a field whose name is longer than %d bytes", ErrInput, MaxKey)

// isUnchanged reports whether FromGo returns a value as it is.
func isUnchanged(v any) bool {
	switch v.(type) {
	case string, bool, float64:
		return true
	}
	return false
}

// exactDigits is the number of digits of a whole number that a float64 always keeps.
const exactDigits = 15

// ParseNumber parses a number of JSON.
func ParseNumber(text string) (any, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, fmt.Errorf("%w has a number that is out of range", ErrInput)
	}
	if len(text) <= exactDigits || strings.ContainsAny(text, ".eE") || math.Abs(f) < 1<<53 {
		return f, nil
	}
	return LargeInteger{Approx: f, digits: text}, nil
}

// ErrInput means that no template can use the input, for example because of a number
// beyond the range of a double.
var ErrInput = errors.New("input")
