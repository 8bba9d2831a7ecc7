package value

// Appended appends as $append does: undefined adds nothing, a list its elements. What
// a loop appends to a list again and again is written behind the elements that are
// there, so that the loop takes time in proportion to what it appends.
func Appended(st *State, a, b any) (any, error) {
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
		if err := st.Collect(capacity); err != nil {
			return nil, err
		}
		list = &Array{Items: append(make([]any, 0, capacity), list.Items...)}
		room = &spare{}
	}
	if err := st.Collect(len(more)); err != nil {
		return nil, err
	}
	room.used = size
	return &Array{Items: append(list.Items, more...), room: room}, nil
}

// spare is the room behind the elements of a list, which is shared by the lists that
// begin alike. Only the longest of them may be extended in place: that with as many
// elements as are used.
type spare struct{ used int }

// JoinedText appends a text to another. What a loop appends to a long text again and
// again is written behind it, as with lists.
func (st *State) JoinedText(left, right string) (string, error) {
	const long = 1024
	if left == "" || right == "" {
		return left + right, nil
	}
	// Two texts with the same bytes at the same place are equal without a look at them.
	switch grown := st.text; {
	case grown != nil && grown.Len() == len(left) && grown.String() == left:
	case len(left) >= long && st.joined == left:
		st.text = &Builder{St: st}
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
