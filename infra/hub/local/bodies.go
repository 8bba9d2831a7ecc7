package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/semaphore"
)

var errBusy = errors.New("too many large requests are arriving at the same time: try again")

// errTooLarge means that a body has more than this number of bytes.
type errTooLarge int

func (e errTooLarge) Error() string { return fmt.Sprintf("the body is over %d bytes", int(e)) }

// bodyReader reads the bodies of requests, and limits the memory that they use together. A
// body reserves memory only for the bytes that have arrived. If none is free, one body at a
// time continues without a reservation, and the others wait until that body is closed. So
// the bodies never all wait for each other.
type bodyReader struct {
	memory *semaphore.Weighted // in bytes
	exempt chan struct{}       // holds a token while a body is exempt from the limit
}

func newBodyReader() *bodyReader {
	return &bodyReader{memory: semaphore.NewWeighted(bodyMemory), exempt: make(chan struct{}, 1)}
}

// body is the body of a request.
type body struct {
	reader   *bodyReader
	bytes    []byte
	reserved int64 // bytes
	exempt   bool  // it continues without a reservation
}

// read reads a body of at most limit bytes. The caller closes it, also after an error.
func (r *bodyReader) read(ctx context.Context, stream io.Reader, limit int) (*body, error) {
	arriving := &body{reader: r}
	for {
		if len(arriving.bytes) == cap(arriving.bytes) {
			if err := arriving.grow(ctx, limit+1); err != nil {
				return arriving, err
			}
		}
		n, err := stream.Read(arriving.bytes[len(arriving.bytes):cap(arriving.bytes)])
		arriving.bytes = arriving.bytes[:len(arriving.bytes)+n]
		switch {
		case len(arriving.bytes) > limit:
			return arriving, errTooLarge(limit)
		case err == io.EOF:
			return arriving, nil
		case err != nil:
			return arriving, err
		}
	}
}

// grow doubles the capacity of a body, up to limit bytes.
func (b *body) grow(ctx context.Context, limit int) error {
	size := min(max(minBodyMemory, 2*cap(b.bytes)), limit)
	if err := b.reserve(ctx, int64(size-cap(b.bytes))); err != nil {
		return err
	}
	grown := make([]byte, len(b.bytes), size)
	copy(grown, b.bytes)
	b.bytes = grown
	return nil
}

// reserve reserves more bytes. If they are not free, it waits until the body may be exempt
// from the limit. After bodyTimeout it returns errBusy.
func (b *body) reserve(ctx context.Context, more int64) error {
	switch {
	case b.exempt:
		return nil
	case b.reader.memory.TryAcquire(more):
		b.reserved += more
		return nil
	}
	select {
	case b.reader.exempt <- struct{}{}:
		b.exempt = true
		return nil
	case <-time.After(bodyTimeout):
		return errBusy
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close releases the reserved memory. It accepts nil.
func (b *body) close() {
	if b == nil {
		return
	}
	b.reader.memory.Release(b.reserved)
	if b.exempt {
		<-b.reader.exempt
	}
}
