package local

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"
)

// hanging gives so many bytes, and then nothing until it is let go.
type hanging struct {
	bytes int
	let   chan struct{}
}

func (h *hanging) Read(p []byte) (int, error) {
	if h.bytes == 0 {
		<-h.let
		return 0, io.EOF
	}
	n := min(h.bytes, len(p))
	h.bytes -= n
	return n, nil
}

// free is how much of the room is not taken.
func (b *bodies) free() (free int) {
	for ; b.room.TryAcquire(1 << 10); free += 1 << 10 {
	}
	b.room.Release(int64(free))
	return free
}

func TestABodyIsReadWhole(t *testing.T) {
	for _, size := range []int{0, 1, bodyBegins - 1, bodyBegins, bodyBegins + 1, 100_000, 1 << 20} {
		text := bytes.Repeat([]byte("a"), size)
		all := newBodies()
		got, err := all.read(t.Context(), iotest.HalfReader(bytes.NewReader(text)), 1<<20)
		if err != nil || !bytes.Equal(got.bytes, text) {
			t.Errorf("of %d bytes %d were read, %v", size, len(got.bytes), err)
		}
		got.close()
		if all.free() != bodiesKeep {
			t.Errorf("after %d bytes the room has %d left", size, all.free())
		}
	}
}

func TestABodyOverItsBoundIsTooLarge(t *testing.T) {
	all := newBodies()
	got, err := all.read(t.Context(), strings.NewReader(strings.Repeat("a", 10_001)), 10_000)
	got.close()
	if !errors.Is(err, errTooLarge(10_000)) || all.free() != bodiesKeep {
		t.Errorf("reading it gives %v, and leaves room for %d", err, all.free())
	}
}

// What a client announces is not yet there.
func TestASlowBodyTakesRoomForWhatHasArrivedOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, let := newBodies(), make(chan struct{})
		for range 1000 {
			go func() {
				body, _ := all.read(t.Context(), &hanging{1, let}, webhookTakes)
				body.close()
			}()
		}
		synctest.Wait()
		if took := bodiesKeep - all.free(); took != 1000*bodyBegins {
			t.Errorf("a thousand that sent one byte take %d bytes", took)
		}
		close(let)
	})
}

// Bodies that wait for room while they hold some could wait for each other for ever.
func TestMoreLargeBodiesThanThereIsRoomForAllArrive(t *testing.T) {
	all := &bodies{room: semaphore.NewWeighted(100_000), over: make(chan struct{}, 1)}
	const many, size = 50, 30_000
	errs := make(chan error, many)
	for range many {
		go func() {
			body, err := all.read(t.Context(), iotest.HalfReader(bytes.NewReader(make([]byte, size))), size)
			body.close()
			errs <- err
		}()
	}
	for range many {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func TestABodyThatFindsNoRoomForLongIsAskedToComeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, let := &bodies{room: semaphore.NewWeighted(bodyBegins), over: make(chan struct{}, 1)}, make(chan struct{})
		for range 2 { // one has the room, and one is over
			go func() {
				body, _ := all.read(t.Context(), &hanging{1, let}, webhookTakes)
				body.close()
			}()
		}
		synctest.Wait()
		began := time.Now()
		body, err := all.read(t.Context(), strings.NewReader("a"), webhookTakes)
		body.close()
		if waited := time.Since(began); !errors.Is(err, errBusy) || waited != bodyWithin {
			t.Errorf("it gives %v after %v", err, waited)
		}
		close(let)
	})
}
