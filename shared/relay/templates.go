package relay

import (
	"sync"

	"commerce-segment/shared/template"
)

// templates keeps the last template that was compiled, for as long as its source
// stays the same. A source that does not compile is remembered as well: a broken
// template must not cost a compilation an event.
type templates struct {
	mu       sync.Mutex
	compiled bool
	source   string
	template *template.Template
	err      error
}

func (t *templates) compile(name, source string) (*template.Template, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.compiled || t.source != source {
		t.template, t.err = template.Compile(name, source)
		t.source, t.compiled = source, true
	}
	return t.template, t.err
}
