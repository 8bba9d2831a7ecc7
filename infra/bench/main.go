// Command bench reads the output of `go test -bench` and prints tables. Each figure is next
// to its baseline from the same run. If there are several runs, bench takes the fastest,
// because other programs on the machine can only make a run slower.
package main

import (
	"fmt"
	"io"
	"log"
	"os"
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

func run(in io.Reader, out io.Writer) error {
	all, err := read(in)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	writeCosts(table, all)
	writeGrowth(table, all)
	writeLanguages(table, all)
	return table.Flush()
}

// comparison is a benchmark and the one that is its baseline.
type comparison struct {
	name, baseline string
	what           string // describes what is measured and what the baseline is
}

var comparisons = []comparison{
	{"Accept", "Pack", "from a request to its 202, to gzip, base64 and SHA-256 of the body"},
	{"ReadEvent", "UnmarshalEvent", "Lambda's event with a webhook in it, to encoding/json and the types of aws-lambda-go"},
	{"Journey", "Floor", "from a webhook's bytes to Segment's, to json.Unmarshal of the body"},
	{"Read", "Unmarshal", "reading JSON for a template, to json.Unmarshal of the same JSON"},
	{"Deliver", "Post", "a batch for Segment, to a bare net/http post of the same bytes"},
	{"ColdStart", "EmptyStart", "from the start of a function's process to its answer, to one that does nothing"},
}

// writeCosts writes the costs of the parts of an event's journey.
func writeCosts(out io.Writer, all results) {
	fmt.Fprintln(out, "\ttime\tbaseline\tratio\tbytes\tallocations\tconnections\t")
	for _, c := range comparisons {
		for _, part := range all.parts(c.name) {
			its, baseline := all.figures[c.name+part], all.figures[c.baseline+part]
			fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", c.name+part, its.time(), baseline.time(), ratio(its, baseline),
				its.count("B/op"), its.count("allocs/op"), its.count("connections"))
		}
	}
	for _, c := range comparisons {
		fmt.Fprintf(out, "%s: %s\n", c.name, c.what)
	}
}

// few and many are the numbers of lines for which writeGrowth compares the time for each line.
const few, many = 1_000, 100_000

// writeGrowth writes how the time of a program grows with its input.
func writeGrowth(out io.Writer, all results) {
	if len(all.parts("Growing")) == 0 {
		return
	}
	fmt.Fprintf(out, "\ntime for each of\t%d lines\t%d lines\tratio\t\n", few, many)
	for _, part := range all.parts("Growing") {
		name, ok := strings.CutSuffix(part, fmt.Sprintf("/%d", few))
		if !ok {
			continue
		}
		a, b := all.figures["Growing"+part].each(few), all.figures[fmt.Sprintf("Growing%s/%d", name, many)].each(many)
		if b == nil {
			fmt.Fprintf(out, "%s\t%s\tover the limits\t\t\n", label(name), a.time())
			continue
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t\n", label(name), a.time(), b.time(), ratio(b, a))
	}
}

// languages are the other implementations of JSONata, by their benchmarks.
var languages = []struct{ benchmark, name, missing string }{
	{"Reference", "jsonata-js", "it needs Node.js with npm"},
	{"Blues", "blues", "its benchmark has not run"},
}

// writeLanguages writes how long each implementation of JSONata takes for the same templates.
func writeLanguages(out io.Writer, all results) {
	if len(all.parts("JSONata")) == 0 {
		return
	}
	fmt.Fprint(out, "\nthe same JSONata\tthis program\t")
	for _, language := range languages {
		fmt.Fprintf(out, "%s\tratio\t", language.name)
	}
	fmt.Fprintln(out)
	for _, part := range all.parts("JSONata") {
		its := all.figures["JSONata"+part]
		fmt.Fprintf(out, "%s\t%s\t", label(part), its.time())
		for _, language := range languages {
			theirs := all.figures[language.benchmark+part]
			fmt.Fprintf(out, "%s\t%s\t", theirs.time(), ratio(theirs, its))
		}
		fmt.Fprintln(out)
	}
	for _, language := range languages {
		if len(all.parts(language.benchmark)) == 0 {
			fmt.Fprintf(out, "%s: not measured, %s\n", language.name, language.missing)
		}
	}
	fmt.Fprintln(out, "default template: that of Order Completed, from the JSON of the webhook to the JSON of the message. blues cannot run it.\n"+
		"plain template: of the same size, in the part of the language in which all three have the same results.\n"+
		"The others are evaluated on an input that is already parsed. If blues has no time, its result differs or it returns an error.")
}

// label returns the name of a part of a benchmark, with spaces.
func label(part string) string {
	return strings.ReplaceAll(strings.TrimPrefix(part, "/"), "_", " ")
}

// figures maps units to the figures of a benchmark. It is nil for a benchmark that was not run.
type figures map[string]float64

// ratio returns the time of a benchmark divided by that of its baseline. It is empty if one of
// them is missing.
func ratio(its, baseline figures) string {
	if its["ns/op"] == 0 || baseline["ns/op"] == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", its["ns/op"]/baseline["ns/op"])
}

// each returns the time for each of n parts of a benchmark.
func (f figures) each(n float64) figures {
	if f == nil {
		return nil
	}
	return figures{"ns/op": f["ns/op"] / n}
}

func (f figures) time() string {
	ns, known := f["ns/op"]
	if !known {
		return ""
	}
	d := time.Duration(ns)
	switch {
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case d >= 10*time.Microsecond:
		return d.Round(100 * time.Nanosecond).String()
	default:
		return d.String()
	}
}

func (f figures) count(unit string) string {
	n, known := f[unit]
	if !known {
		return ""
	}
	return strconv.FormatFloat(n, 'f', 0, 64)
}
