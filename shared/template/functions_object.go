package template

import (
	"errors"
	"fmt"
)

func defineObjects() {
	define("keys", "x-:a<s>", 1, func(st *state, args []any) (any, error) {
		result := newSequence()
		seen := newObject(0)
		if err := collectKeys(st, seen, args[0], 0); err != nil {
			return nil, err
		}
		for _, key := range seen.keys() {
			result.items = append(result.items, key)
		}
		return result, nil
	})
	define("lookup", "x-s:x", 2, func(st *state, args []any) (any, error) {
		key, ok := args[1].(string)
		if !ok {
			return nil, nil
		}
		if len(key) > maxKey {
			return nil, nil // no field has such a name
		}
		return lookup(st, args[0], key, 0)
	})
	define("spread", "x-:a<o>", 1, func(st *state, args []any) (any, error) { return spread(st, args[0], 0) })
	defined("merge", "a<o>:o", 1, merge)
	defined("clone", "(oa)-:o", 1, func(st *state, args []any) (any, error) { return clone(st, args[0], 0) })
}

func collectKeys(st *state, seen *object, v any, level int) error {
	switch v := v.(type) {
	case *array:
		if err := st.descend(level, len(v.items)); err != nil {
			return err
		}
		for _, item := range v.items {
			if err := collectKeys(st, seen, item, level+1); err != nil {
				return err
			}
		}
	case *object:
		if err := st.collect(4 * len(v.fields)); err != nil {
			return err
		}
		for _, key := range v.keys() {
			seen.set(key, true)
		}
	}
	return nil
}

// spread makes objects of one field each.
func spread(st *state, v any, level int) (any, error) {
	switch v := v.(type) {
	case *array:
		if err := st.descend(level, len(v.items)); err != nil {
			return nil, err
		}
		parts := make([]any, 0, len(v.items))
		for _, item := range v.items {
			part, err := spread(st, item, level+1)
			if err != nil {
				return nil, err
			}
			parts = append(parts, part)
		}
		return spreadList(st, parts)
	case *object:
		result := newSequence()
		for _, key := range v.keys() {
			if err := st.build(1); err != nil {
				return nil, err
			}
			o := newObject(1)
			o.set(key, v.get(key))
			result.items = append(result.items, o)
		}
		return result, nil
	}
	return v, nil
}

// spreadList joins what the elements of a list were spread to.
func spreadList(st *state, parts []any) (any, error) {
	joined, err := join(st, parts)
	if list, ok := joined.(*array); ok && len(parts) > 0 {
		return newList(list.items), err
	}
	if joined == nil {
		return newSequence(), err
	}
	return newList([]any{joined}), err
}

func merge(st *state, args []any) (any, error) {
	if err := st.build(0); err != nil {
		return nil, err
	}
	result := newObject(0)
	for _, item := range args[0].(*array).items {
		o, ok := item.(*object)
		if !ok {
			return nil, fmt.Errorf("$merge merges objects, not %s", describe(item))
		}
		if err := st.collect(2 * len(o.fields)); err != nil {
			return nil, err
		}
		for _, key := range o.keys() {
			result.set(key, o.get(key))
		}
	}
	return result, nil
}

// clone copies an object or a list with everything in it. As in the reference it
// is a copy of the JSON: functions become "" and fractions are rounded to 15 digits.
func clone(st *state, v any, level int) (any, error) {
	switch v := v.(type) {
	case *array:
		if v.root {
			return clone(st, v.items[0], level)
		}
		items, err := convertItems(st, v.items, level, clone)
		if err != nil {
			return nil, err
		}
		return newList(items), nil
	case *object:
		return cloneObject(st, v, level)
	case function:
		return "", nil
	case float64:
		return fifteenDigits(v), nil
	case nil:
		return null, nil
	}
	return v, nil
}

func cloneObject(st *state, o *object, level int) (any, error) {
	if err := st.descend(level, len(o.fields)); err != nil {
		return nil, err
	}
	if err := st.build(len(o.fields)); err != nil {
		return nil, err
	}
	result := newObject(len(o.fields))
	for _, key := range o.keys() {
		copied, err := clone(st, o.get(key), level+1)
		if err != nil {
			return nil, err
		}
		result.set(key, copied)
	}
	return result, nil
}

// transformation is |pattern|update,remove|: a function that gives a changed copy.
type transformation struct {
	line                    int
	nesting                 int // of its parts, for the limit on depth
	clone                   any // $clone, which a template may replace
	pattern, update, remove *lambda
}

var transformSignature = mustSignature("(oa):o")

func (t *transformation) arity() int { return 1 }

func (t *transformation) apply(st *state, args []any, context any) (any, error) {
	if err := st.nest(t.nesting); err != nil {
		return nil, at(t.line, err)
	}
	v, err := t.run(st, args, context)
	st.depth -= t.nesting
	return v, at(t.line, err)
}

func (t *transformation) run(st *state, args []any, context any) (any, error) {
	args, err := transformSignature.apply(st, "the transformation |…|", args, context)
	if err != nil || len(args) == 0 || args[0] == nil {
		return nil, err
	}
	cloner, ok := t.clone.(function)
	if !ok {
		return nil, errors.New("a transformation |…| copies its input with $clone, which is not a function here")
	}
	result, err := invoke(st, cloner, args, null)
	if err != nil {
		return nil, err
	}
	found, err := t.pattern.enter(st, result, nil)
	if err != nil || found == nil {
		return result, err
	}
	for _, match := range elements(found) {
		if err := t.change(st, match); err != nil {
			return nil, err
		}
	}
	return result, nil
}

func (t *transformation) change(st *state, match any) error {
	update, err := t.update.enter(st, match, nil)
	if err != nil {
		return err
	}
	if update != nil {
		if err := assign(st, match, update); err != nil {
			return err
		}
	}
	if t.remove == nil {
		return nil
	}
	names, err := t.remove.enter(st, match, nil)
	if err != nil || names == nil {
		return err
	}
	if !allStrings(elements(names)) {
		return errors.New("the last part of a transformation |…| must be the names of the fields to remove, in strings")
	}
	o, ok := match.(*object)
	if !ok {
		return nil
	}
	if err := st.collect(len(elements(names)) + len(o.fields)); err != nil {
		return err
	}
	var keys []string
	for _, name := range elements(names) {
		if key := name.(string); len(key) <= maxKey {
			keys = append(keys, key)
		}
	}
	o.remove(keys)
	return nil
}

func assign(st *state, match, update any) error {
	fields, ok := update.(*object)
	if !ok {
		return fmt.Errorf("the second part of a transformation |…| must be an object, not %s", describe(update))
	}
	if len(fields.fields) == 0 {
		return nil
	}
	o, ok := match.(*object)
	if !ok {
		return fmt.Errorf("a transformation |…| can change objects only, not %s", describe(match))
	}
	if err := st.collect(2 * len(fields.fields)); err != nil {
		return err
	}
	for _, key := range fields.keys() {
		o.set(key, fields.get(key))
	}
	return nil
}
