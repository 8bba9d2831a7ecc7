package template

// appended appends as $append does: undefined adds nothing, a list its elements. What
// a loop appends to a list again and again is written behind the elements that are
// there, so that the loop takes time in proportion to what it appends.
func appended(st *state, a, b any) (any, error) {
	if a == nil {
		return b, nil
	}
	if b == nil {
		return a, nil
	}
	more := elements(b)
	list, ok := a.(*array)
	if !ok {
		list = newList([]any{a})
	}
	size := len(list.items) + len(more)
	room := list.room
	if room == nil || room.used != len(list.items) || cap(list.items) < size {
		capacity := size
		if room != nil { // it grows, and so it may grow again
			capacity = 2 * size
		}
		if err := st.collect(capacity); err != nil {
			return nil, err
		}
		list = &array{items: append(make([]any, 0, capacity), list.items...)}
		room = &spare{}
	}
	if err := st.collect(len(more)); err != nil {
		return nil, err
	}
	room.used = size
	return &array{items: append(list.items, more...), room: room}, nil
}

// spare is the room behind the elements of a list, which is shared by the lists that
// begin alike. Only the longest of them may be extended in place: that with as many
// elements as are used.
type spare struct{ used int }

// joinedText appends a text to another. What a loop appends to a long text again and
// again is written behind it, as with lists.
func (st *state) joinedText(left, right string) (string, error) {
	const long = 1024
	if left == "" || right == "" {
		return left + right, nil
	}
	// Two texts with the same bytes at the same place are equal without a look at them.
	switch grown := st.text; {
	case grown != nil && grown.Len() == len(left) && grown.String() == left:
	case len(left) >= long && st.joined == left:
		st.text = &builder{st: st}
		if err := st.text.write(left); err != nil {
			return "", err
		}
	default:
		if err := st.allocate(len(left) + len(right)); err != nil {
			return "", err
		}
		text := left + right
		if len(text) >= long {
			st.joined = text
		}
		return text, nil
	}
	if err := st.text.write(right); err != nil {
		return "", err
	}
	return st.text.String(), nil
}
