package turn

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// inBubble runs a test with a clock and with turns of its own.
func inBubble(t *testing.T, test func(t *testing.T)) {
	synctest.Test(t, func(t *testing.T) {
		before := turns
		defer func() { turns = before }()
		turns = make(chan struct{}, atOnce)
		test(t)
	})
}

// takeAll takes every turn, and returns what ends them.
func takeAll(t *testing.T) (end func()) {
	t.Helper()
	var ends []func()
	for range atOnce {
		ctx, end := Scope(t.Context())
		if err := Take(ctx); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, end)
	}
	return func() {
		for _, end := range ends {
			end()
			end() // again, which does nothing
		}
	}
}

func TestWorkWaitsForHalfOfItsTime(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		defer takeAll(t)()
		ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
		defer cancel()
		ctx, end := Scope(ctx)
		defer end()
		began := time.Now()
		if err := TakeForBody(ctx, SmallBody+1); !errors.Is(err, ErrBusy) {
			t.Errorf("got %v where there is no turn", err)
		}
		if waited := time.Since(began); waited != 4*time.Second {
			t.Errorf("it waited %v of 8 s", waited)
		}
	})
}

func TestATurnThatEndsIsTakenByWhatWaits(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		endAll := takeAll(t)
		ctx, end := Scope(t.Context())
		taken := make(chan error)
		go func() { taken <- Take(ctx) }()
		synctest.Wait()
		select {
		case <-taken:
			t.Fatal("more turns are taken at once than there are")
		default:
		}
		endAll()
		if err := <-taken; err != nil {
			t.Error(err)
		}
		end()
		if len(turns) != 0 {
			t.Errorf("%d turns are taken at the end", len(turns))
		}
	})
}

func TestWorkThatWasGivenUpWaitsNoLonger(t *testing.T) {
	defer takeAll(t)()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ctx, end := Scope(ctx)
	defer end()
	if err := Take(ctx); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v", err)
	}
}

func TestWhatNeedsNoTurnNeverWaits(t *testing.T) {
	scoped, end := Scope(t.Context())
	defer end()
	if err := Take(scoped); err != nil {
		t.Fatal(err)
	}
	part, endPart := Scope(scoped)
	endPart()
	other, endOther := Scope(t.Context())
	defer endOther()
	if err := Take(other); err != nil {
		t.Fatal(err)
	}
	for name, take := range map[string]func() error{
		"work that has its turn":      func() error { return Take(scoped) },
		"a part of such work":         func() error { return Take(part) },
		"work without a scope":        func() error { return Take(t.Context()) },
		"work with a small body":      func() error { return TakeForBody(t.Context(), SmallBody) },
		"work of a scope, body small": func() error { ctx, end := Scope(t.Context()); defer end(); return TakeForBody(ctx, SmallBody) },
	} {
		if err := take(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
