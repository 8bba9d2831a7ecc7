package relay

import "testing"

// Compiling takes longer than everything else in the delivery of an event. A running
// function compiles a template once, and a broken template also once.
func TestATemplateIsCompiledOncePerSource(t *testing.T) {
	for _, source := range []string{`{"event": "A"}`, `{"event": `} {
		t.Run(source, func(t *testing.T) {
			var cache templateCache
			first, firstErr := cache.compile("order-completed", source)
			again, againErr := cache.compile("order-completed", source)
			if again != first || againErr != firstErr {
				t.Errorf("it was compiled twice: %p %v, then %p %v", first, firstErr, again, againErr)
			}
			if _, err := cache.compile("order-completed", `{"event": "B"}`); err != nil {
				t.Errorf("another source: %v", err)
			}
			if _, err := cache.compile("order-completed", ``); err == nil {
				t.Error("an empty source compiled: the cache still has the one before it")
			}
		})
	}
}
