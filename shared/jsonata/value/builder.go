package value

import "strings"

// TextBuilder builds a text. It charges for each part before it adds the part.
type TextBuilder struct {
	State *State
	strings.Builder
}

// take reserves n bytes.
func (b *TextBuilder) take(n int) error {
	if b.Cap()-b.Len() >= n {
		return b.State.Spend(n / 64)
	}
	if err := b.State.Allocate(2*b.Cap() + n); err != nil {
		return err
	}
	b.Grow(n)
	return nil
}

// Write appends a text.
func (b *TextBuilder) Write(s string) error {
	if err := b.take(len(s)); err != nil {
		return err
	}
	b.WriteString(s)
	return nil
}
