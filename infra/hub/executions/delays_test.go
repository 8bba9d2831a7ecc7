package executions

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// The sizes of delays must be fine enough for a median that people compare.
func TestPercentilesAreExactToAFewPercent(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var exact []Milliseconds
		counted := Delays{}
		for range 1 + random.IntN(500) {
			delay := Milliseconds(random.Int64N(1 << random.IntN(42)))
			exact = append(exact, delay)
			counted[sizeOf(delay)]++
		}
		slices.Sort(exact)
		for _, percent := range []int{50, 95} {
			want := exact[(len(exact)*percent+99)/100-1]
			if got := counted.percentile(percent); got < want || float64(got) > float64(want)*1.032 {
				t.Fatalf("%d %% of %d delays are within %d ms, but it says %d", percent, len(exact), int64(want), int64(got))
			}
		}
	}
}
