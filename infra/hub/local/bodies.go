package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/semaphore"
)

var errBusy = errors.New("too many large requests are arriving at the same moment: try again")

// errTooLarge is a body of more bytes than this.
type errTooLarge int

func (e errTooLarge) Error() string { return fmt.Sprintf("the body is over %d bytes", int(e)) }

// bodies bounds the memory of requests' bodies. A body takes of the room what has arrived
// of it. Where nothing is free, one body at a time goes on without, and the others wait
// until it has ended: so they never all wait for each other.
type bodies struct {
	room *semaphore.Weighted
	over chan struct{} // holds something while one is over
}

func newBodies() *bodies {
	return &bodies{room: semaphore.NewWeighted(bodiesKeep), over: make(chan struct{}, 1)}
}

// body is one that is arriving.
type body struct {
	of    *bodies
	bytes []byte
	takes int64 // of the room
	over  bool
}

// read reads a body of so many bytes at most. The caller closes it, also after an error.
func (b *bodies) read(ctx context.Context, stream io.Reader, most int) (*body, error) {
	arriving := &body{of: b}
	for {
		if len(arriving.bytes) == cap(arriving.bytes) {
			if err := arriving.grow(ctx, most+1); err != nil {
				return arriving, err
			}
		}
		n, err := stream.Read(arriving.bytes[len(arriving.bytes):cap(arriving.bytes)])
		arriving.bytes = arriving.bytes[:len(arriving.bytes)+n]
		switch {
		case len(arriving.bytes) > most:
			return arriving, errTooLarge(most)
		case err == io.EOF:
			return arriving, nil
		case err != nil:
			return arriving, err
		}
	}
}

// grow doubles the space for a body, up to so many bytes.
func (b *body) grow(ctx context.Context, most int) error {
	size := min(max(bodyBegins, 2*cap(b.bytes)), most)
	if err := b.take(ctx, int64(size-cap(b.bytes))); err != nil {
		return err
	}
	grown := make([]byte, len(b.bytes), size)
	copy(grown, b.bytes)
	b.bytes = grown
	return nil
}

// take takes more of the room, or waits until it may do without.
func (b *body) take(ctx context.Context, more int64) error {
	switch {
	case b.over:
		return nil
	case b.of.room.TryAcquire(more):
		b.takes += more
		return nil
	}
	select {
	case b.of.over <- struct{}{}:
		b.over = true
		return nil
	case <-time.After(bodyWithin):
		return errBusy
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close gives the room back. Nil is no body.
func (b *body) close() {
	if b == nil {
		return
	}
	b.of.room.Release(b.takes)
	if b.over {
		<-b.of.over
	}
}
