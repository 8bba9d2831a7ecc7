package functions

import (
	"fmt"

	"commerce-segment/shared/jsonata/value"
)

func (l Library) addObjects() {
	l.Define("keys", "x-:a<s>", 1, func(st *value.State, args []any) (any, error) {
		result := value.NewSequence()
		seen := value.NewObject(0)
		if err := collectKeys(st, seen, args[0], 0); err != nil {
			return nil, err
		}
		fields, err := seen.Fields(st)
		if err != nil {
			return nil, err
		}
		for _, field := range fields {
			result.Items = append(result.Items, field.Key)
		}
		return result, nil
	})
	l.Define("lookup", "x-s:x", 2, func(st *value.State, args []any) (any, error) {
		key, ok := args[1].(string)
		if !ok {
			return nil, nil
		}
		if len(key) > value.MaxKey {
			return nil, nil // no field has such a name
		}
		return value.Lookup(st, args[0], key)
	})
	l.Define("spread", "x-:a<o>", 1, func(st *value.State, args []any) (any, error) { return spread(st, args[0], 0) })
	l.defineStrict("merge", "a<o>:o", 1, merge)
	l.defineStrict("clone", "(oa)-:o", 1, func(st *value.State, args []any) (any, error) { return clone(st, args[0], 0) })
}

func collectKeys(st *value.State, seen *value.Object, v any, level int) error {
	switch v := v.(type) {
	case *value.Array:
		if err := st.Descend(level, len(v.Items)); err != nil {
			return err
		}
		for _, item := range v.Items {
			if err := collectKeys(st, seen, item, level+1); err != nil {
				return err
			}
		}
	case *value.Object:
		if err := st.AllocateItems(4 * v.Len()); err != nil {
			return err
		}
		for _, field := range v.Written() {
			seen.Set(field.Key, true)
		}
	}
	return nil
}

// spread returns a list of objects with one field each.
func spread(st *value.State, v any, level int) (any, error) {
	switch v := v.(type) {
	case *value.Array:
		if err := st.Descend(level, len(v.Items)); err != nil {
			return nil, err
		}
		parts := make([]any, 0, len(v.Items))
		for _, item := range v.Items {
			part, err := spread(st, item, level+1)
			if err != nil {
				return nil, err
			}
			parts = append(parts, part)
		}
		return spreadList(st, parts)
	case *value.Object:
		result := value.NewSequence()
		fields, err := v.Fields(st)
		if err != nil {
			return nil, err
		}
		for _, field := range fields {
			if err := st.AllocateObject(1); err != nil {
				return nil, err
			}
			if err := st.AllocateItems(1); err != nil {
				return nil, err
			}
			o := value.NewObject(1)
			o.Set(field.Key, field.Value)
			result.Items = append(result.Items, o)
		}
		return result, nil
	}
	return v, nil
}

// spreadList joins the results of spread for the elements of a list.
func spreadList(st *value.State, parts []any) (any, error) {
	joined, err := value.Join(st, parts)
	if list, ok := joined.(*value.Array); ok && len(parts) > 0 {
		return value.NewList(list.Items), err
	}
	if joined == nil {
		return value.NewSequence(), err
	}
	return value.NewList([]any{joined}), err
}

func merge(st *value.State, args []any) (any, error) {
	var result *value.Object
	for _, item := range args[0].(*value.Array).Items {
		o, ok := item.(*value.Object)
		if !ok {
			return nil, fmt.Errorf("$merge merges objects, not %s", value.Describe(item))
		}
		var err error
		if result == nil {
			result, err = o.Extend(st)
		} else {
			err = result.Merge(st, o)
		}
		if err != nil {
			return nil, err
		}
	}
	if result == nil {
		return value.NewObject(0), nil
	}
	return result, nil
}

// clone returns a deep copy of an object or a list. As in the reference implementation, it
// copies the JSON: functions become "", and fractions are rounded to 15 digits.
func clone(st *value.State, v any, level int) (any, error) {
	switch v := v.(type) {
	case *value.Array:
		if v.Root {
			return clone(st, v.Items[0], level)
		}
		items, err := value.ConvertItems(st, v.Items, level, clone)
		if err != nil {
			return nil, err
		}
		return value.NewList(items), nil
	case *value.Object:
		return cloneObject(st, v, level)
	case value.Function:
		return "", nil
	case float64:
		return value.RoundTo15Digits(v), nil
	case nil:
		return value.Null, nil
	}
	return v, nil
}

func cloneObject(st *value.State, o *value.Object, level int) (any, error) {
	if err := st.Descend(level, o.Len()); err != nil {
		return nil, err
	}
	if err := st.AllocateObject(o.Len()); err != nil {
		return nil, err
	}
	result := value.NewObject(o.Len())
	for _, field := range o.Written() {
		copied, err := clone(st, field.Value, level+1)
		if err != nil {
			return nil, err
		}
		result.Set(field.Key, copied)
	}
	return result, nil
}
