package functions

import (
	"errors"
	"fmt"

	"commerce-segment/shared/jsonata/value"
)

func (l Library) addHigherOrder() {
	l.defineStrict("map", "af", 2, mapItems)
	l.defineStrict("filter", "af", 2, filterItems)
	l.defineStrict("single", "af?", 2, single)
	l.defineStrict("reduce", "afj?:j", 3, reduce)
	l.Define("each", "o-f:a", 2, each)
	l.Define("sift", "o-f?:o", 2, sift)
}

func mapItems(st *value.State, args []any) (any, error) {
	list, fn := args[0].(*value.Array), args[1].(value.Function)
	result, callback := value.NewSequence(), newCallback(fn)
	for i, item := range list.Items {
		v, err := callback.call(st, item, callback.index(i), list)
		if err != nil {
			return nil, err
		}
		if err := add(st, result, v); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// add appends a value to a list, unless the value is undefined.
func add(st *value.State, list *value.Array, v any) error {
	if v == nil {
		return nil
	}
	if err := st.AllocateItems(1); err != nil {
		return err
	}
	list.Items = append(list.Items, v)
	return nil
}

func filterItems(st *value.State, args []any) (any, error) {
	list, fn := args[0].(*value.Array), args[1].(value.Function)
	result, callback := value.NewSequence(), newCallback(fn)
	for i, item := range list.Items {
		yes, err := callback.holds(st, item, callback.index(i), list)
		if err != nil {
			return nil, err
		}
		if !yes {
			continue
		}
		if err := add(st, result, item); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// callback is a function that is called for each element. Its arguments are the element, its
// index or key, and the whole list or object, but no more than the function can use.
type callback struct {
	fn    value.Function
	arity int
	args  []any // reused for each call, because a function does not keep the list
}

func newCallback(fn value.Function) *callback {
	arity := max(1, min(fn.Arity(), 3))
	return &callback{fn, arity, make([]any, 3)}
}

// index returns the index of an element as an argument, if the function can use it.
func (c *callback) index(i int) any {
	if c.arity == 1 {
		return nil
	}
	return float64(i)
}

func (c *callback) call(st *value.State, element, position, whole any) (any, error) {
	c.args[0], c.args[1], c.args[2] = element, position, whole
	return value.Invoke(st, c.fn, c.args[:c.arity:c.arity], value.Null)
}

// holds returns the result of a call as a boolean.
func (c *callback) holds(st *value.State, element, position, whole any) (bool, error) {
	v, err := c.call(st, element, position, whole)
	if err != nil {
		return false, err
	}
	return value.ToBoolean(st, v)
}

func single(st *value.State, args []any) (any, error) {
	list := args[0].(*value.Array)
	fn, conditional := args[1].(value.Function)
	var result any
	var callback *callback
	if conditional {
		callback = newCallback(fn)
	}
	found := 0
	for i, item := range list.Items {
		yes := true
		if conditional {
			var err error
			if yes, err = callback.holds(st, item, callback.index(i), list); err != nil {
				return nil, err
			}
		}
		if yes {
			result = item
			found++
		}
		if found > 1 {
			return nil, errors.New("$single found more than one element")
		}
	}
	if found == 0 {
		return nil, errors.New("$single found no element")
	}
	return result, nil
}

func reduce(st *value.State, args []any) (any, error) {
	list, fn := args[0].(*value.Array), args[1].(value.Function)
	if fn.Arity() < 2 {
		return nil, errors.New("the function for $reduce must take two arguments, the result so far and the element")
	}
	result, from := args[2], 0
	if result == nil && len(list.Items) > 0 {
		result, from = list.Items[0], 1
	}
	for i := from; i < len(list.Items); i++ {
		all := []any{result, list.Items[i], float64(i), list}
		var err error
		if result, err = value.Invoke(st, fn, all[:min(fn.Arity(), 4)], value.Null); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// eachField calls do for each field of an object, with the callback of $each or $sift. It
// treats undefined as an object without fields.
func eachField(st *value.State, name string, args []any, do func(callback *callback, o *value.Object, field value.Field) error) error {
	fn, ok := args[1].(value.Function)
	if !ok {
		return fmt.Errorf("%s needs a function", name)
	}
	if args[0] == nil {
		return nil
	}
	o, ok := args[0].(*value.Object)
	if !ok {
		return fmt.Errorf("%s goes through the fields of an object, not %s", name, value.Describe(args[0]))
	}
	fields, err := o.Fields(st)
	if err != nil {
		return err
	}
	callback := newCallback(fn)
	for _, field := range fields {
		if err := do(callback, o, field); err != nil {
			return err
		}
	}
	return nil
}

func each(st *value.State, args []any) (any, error) {
	result := value.NewSequence()
	err := eachField(st, "$each", args, func(callback *callback, o *value.Object, field value.Field) error {
		v, err := callback.call(st, field.Value, field.Key, o)
		if err != nil {
			return err
		}
		return add(st, result, v)
	})
	return result, err
}

func sift(st *value.State, args []any) (any, error) {
	if err := st.AllocateObject(0); err != nil {
		return nil, err
	}
	result := value.NewObject(0)
	err := eachField(st, "$sift", args, func(callback *callback, o *value.Object, field value.Field) error {
		yes, err := callback.holds(st, field.Value, field.Key, o)
		if err != nil || !yes {
			return err
		}
		if err := st.AllocateItems(12); err != nil {
			return err
		}
		result.Set(field.Key, field.Value)
		return nil
	})
	if err != nil || result.Len() == 0 {
		return nil, err
	}
	return result, nil
}
