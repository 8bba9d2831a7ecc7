// Package templates holds the default templates, one a tracking, and the sample webhooks that
// they are tested with.
package templates

import (
	"embed"
	"fmt"
)

//go:embed *.jsonata
var sources embed.FS

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
