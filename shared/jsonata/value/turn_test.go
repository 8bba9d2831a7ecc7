package value_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"commerce-segment/shared/jsonata/value"
	"commerce-segment/shared/turn"
)

// takeTurns takes every turn until the test ends.
func takeTurns(t *testing.T) {
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		scope, end := turn.Scope(ctx)
		t.Cleanup(end)
		if turn.Take(scope) != nil {
			return
		}
	}
}

func TestAnEvaluationTakesATurnBeforeItAllocatesMuchData(t *testing.T) {
	const few = 4 << 20
	takeTurns(t)
	for _, test := range []struct {
		name     string
		allocate func(st *value.State) error
		waits    bool
	}{
		{"a text of few bytes", func(st *value.State) error { return st.Allocate(few) }, false},
		{"a text of many bytes", func(st *value.State) error { return st.Allocate(few + 1) }, true},
		{"few elements", func(st *value.State) error { return st.AllocateItems(few / value.BytesPerItem) }, false},
		{"many elements", func(st *value.State) error { return st.AllocateItems(few/value.BytesPerItem + 1) }, true},
		{"an object of many fields", func(st *value.State) error { return st.AllocateObject(30_000) }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			scope, end := turn.Scope(ctx)
			defer end()
			err := test.allocate(value.NewState(scope, nil, nil))
			if errors.Is(err, turn.ErrBusy) != test.waits {
				t.Errorf("got %v", err)
			}
		})
	}
}
