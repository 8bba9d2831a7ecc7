package executions

import (
	"maps"
	"math/bits"
	"slices"
)

// Delays counts delays by their size. Each size is a range of delays, whose ends differ by
// less than 3.2 %.
type Delays map[int]int

// sizesInOctave is how many sizes there are from a delay to twice that delay.
const sizesInOctave = 32

// sizeOf returns the size of a delay.
func sizeOf(d Milliseconds) int {
	n := uint64(max(d, 0))
	if n < sizesInOctave {
		return int(n)
	}
	shift := bits.Len64(n/sizesInOctave) - 1
	return shift*sizesInOctave + int(n>>shift)
}

// longest returns the longest delay of a size.
func longest(size int) Milliseconds {
	if size < sizesInOctave {
		return Milliseconds(size)
	}
	shift := size/sizesInOctave - 1
	return Milliseconds(size%sizesInOctave+sizesInOctave+1)<<shift - 1
}

// Add counts delays of others.
func (d Delays) Add(others Delays) {
	for size, n := range others {
		d[size] += n
	}
}

// Len returns the number of delays.
func (d Delays) Len() (n int) {
	for _, of := range d {
		n += of
	}
	return n
}

// percentile returns the delay that this percentage of the delays does not exceed; 0 if
// there are none.
func (d Delays) percentile(percent int) Milliseconds {
	left := (d.Len()*percent + 99) / 100
	for _, size := range slices.Sorted(maps.Keys(d)) {
		if left -= d[size]; left <= 0 {
			return longest(size)
		}
	}
	return 0
}
