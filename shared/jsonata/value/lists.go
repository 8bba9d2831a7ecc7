package value

// Join concatenates values. It adds nothing for undefined, and the elements of a list one
// by one. The result of a single value is that value. The result may share items with its
// input, so the caller must not change them.
func Join(st *State, items []any) (any, error) {
	var only any
	some, size, flat := 0, 0, true
	for _, item := range items {
		if list, ok := item.(*Array); ok {
			only, some, size, flat = item, some+1, size+len(list.Items), false
		} else if item != nil {
			only, some, size = item, some+1, size+1
		}
	}
	if some <= 1 {
		return only, nil
	}
	if flat && some == len(items) {
		if err := st.Spend(size); err != nil {
			return nil, err
		}
		return NewList(items[:size:size]), st.AllocateItems(2)
	}
	if err := st.AllocateItems(size); err != nil {
		return nil, err
	}
	all := make([]any, 0, size)
	for _, item := range items {
		if item != nil {
			all = append(all, Elements(item)...)
		}
	}
	return NewList(all), nil
}

// Lookup returns the field of an object, or of the objects in a list.
func Lookup(st *State, v any, name string) (any, error) { return lookupAt(st, v, name, 0) }

func lookupAt(st *State, v any, name string, level int) (any, error) {
	switch v := v.(type) {
	case *Object:
		return v.Get(name), nil
	case *Array:
		if err := st.Descend(level, len(v.Items)); err != nil {
			return nil, err
		}
		result := NewSequence()
		for _, item := range v.Items {
			found, err := lookupAt(st, item, name, level+1)
			if err != nil {
				return nil, err
			}
			if found == nil {
				continue
			}
			more := Elements(found)
			if err := st.AllocateItems(len(more)); err != nil {
				return nil, err
			}
			result.Items = append(result.Items, more...)
		}
		return result, nil
	}
	return nil, nil
}
