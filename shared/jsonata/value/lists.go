package value

// Join concatenates values: it adds nothing for undefined and the elements of a list. A
// single value stays itself.
func Join(st *State, items []any) (any, error) {
	var only any
	some, size := 0, 0
	for _, item := range items {
		if item != nil {
			only, some, size = item, some+1, size+len(Elements(item))
		}
	}
	if some <= 1 {
		return only, nil
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
