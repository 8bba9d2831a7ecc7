package jsonata

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"commerce-segment/infra/reference"
)

var (
	referenceSeed = flag.Uint64("reference-seed", 1, "compare the random templates from this seed on")
	referenceAll  = flag.Bool("reference-all", false, "list every difference instead of the first 20")
)

// TestRandomTemplatesHaveTheResultsOfTheReference compares random templates on random
// inputs with the reference implementation of JSONata. A seed makes one template and
// one input, always the same.
func TestRandomTemplatesHaveTheResultsOfTheReference(t *testing.T) {
	compareWithReference(t, *referenceSeed, 3_000)
}

func TestAtScaleRandomTemplatesHaveTheResultsOfTheReference(t *testing.T) {
	compareWithReference(t, *referenceSeed+3_000, 1_000**scale)
}

func compareWithReference(t *testing.T, first uint64, templates int) {
	r := reference.Start(t)
	counts := map[string]int{}
	differences := 0
	for seed := first; seed < first+uint64(templates); seed++ {
		source, input := randomTemplate(seed)
		theirs, err := r.Ask(source, input)
		if err != nil {
			t.Fatalf("seed %d: the reference does not answer for %s on %s: %v", seed, source, input, err)
		}
		kind, difference := compare(source, input, theirs)
		counts[kind]++
		if difference == "" {
			continue
		}
		t.Errorf("seed %d: %s\n  template %s\n  input    %s\n%s", seed, kind, source, input, difference)
		if differences++; differences == 20 && !*referenceAll {
			t.Fatal("too many differences to go on")
		}
	}
	kinds := make([]string, 0, len(counts))
	for kind := range counts {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	for _, kind := range kinds {
		t.Logf("%8d %s", counts[kind], kind)
	}
}

// compare evaluates a template and compares the result with that of the reference. kind
// names the outcome. difference describes a difference that is a fault, and is otherwise
// empty.
func compare(source, input string, theirs reference.Answer) (kind, difference string) {
	ours, err := evaluateRandom(source, input)
	both := fmt.Sprintf("  ours     %s, %v\n  theirs   %s", ours, err, theirs)
	switch {
	case err != nil && strings.HasPrefix(err.Error(), "it cannot be"): // a panic
		return "ours panics", both
	case err != nil && theirs.Error != "":
		return "both refuse", ""
	case err != nil && theirs.Unfit != "":
		return "ours refuses what JSON cannot hold", ""
	case err != nil:
		if kind := unsupportedKind(err); kind != "" {
			return "ours refuses: " + kind, ""
		}
		return "ours refuses", both
	case theirs.Error != "":
		if kind := lenient[theirs.Error]; kind != "" {
			return "the reference refuses: " + kind, ""
		}
		return "the reference refuses with " + theirs.Error, both
	case theirs.Unfit != "":
		return "the reference gives " + theirs.Unfit, both
	case !sameResult(ours, theirs.Value):
		return "the results differ", both
	}
	if ours == nil {
		return "both give undefined", ""
	}
	return "both give the same", ""
}

// evaluateRandom returns the result of a template as JSON, or nil if it is undefined.
func evaluateRandom(source, input string) (result []byte, err error) {
	tmpl, err := compileTest(source)
	if err != nil {
		return nil, err
	}
	return tmpl.eval(context.Background(), input, nil)
}

// sameResult compares JSON, including the order of the fields of objects. Numbers may differ
// in their last digit, because the results of Math.pow and math.Pow do.
func sameResult(ours, theirs []byte) bool {
	if ours == nil || theirs == nil {
		return ours == nil && theirs == nil
	}
	a, b := json.NewDecoder(bytes.NewReader(ours)), json.NewDecoder(bytes.NewReader(theirs))
	for {
		x, errX := a.Token()
		y, errY := b.Token()
		if errX != nil || errY != nil {
			return errors.Is(errX, io.EOF) && errors.Is(errY, io.EOF)
		}
		m, isNumber := x.(float64)
		n, alsoNumber := y.(float64)
		if isNumber && alsoNumber {
			if math.Abs(m-n) > 1e-15*math.Abs(n) {
				return false
			}
		} else if x != y {
			return false
		}
	}
}

// unsupported has the kinds of templates that the reference evaluates and this package does
// not support, with a part of the error of each. templates/LANGUAGE.md lists them.
var unsupported = []struct{ kind, says string }{
	{"$eval", "$eval is not supported"},
	{"an assignment in a part that is not a block", "cannot stand directly within"},
	{"% that reaches out of a group, a function or a transformation, or alone as a predicate", "% cannot"},
	{"% that reaches out of a group, a function or a transformation, or alone as a predicate", "a predicate cannot be % alone"},
	{"% that has no parent", "% has no parent here"},
	{"a predicate or a group after ~> f(…)", "after ~> f(…) would be ignored"},
	{"a predicate, a group or % after the sort of a path with @, # or %", "cannot follow the sort"},
	{"@$v after a predicate, a sort or a group", "must stand before"},
	{"@$v without a step after it", "must be followed by a step"},
	{"@ and # of a list at the start of a path", "@ and # cannot follow a list"},
	{"a group in the middle of a path", "cannot stand in the middle of a path"},
	{"a predicate, a sort or a second group after a group", "cannot follow a group"},
	{"a predicate, a sort or a second group after a group", "can have only one group"},
	{"* in a list at the start of a path", "* cannot stand within a list"},
	{"a list at the start of a path of which a predicate takes a text or null", "a path cannot go on from that"},
	{"the same key twice", "stands twice"},
	{"a long key", "the key of an object has more than"},
	{"no finite number", "no finite number"},
	{"a function in the result", "the result contains a function"},
	{"a partial application of a built-in to another kind of value", "which is applied partially, cannot be"},
	{"a partial application of a built-in to another kind of value", "cannot be applied partially"},
	{"a transformation of a list of lists", "a transformation |…| can change objects only"},
	{"$round to a fraction of a place", "the precision of $round must be a whole number"},
	{"an option that $formatNumber does not know", "$formatNumber does not know the option"},
	{"$parseInteger of a text that is not as the picture says", "the text is not a whole number of the form"},
	{"$sift without a function", "$sift needs a function"},
	{"something that is no text as what $replace puts in place of a text", "$replace needs a string to put in"},
	{"a time zone that is not +hhmm", "the time zone must have the form"},
}

func unsupportedKind(err error) string {
	for _, r := range unsupported {
		if strings.Contains(err.Error(), r.says) {
			return r.kind
		}
	}
	return ""
}

// lenient has the errors of the reference that this package does not return. They are faults
// of the reference: the templates are valid.
var lenient = map[string]string{
	"func.apply is not a function":                                 "a built-in as the argument of a call that ends a function",
	"comp is not a function":                                       "a built-in as the argument of a call that ends a function",
	"input.map is not a function":                                  "# or % after a list at the start of a path of which a predicate takes no list",
	"Cannot set properties of undefined (setting 'keepSingleton')": "[] on a path that a list starts and that gives nothing",
	"S0302": "a division after a sort ^(…), which it reads as a regular expression",
}
