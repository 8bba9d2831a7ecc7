package value

import "slices"

// Append is $append: it adds nothing for undefined, and the elements of a list. When a
// loop appends to a list repeatedly, the new elements are written after the ones in
// place, so the loop takes time in proportion to what it appends.
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
		if room != nil { // it grows, and so it may grow again
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

// Extend returns an object with the same fields, for Merge. When a loop merges into an
// object repeatedly, the new fields are written after the ones in place, as with Append.
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

// Merge sets the fields of another object. The object is one that Extend returned.
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

// unshare gives the object fields of its own if they may be shared.
func (o *Object) unshare() {
	if o.room == nil {
		return
	}
	o.fields, o.index, o.room = slices.Clone(o.fields), nil, nil
	if len(o.fields) > fewFields {
		o.reindex()
	}
}

// spareRoom is the unused capacity of a list or an object. Those with the same beginning
// share it. Only the longest of them may grow in place: the one with as many elements as
// are used.
type spareRoom struct{ used int }

// ConcatText is the operator &. When a loop appends to a long text repeatedly, it
// appends in place, as Append does.
func (st *State) ConcatText(left, right string) (string, error) {
	const long = 1024
	if left == "" || right == "" {
		return left + right, nil
	}
	// Two texts with the same bytes at the same place are equal without a look at them.
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
