package value

import "hash/maphash"

// hashSeed differs between processes. So an attacker cannot prepare an input in which many
// values have the same hash.
var hashSeed = maphash.MakeSeed()

// Hash returns the same number for equal values, and different numbers for most others.
func Hash(st *State, v any) (uint64, error) { return hashAt(st, v, 0) }

func hashAt(st *State, v any, level int) (uint64, error) {
	if f, ok := Number(v); ok {
		return maphash.Comparable(hashSeed, f+0), st.Spend(1)
	}
	switch v := v.(type) {
	case string:
		if err := st.Spend(1 + len(v)/64); err != nil {
			return 0, err
		}
		return maphash.String(hashSeed, v), nil
	case bool:
		return maphash.Comparable(hashSeed, v), st.Spend(1)
	case *Array:
		if err := st.Descend(level, len(v.Items)); err != nil {
			return 0, err
		}
		all := maphash.Comparable(hashSeed, len(v.Items))
		for _, item := range v.Items {
			hash, err := hashAt(st, item, level+1)
			if err != nil {
				return 0, err
			}
			all = maphash.Comparable(hashSeed, [2]uint64{all, hash})
		}
		return all, nil
	case *Object:
		if err := st.Descend(level, v.Len()); err != nil {
			return 0, err
		}
		all := uint64(v.Len()) // the order of the fields does not matter
		for _, f := range v.fields {
			hash, err := hashAt(st, f.Value, level+1)
			if err != nil {
				return 0, err
			}
			all += maphash.Comparable(hashSeed, [2]uint64{maphash.String(hashSeed, f.Key), hash})
		}
		return all, nil
	}
	return uint64(TypeLetter(v)), st.Spend(1)
}
