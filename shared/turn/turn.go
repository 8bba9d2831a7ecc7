// Package turn has work that needs much memory take turns, so that a process which
// delivers for several trackings at once does not need the memory of all of them. What
// needs little never waits.
package turn

import (
	"context"
	"errors"
	"time"
)

const (
	// atOnce is how much of such work is done at the same time. Each takes up to about
	// 150 MB.
	atOnce = 2
	// SmallBody is up to how many bytes a body needs no turn. As values it takes less than
	// 2 MB.
	SmallBody = 64 << 10
)

var turns = make(chan struct{}, atOnce)

// OneAtATime allows only one turn at the same time, in a process that has memory for one. It
// must be called before the first turn is taken.
func OneAtATime() { turns = make(chan struct{}, 1) }

// ErrBusy means that there was no turn in time.
var ErrBusy = errors.New("it needs much memory, and other events need it now: try again")

// key is that of a *turn in a context.
type key struct{}

type turn struct{ taken bool }

// Scope returns a context for one piece of work, in which it can take a turn, and a function
// that ends the turn with the work. Work that is a part of other work has the turn of the
// other, so it never waits for itself. The work must not be done by several goroutines at
// once.
func Scope(ctx context.Context) (working context.Context, end func()) {
	if ctx.Value(key{}) != nil {
		return ctx, func() {}
	}
	t := &turn{}
	return context.WithValue(ctx, key{}, t), func() {
		if t.taken {
			<-turns
			t.taken = false
		}
	}
}

// Take takes a turn for the work of a context, which keeps it until it ends. It does nothing
// where the work has one, and for a context without a Scope. It waits for half of the time
// that the context has left, so that the rest is for the other events of a batch. Its error
// is ErrBusy.
func Take(ctx context.Context) error {
	t, scoped := ctx.Value(key{}).(*turn)
	if !scoped || t.taken {
		return nil
	}
	waiting, cancel := halfOf(ctx)
	defer cancel()
	select {
	case turns <- struct{}{}:
		t.taken = true
		return nil
	case <-waiting.Done():
		return ErrBusy
	}
}

// TakeForBody is Take for work that makes values of a body of so many bytes.
func TakeForBody(ctx context.Context, bytes int) error {
	if bytes <= SmallBody {
		return nil
	}
	return Take(ctx)
}

// halfOf is a context with half of the time that is left, if there is a deadline.
func halfOf(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(deadline)/2)
}
