package template

import (
	"errors"
	"fmt"
)

func defineHigherOrder() {
	defined("map", "af", 2, mapFunction)
	defined("filter", "af", 2, filterFunction)
	defined("single", "af?", 2, single)
	defined("reduce", "afj?:j", 3, reduce)
	define("each", "o-f:a", 2, each)
	define("sift", "o-f?:o", 2, sift)
}

func mapFunction(st *state, args []any) (any, error) {
	list, fn := args[0].(*array), args[1].(function)
	result := newSequence()
	for i, item := range list.items {
		v, err := invoke(st, fn, iteration(fn, item, float64(i), list), null)
		if err != nil {
			return nil, err
		}
		if err := add(st, result, v); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// add adds a value to a list, unless it is undefined.
func add(st *state, list *array, v any) error {
	if v == nil {
		return nil
	}
	if err := st.collect(1); err != nil {
		return err
	}
	list.items = append(list.items, v)
	return nil
}

func filterFunction(st *state, args []any) (any, error) {
	list, fn := args[0].(*array), args[1].(function)
	result := newSequence()
	for i, item := range list.items {
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

// holds asks a callback about an element.
func holds(st *state, fn function, args ...any) (bool, error) {
	v, err := invoke(st, fn, iteration(fn, args...), null)
	if err != nil {
		return false, err
	}
	return truth(st, v)
}

func single(st *state, args []any) (any, error) {
	list := args[0].(*array)
	fn, conditional := args[1].(function)
	var result any
	found := 0
	for i, item := range list.items {
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

func reduce(st *state, args []any) (any, error) {
	list, fn := args[0].(*array), args[1].(function)
	if fn.arity() < 2 {
		return nil, errors.New("the function for $reduce must take two arguments, the result so far and the element")
	}
	result, from := args[2], 0
	if result == nil && len(list.items) > 0 {
		result, from = list.items[0], 1
	}
	for i := from; i < len(list.items); i++ {
		all := []any{result, list.items[i], float64(i), list}
		var err error
		if result, err = invoke(st, fn, all[:min(fn.arity(), 4)], null); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// fields gives the object that $each and $sift go through. On undefined they give
// nothing.
func fields(name string, args []any) (*object, function, error) {
	fn, ok := args[1].(function)
	if !ok {
		return nil, nil, fmt.Errorf("%s needs a function", name)
	}
	o, ok := args[0].(*object)
	if !ok && args[0] != nil {
		return nil, nil, fmt.Errorf("%s goes through the fields of an object, not %s", name, describe(args[0]))
	}
	if o == nil {
		o = newObject(0)
	}
	return o, fn, nil
}

func each(st *state, args []any) (any, error) {
	o, fn, err := fields("$each", args)
	if err != nil {
		return nil, err
	}
	result := newSequence()
	for _, key := range o.keys() {
		v, err := invoke(st, fn, iteration(fn, o.get(key), key, o), null)
		if err != nil {
			return nil, err
		}
		if err := add(st, result, v); err != nil {
			return nil, err
		}
	}
	return result, nil
}

func sift(st *state, args []any) (any, error) {
	o, fn, err := fields("$sift", args)
	if err != nil {
		return nil, err
	}
	if err := st.build(0); err != nil {
		return nil, err
	}
	result := newObject(0)
	for _, key := range o.keys() {
		yes, err := holds(st, fn, o.get(key), key, o)
		if err != nil {
			return nil, err
		}
		if !yes {
			continue
		}
		if err := st.collect(2); err != nil {
			return nil, err
		}
		result.set(key, o.get(key))
	}
	if len(result.fields) == 0 {
		return nil, nil
	}
	return result, nil
}
