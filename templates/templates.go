// Package templates holds the seven default templates, one a tracking, and the
// sample webhooks that they are tested with.
package templates

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

//go:embed *.jsonata
var sources embed.FS

// webhooks is a variable of its own, so that the linker leaves it out of the
// functions: they never call Samples.
//
//go:embed testdata/*/*.webhook.json
var webhooks embed.FS

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
}

// Samples returns all sample webhooks, sorted by name.
func Samples() []Sample {
	const suffix = ".webhook.json"
	paths, err := fs.Glob(webhooks, "testdata/*/*"+suffix)
	if err != nil {
		panic(err) // the pattern above is malformed
	}
	samples := make([]Sample, 0, len(paths))
	for _, path := range paths {
		body, err := webhooks.ReadFile(path)
		if err != nil {
			panic(err) // embedded, so it cannot be unreadable
		}
		name := strings.TrimSuffix(strings.TrimPrefix(path, "testdata/"), suffix)
		tracking, _, _ := strings.Cut(name, "/")
		samples = append(samples, Sample{Name: name, Tracking: tracking, Body: body})
	}
	slices.SortFunc(samples, func(a, b Sample) int { return strings.Compare(a.Name, b.Name) })
	return samples
}
