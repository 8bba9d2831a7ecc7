package main

import (
	"slices"
	"strings"
	"testing"
)

const printed = `goos: linux
BenchmarkAccept/lines=1-2         	   10000	    113613 ns/op	  16.84 MB/s	    9075 B/op	      65 allocs/op
BenchmarkAccept/lines=1-2         	   10000	     60000 ns/op	  16.84 MB/s	    9000 B/op	      64 allocs/op
BenchmarkPack/lines=1-2           	   10000	     80000 ns/op
BenchmarkPack/lines=1-2           	   10000	     50000 ns/op
BenchmarkDeliver/messages=10      	    1000	   2234657 ns/op	         1.000 connections
BenchmarkGrowing/$keys/1000-2     	      50	   1000000 ns/op
BenchmarkGrowing/$merge_of_two/1000-2  	      50	   9000000 ns/op
BenchmarkGrowing/$keys/100000-2   	       1	 110000000 ns/op
BenchmarkJSONata/regex-filter-2   	    1000	    200000 ns/op	     100 B/op
BenchmarkJSONata/a_name-2         	    1000	      2000 ns/op	     100 B/op
BenchmarkBlues/a_name-2           	    1000	      5000 ns/op	     100 B/op
PASS
`

// table gives the lines that are made of what go test printed, with their cells one
// space apart.
func table(t *testing.T, printed string) []string {
	t.Helper()
	var out strings.Builder
	if err := run(strings.NewReader(printed), &out); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(out.String()) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return lines
}

func TestEachFigureStandsNextToItsBaseline(t *testing.T) {
	lines := table(t, printed)
	for _, want := range []string{
		"time baseline ratio bytes allocations connections",
		"Accept/lines=1 60µs 50µs 1.20 9000 64",
		"Deliver/messages=10 2.23ms 1",
		"time for each of 1000 lines 100000 lines ratio",
		"$keys 1µs 1.1µs 1.10",
		"$merge of two 9µs over the limits",
		"the same JSONata this program jsonata-js ratio blues ratio",
		"regex-filter 200µs",
		"a name 2µs 5µs 2.50",
		"jsonata-js: not measured, it needs Node.js with npm",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("there is no line %q in\n%s", want, strings.Join(lines, "\n"))
		}
	}
}

func TestALanguageThatIsMeasuredIsNotMissing(t *testing.T) {
	lines := table(t, printed+"BenchmarkReference/a_name-2  10  20000 ns/op\n")
	if !slices.Contains(lines, "a name 2µs 20µs 10.00 5µs 2.50") || strings.Contains(strings.Join(lines, "\n"), "not measured") {
		t.Errorf("got\n%s", strings.Join(lines, "\n"))
	}
}

func TestNothingIsReportedOfARunThatFailed(t *testing.T) {
	for name, test := range map[string]struct{ printed, want string }{
		"a benchmark failed": {printed + "--- FAIL: BenchmarkJourney\n    bench_test.go:1: it was not delivered\n", "it was not delivered"},
		"there is nothing":   {"PASS\n", "no benchmarks"},
	} {
		var out strings.Builder
		err := run(strings.NewReader(test.printed), &out)
		if err == nil || !strings.Contains(err.Error(), test.want) || out.Len() > 0 {
			t.Errorf("%s: got error %v and %q", name, err, out.String())
		}
	}
}
