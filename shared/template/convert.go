package template

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

// fromGo makes a value of what encoding/json decodes. It keeps the maps and slices
// and changes what is in them.
func fromGo(v any, level int) (any, error) {
	if level > maxNesting {
		return nil, fmt.Errorf("%w is nested more than %d deep", ErrInput, maxNesting)
	}
	switch v := v.(type) {
	case nil:
		return null, nil
	case json.Number:
		return fromNumber(string(v))
	case map[string]any:
		for k, field := range v {
			if len(k) > maxKey {
				return nil, errKey
			}
			if isSame(field) {
				continue
			}
			converted, err := fromGo(field, level+1)
			if err != nil {
				return nil, err
			}
			v[k] = converted
		}
		return &object{fields: v}, nil
	case []any:
		for i, item := range v {
			if isSame(item) {
				continue
			}
			converted, err := fromGo(item, level+1)
			if err != nil {
				return nil, err
			}
			v[i] = converted
		}
		return newList(v), nil
	case int:
		return fromNumber(strconv.Itoa(v))
	case int64:
		return fromNumber(strconv.FormatInt(v, 10))
	case bool, string, float64:
		return v, nil
	}
	return nil, fmt.Errorf("%w has a %T, which is not JSON", ErrInput, v)
}

var errKey = fmt.Errorf("%w has a field whose name is longer than %d bytes", ErrInput, maxKey)

// isSame tells whether a decoded value is a value of templates as it is.
func isSame(v any) bool {
	switch v.(type) {
	case string, bool, float64:
		return true
	}
	return false
}

// exactDigits is how many digits of a whole number a float64 surely holds.
const exactDigits = 15

func fromNumber(text string) (any, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, fmt.Errorf("%w has a number that is out of range", ErrInput)
	}
	if len(text) <= exactDigits || strings.ContainsAny(text, ".eE") || math.Abs(f) < 1<<53 {
		return f, nil
	}
	return whole{approx: f, digits: text}, nil
}

// fromJSON reads JSON, keeping the order of keys. No text at all is undefined.
func fromJSON(text []byte) (any, error) {
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
	if level > maxNesting {
		return nil, fmt.Errorf("%w is nested more than %d deep", ErrInput, maxNesting)
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
	return fromGo(t, level)
}

func decodeList(d *json.Decoder, level int) (any, error) {
	list := newList(nil)
	for d.More() {
		v, err := decode(d, level+1)
		if err != nil {
			return nil, err
		}
		list.items = append(list.items, v)
	}
	_, err := d.Token()
	return list, err
}

func decodeObject(d *json.Decoder, level int) (any, error) {
	o := newObject(0)
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		v, err := decode(d, level+1)
		if err != nil {
			return nil, err
		}
		if len(key.(string)) > maxKey {
			return nil, errKey
		}
		o.set(key.(string), v)
	}
	_, err := d.Token()
	return o, err
}

// toGo makes of a value what encoding/json encodes. Undefined elements of lists
// become null; a function is an error.
func toGo(st *state, v any, level int) (any, error) {
	switch v := v.(type) {
	case nil, nullValue:
		return nil, nil
	case float64:
		return v + 0, nil // never -0
	case whole:
		return json.Number(v.digits), nil
	case *object:
		return objectToGo(st, v, level)
	case *array:
		items, err := convertItems(st, v.items, level, toGo)
		if err != nil {
			return nil, err
		}
		return items, nil
	case function:
		return nil, errFunctionInResult
	}
	return v, nil
}

var errFunctionInResult = errors.New("the result contains a function: call it, or leave it out")

func objectToGo(st *state, o *object, level int) (any, error) {
	if err := st.descend(level, len(o.fields)); err != nil {
		return nil, err
	}
	if err := st.build(len(o.fields)); err != nil {
		return nil, err
	}
	m := make(map[string]any, len(o.fields))
	for k, field := range o.fields {
		if _, ok := field.(nextMatch); ok {
			continue
		}
		converted, err := toGo(st, field, level+1)
		if err != nil {
			return nil, err
		}
		m[k] = converted
	}
	return m, nil
}

// convertItems makes a list of what convert makes of each element.
func convertItems(st *state, items []any, level int, convert func(st *state, v any, level int) (any, error)) ([]any, error) {
	if err := st.descend(level, len(items)); err != nil {
		return nil, err
	}
	if err := st.collect(len(items)); err != nil {
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
