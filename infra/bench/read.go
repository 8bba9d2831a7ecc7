package main

import (
	"bufio"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// results are the figures of every benchmark, with the names in their order.
type results struct {
	names   []string
	figures map[string]figures
}

// parts are what follows a benchmark's name in the names of its parts: "" for one
// that has no parts, otherwise for example "/lines=1".
func (r *results) parts(benchmark string) []string {
	var parts []string
	for _, name := range r.names {
		if part := strings.TrimPrefix(name, benchmark); strings.HasPrefix(name, benchmark) && (part == "" || part[0] == '/') {
			parts = append(parts, part)
		}
	}
	return parts
}

// read reads the output of go test -bench. Its error repeats what a test that failed
// has to say.
func read(in io.Reader) (results, error) {
	all := results{figures: map[string]figures{}}
	var failed []string
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		line := lines.Text()
		if name, its, ok := parse(line); ok {
			all.add(name, its)
		} else if strings.Contains(line, "FAIL") || len(failed) > 0 {
			failed = append(failed, line)
		}
	}
	switch {
	case lines.Err() != nil:
		return results{}, lines.Err()
	case len(failed) > 0:
		return results{}, errors.New(strings.Join(failed, "\n"))
	case len(all.names) == 0:
		return results{}, errors.New("there are no benchmarks on the input: pipe the output of go test -bench into it")
	}
	return all, nil
}

func (r *results) add(name string, its figures) {
	best, again := r.figures[name]
	if !again {
		r.names = append(r.names, name)
	}
	if !again || its["ns/op"] < best["ns/op"] {
		r.figures[name] = its
	}
}

// processors are at the end of a benchmark's name, unless there is only one.
var processors = regexp.MustCompile(`-[0-9]+$`)

// parse reads a line such as "BenchmarkAccept/lines=1-2  9630  114808 ns/op  65 allocs/op".
func parse(line string) (name string, its figures, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
		return "", nil, false
	}
	name = processors.ReplaceAllString(strings.TrimPrefix(fields[0], "Benchmark"), "")
	its = figures{}
	for pair := range slices.Chunk(fields[2:], 2) {
		value, err := strconv.ParseFloat(pair[0], 64)
		if err != nil || len(pair) != 2 {
			return "", nil, false
		}
		its[pair[1]] = value
	}
	return name, its, true
}
