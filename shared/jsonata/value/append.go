package value

import "slices"

// Append is $append. It adds nothing for undefined, and the elements of a list one by one.
// If a loop appends to the same list repeatedly, Append writes the new elements behind the
// existing ones without a copy. So the time of the loop is in proportion to what it appends.
func Append(st *State, a, b any) (any, error) {
	if a == nil {
		return b, nil
	}
	if b == nil {
		return a, nil
	}
	more := Elements(b)
	list, ok := a.(*Array)
	if !ok {
		list = NewList([]any{a})
	}
	size := len(list.Items) + len(more)
	room := list.room
	if room == nil || room.used != len(list.Items) || cap(list.Items) < size {
		capacity := size
		if room != nil { // the list has grown before, so it may grow again
			capacity = 2 * size
		}
		if err := st.AllocateItems(capacity); err != nil {
			return nil, err
		}
		list = &Array{Items: append(make([]any, 0, capacity), list.Items...)}
		room = &spareRoom{}
	}
	if err := st.AllocateItems(len(more)); err != nil {
		return nil, err
	}
	room.used = size
	return &Array{Items: append(list.Items, more...), room: room}, nil
}

// Extend returns an object with the same fields, to which Merge adds others. If a loop
// merges into an object repeatedly, the existing fields are not copied, as with Append.
func (o *Object) Extend(st *State) (*Object, error) {
	if o.room != nil {
		extended := *o
		return &extended, st.AllocateItems(3)
	}
	if err := st.AllocateItems(3 + 3*len(o.fields)); err != nil {
		return nil, err
	}
	extended := &Object{fields: o.fields, index: o.index, disordered: o.disordered, room: &spareRoom{}}
	extended.unshare()
	extended.room = &spareRoom{used: len(o.fields)}
	return extended, nil
}

// Merge sets the fields of another object in o, which must be an object that Extend
// returned.
func (o *Object) Merge(st *State, other *Object) error {
	if err := st.AllocateItems(3 * len(other.fields)); err != nil {
		return err
	}
	for _, f := range other.fields {
		if o.room != nil && (o.room.used != len(o.fields) || o.Has(f.Key)) {
			if err := st.AllocateItems(3 * len(o.fields)); err != nil {
				return err
			}
			o.unshare()
		}
		if o.room == nil {
			o.Set(f.Key, f.Value)
			continue
		}
		o.add(f.Key, f.Value)
		o.room.used++
	}
	return nil
}

// unshare copies the fields of the object if other objects may share them.
func (o *Object) unshare() {
	if o.room == nil {
		return
	}
	o.fields, o.index, o.room = slices.Clone(o.fields), nil, nil
	if len(o.fields) > fewFields {
		o.reindex()
	}
}

// spareRoom describes the unused capacity of a list or an object. Lists (or objects) that
// were made by appending to the same one share it. Only the longest of them, whose length
// equals used, may grow without a copy.
type spareRoom struct{ used int }

// ConcatText is the operator &. If a loop appends to a long text repeatedly, the text is
// not copied each time, as with Append.
func (st *State) ConcatText(left, right string) (string, error) {
	const long = 1024
	if left == "" || right == "" {
		return left + right, nil
	}
	// In such a loop, left has the same address as the text before. Go then compares the
	// two without reading their bytes.
	switch grown := st.text; {
	case grown != nil && grown.Len() == len(left) && grown.String() == left:
	case len(left) >= long && st.joined == left:
		st.text = &TextBuilder{State: st}
		if err := st.text.Write(left); err != nil {
			return "", err
		}
	default:
		if err := st.Allocate(len(left) + len(right)); err != nil {
			return "", err
		}
		text := left + right
		if len(text) >= long {
			st.joined = text
		}
		return text, nil
	}
	if err := st.text.Write(right); err != nil {
		return "", err
	}
	return st.text.String(), nil
}
