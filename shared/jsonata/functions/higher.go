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
	result := value.NewSequence()
	for i, item := range list.Items {
		v, err := value.Invoke(st, fn, value.CallbackArgs(fn, item, float64(i), list), value.Null)
		if err != nil {
			return nil, err
		}
		if err := add(st, result, v); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// add appends a value to a list, unless it is undefined.
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
	result := value.NewSequence()
	for i, item := range list.Items {
		yes, err := holds(st, fn, item, float64(i), list)
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

// holds returns the boolean of a callback for an element.
func holds(st *value.State, fn value.Function, args ...any) (bool, error) {
	v, err := value.Invoke(st, fn, value.CallbackArgs(fn, args...), value.Null)
	if err != nil {
		return false, err
	}
	return value.ToBoolean(st, v)
}

func single(st *value.State, args []any) (any, error) {
	list := args[0].(*value.Array)
	fn, conditional := args[1].(value.Function)
	var result any
	found := 0
	for i, item := range list.Items {
		yes := true
		if conditional {
			var err error
			if yes, err = holds(st, fn, item, float64(i), list); err != nil {
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

// fields returns the object whose fields $each and $sift go through, and the function.
// The object of undefined has no fields.
func fields(name string, args []any) (*value.Object, value.Function, error) {
	fn, ok := args[1].(value.Function)
	if !ok {
		return nil, nil, fmt.Errorf("%s needs a function", name)
	}
	o, ok := args[0].(*value.Object)
	if !ok && args[0] != nil {
		return nil, nil, fmt.Errorf("%s goes through the fields of an object, not %s", name, value.Describe(args[0]))
	}
	if o == nil {
		o = value.NewObject(0)
	}
	return o, fn, nil
}

func each(st *value.State, args []any) (any, error) {
	o, fn, err := fields("$each", args)
	if err != nil {
		return nil, err
	}
	result := value.NewSequence()
	for _, key := range o.Keys() {
		v, err := value.Invoke(st, fn, value.CallbackArgs(fn, o.Get(key), key, o), value.Null)
		if err != nil {
			return nil, err
		}
		if err := add(st, result, v); err != nil {
			return nil, err
		}
	}
	return result, nil
}

func sift(st *value.State, args []any) (any, error) {
	o, fn, err := fields("$sift", args)
	if err != nil {
		return nil, err
	}
	if err := st.AllocateObject(0); err != nil {
		return nil, err
	}
	result := value.NewObject(0)
	for _, key := range o.Keys() {
		yes, err := holds(st, fn, o.Get(key), key, o)
		if err != nil {
			return nil, err
		}
		if !yes {
			continue
		}
		if err := st.AllocateItems(2); err != nil {
			return nil, err
		}
		result.Set(key, o.Get(key))
	}
	if result.Len() == 0 {
		return nil, nil
	}
	return result, nil
}
