package relay

import (
	"sync"

	"commerce-segment/shared/template"
)

// templateCache keeps the last compiled template until its source changes. It also keeps
// the error of a source that does not compile: a broken template must not be compiled
// again for each event.
type templateCache struct {
	mu       sync.Mutex
	compiled bool
	source   string
	template *template.Template
	err      error
}

func (c *templateCache) compile(name, source string) (*template.Template, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.compiled || c.source != source {
		c.template, c.err = template.Compile(name, source)
		c.source, c.compiled = source, true
	}
	return c.template, c.err
}
