package main

import (
	"strings"
	"testing"
)

const printed = `goos: linux
BenchmarkAccept/lines=1-2         	   10000	    113613 ns/op	  16.84 MB/s	    9075 B/op	      65 allocs/op
BenchmarkAccept/lines=1-2         	   10000	     60000 ns/op	  16.84 MB/s	    9000 B/op	      64 allocs/op
BenchmarkPack/lines=1-2           	   10000	     80000 ns/op
BenchmarkPack/lines=1-2           	   10000	     50000 ns/op
BenchmarkDeliver/messages=10      	    1000	   2234657 ns/op	         1.000 connections
PASS
`

func TestTheTablePutsEachFigureBesideItsBaseline(t *testing.T) {
	var out strings.Builder
	if err := run(strings.NewReader(printed), &out); err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for line := range strings.Lines(out.String()) {
		rows = append(rows, strings.Fields(line))
	}
	for i, want := range []string{
		"time baseline ratio bytes allocations connections",
		"Accept/lines=1 60µs 50µs 1.20 9000 64",
		"Deliver/messages=10 2.23ms 1",
	} {
		if got := strings.Join(rows[i], " "); got != want {
			t.Errorf("row %d: got %q, want %q", i, got, want)
		}
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
