// Command bench makes a table of what `go test -bench` prints on its input, each
// figure beside its baseline of the same run: what the same work costs at the least.
// Of several runs it takes the fastest, since other programs can only slow one down.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	log.SetFlags(0)
	if err := run(os.Stdin, os.Stdout); err != nil {
		log.Fatal("bench: ", err)
	}
}

// comparison is a benchmark and the one that is its baseline.
type comparison struct {
	name, baseline string
	what           string // is measured, and what the baseline is
}

var comparisons = []comparison{
	{"Accept", "Pack", "from a request to its 202, to gzip, base64 and SHA-256 of the body"},
	{"Journey", "Floor", "from a webhook's bytes to Segment's, to json.Unmarshal of the body"},
	{"Deliver", "Post", "a batch for Segment, to a bare net/http post of the same bytes"},
	{"ColdStart", "EmptyStart", "from the start of a function's process to its answer, to one that does nothing"},
}

func run(in io.Reader, out io.Writer) error {
	all, err := read(in)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\ttime\tbaseline\tratio\tbytes\tallocations\tconnections\t")
	for _, c := range comparisons {
		for _, name := range all.names {
			if base, _, _ := strings.Cut(name, "/"); base == c.name {
				writeRow(table, name, all.figures[name], all.figures[c.baseline+strings.TrimPrefix(name, c.name)])
			}
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, c := range comparisons {
		fmt.Fprintf(out, "%s: %s\n", c.name, c.what)
	}
	return nil
}

// writeRow writes what one benchmark came to. A figure that it does not report stays
// empty.
func writeRow(out io.Writer, name string, its, baseline figures) {
	ratio := ""
	if baseline["ns/op"] > 0 {
		ratio = fmt.Sprintf("%.2f", its["ns/op"]/baseline["ns/op"])
	}
	fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", name, its.time(), baseline.time(), ratio,
		its.count("B/op"), its.count("allocs/op"), its.count("connections"))
}

// figures are what a benchmark reports, by unit.
type figures map[string]float64

func (f figures) time() string {
	ns, known := f["ns/op"]
	if !known {
		return ""
	}
	d := time.Duration(ns)
	switch {
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	default:
		return d.Round(100 * time.Nanosecond).String()
	}
}

func (f figures) count(unit string) string {
	n, known := f[unit]
	if !known {
		return ""
	}
	return strconv.FormatFloat(n, 'f', 0, 64)
}

// results are the figures of every benchmark, with the names in their order.
type results struct {
	names   []string
	figures map[string]figures
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

// parse reads a line such as "BenchmarkAccept/lines=1-2  9630  114808 ns/op  65 allocs/op".
func parse(line string) (name string, its figures, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
		return "", nil, false
	}
	name = strings.TrimPrefix(fields[0], "Benchmark")
	if cut := strings.LastIndexByte(name, '-'); cut > 0 { // the number of processors
		name = name[:cut]
	}
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
