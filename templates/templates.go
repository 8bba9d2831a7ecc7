// Package templates holds the seven default templates, one a tracking, and the
// sample webhooks that they are tested with.
package templates

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

//go:embed *.jsonata
var sources embed.FS

// samples is a variable of its own, so that the linker leaves it out of the
// functions: they never call Samples.
//
//go:embed testdata/*/*.webhook.json testdata/*/*.commerce.json
var samples embed.FS

// Default returns the default template of a tracking, JSONata source. It panics
// for a name that is not in the catalogue: names of unknown origin go through
// tracking.ByName first.
func Default(name string) string {
	source, err := sources.ReadFile(name + ".jsonata")
	if err != nil {
		panic(fmt.Sprintf("there is no default template for a tracking %q: add templates/%s.jsonata", name, name))
	}
	return string(source)
}

// Sample is a webhook body to try a template with. People and shops in it are
// made up.
type Sample struct {
	// Name is the tracking and the case, "order-completed/registered-customer".
	Name string
	// Tracking is the tracking whose events it is an example of.
	Tracking string
	// Body is the webhook as Commerce would post it, JSON.
	Body []byte
	// Answers are what Commerce's API would answer to $commerce, JSON by the path.
	// There are none where a sample is of a store without credentials.
	Answers map[string]json.RawMessage
	// Currencies has the decimals of currencies in the settings of the sample's store,
	// by their codes. A bundled sample has none: its prices show them.
	Currencies map[string]int
}

// Commerce is the API of the sample's store, for template.WithCommerce: nothing is at
// any other path.
func (s Sample) Commerce(_ context.Context, path string) ([]byte, error) { return s.Answers[path], nil }

// Samples returns all sample webhooks, sorted by name.
func Samples() []Sample {
	const suffix = ".webhook.json"
	paths, err := fs.Glob(samples, "testdata/*/*"+suffix)
	if err != nil {
		panic(err) // the pattern above is malformed
	}
	all := make([]Sample, 0, len(paths))
	for _, path := range paths {
		body, err := samples.ReadFile(path)
		if err != nil {
			panic(err) // embedded, so it cannot be unreadable
		}
		name := strings.TrimSuffix(strings.TrimPrefix(path, "testdata/"), suffix)
		tracking, _, _ := strings.Cut(name, "/")
		all = append(all, Sample{Name: name, Tracking: tracking, Body: body, Answers: answersOf(name)})
	}
	slices.SortFunc(all, func(a, b Sample) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// answersOf reads the answers of the API for a sample; most samples have none.
func answersOf(name string) (answers map[string]json.RawMessage) {
	file := "testdata/" + name + ".commerce.json"
	text, err := samples.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(text, &answers)
	}
	if err != nil {
		panic(fmt.Sprintf("%s: %v", file, err)) // embedded, and so seen by every test
	}
	return answers
}
