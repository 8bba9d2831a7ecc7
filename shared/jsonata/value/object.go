package value

import (
	"cmp"
	"math"
	"slices"
	"strconv"
)

// Object is a JSON object. Its fields are in the order in which they were written.
type Object struct {
	fields []Field
	// index maps the keys to the positions of the fields, if there are many fields.
	index map[string]int
	// disordered is set if keys look like list indexes, which JavaScript puts first: see
	// Fields.
	disordered bool
	// room is set while the fields may be shared: see Extend.
	room *spareRoom
}

// Field is a field of an object.
type Field struct {
	Key   string
	Value any
}

// fewFields is the largest number of fields for which an object needs no index.
const fewFields = 12

// NewObject returns an object without fields that has room for size fields.
func NewObject(size int) *Object { return &Object{fields: make([]Field, 0, size)} }

// Len returns the number of fields.
func (o *Object) Len() int { return len(o.fields) }

// place returns the position of a field, or -1 if the object does not have it.
func (o *Object) place(key string) int {
	if o.index != nil {
		if i, ok := o.index[key]; ok && i < len(o.fields) {
			return i
		}
		return -1
	}
	for i := range o.fields {
		if o.fields[i].Key == key {
			return i
		}
	}
	return -1
}

// Get returns the value of a field, or nil if the object does not have it.
func (o *Object) Get(key string) any {
	if i := o.place(key); i >= 0 {
		return o.fields[i].Value
	}
	return nil
}

// Has reports whether the object has the field.
func (o *Object) Has(key string) bool { return o.place(key) >= 0 }

// Set changes the value of a field, or adds it at the end.
func (o *Object) Set(key string, v any) {
	o.unshare()
	if i := o.place(key); i >= 0 {
		o.fields[i].Value = v
		return
	}
	o.add(key, v)
}

// add adds a field that the object does not have yet.
func (o *Object) add(key string, v any) {
	if n := listIndex(key); n != notIndex && len(o.fields) > 0 {
		o.disordered = o.disordered || listIndex(o.fields[len(o.fields)-1].Key) > n
	}
	if o.index != nil {
		o.index[key] = len(o.fields)
	}
	o.fields = append(o.fields, Field{key, v})
	if o.index == nil && len(o.fields) > fewFields {
		o.reindex()
	}
}

func (o *Object) reindex() {
	o.index = make(map[string]int, 2*len(o.fields))
	for i, f := range o.fields {
		o.index[f.Key] = i
	}
}

// Remove removes fields.
func (o *Object) Remove(keys []string) {
	o.unshare()
	before := len(o.fields)
	unwanted := make(map[string]bool, len(keys))
	for _, key := range keys {
		unwanted[key] = true
	}
	o.fields = slices.DeleteFunc(o.fields, func(f Field) bool { return unwanted[f.Key] })
	if o.index != nil && len(o.fields) < before {
		o.reindex()
	}
}

// Fields returns the fields in the order of JavaScript, which the reference implementation
// has: first the keys that look like list indexes, by their value, then the others in the
// order in which they were written. The caller must not change the result.
func (o *Object) Fields(st *State) ([]Field, error) {
	if !o.disordered {
		return o.fields, nil
	}
	if err := st.AllocateItems(len(o.fields)); err != nil {
		return nil, err
	}
	if err := st.Spend(16 * len(o.fields)); err != nil { // to sort them
		return nil, err
	}
	sorted := slices.Clone(o.fields)
	slices.SortStableFunc(sorted, func(a, b Field) int { return cmp.Compare(listIndex(a.Key), listIndex(b.Key)) })
	return sorted, nil
}

// Written returns the fields in the order in which they were written. The caller must not
// change the result.
func (o *Object) Written() []Field { return o.fields }

// notIndex is the result of listIndex for a key that is not an index.
const notIndex = math.MaxUint32

// listIndex returns the value of a key that JavaScript treats as an index: a whole number
// below 2^32-1 in its shortest form.
func listIndex(key string) uint64 {
	if key == "" || len(key) > 10 || key[0] < '0' || key[0] > '9' || (key[0] == '0' && len(key) > 1) {
		return notIndex
	}
	n, err := strconv.ParseUint(key, 10, 64)
	if err != nil {
		return notIndex
	}
	return min(n, notIndex)
}
