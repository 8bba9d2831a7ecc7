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

// hanging returns a number of bytes, and then blocks until end is closed.
type hanging struct {
	bytes int
	end   chan struct{}
}

func (h *hanging) Read(p []byte) (int, error) {
	if h.bytes == 0 {
		<-h.end
		return 0, io.EOF
	}
	n := min(h.bytes, len(p))
	h.bytes -= n
	return n, nil
}

// free returns how many bytes are not reserved.
func (r *bodyReader) free() (free int) {
	for ; r.memory.TryAcquire(1 << 10); free += 1 << 10 {
	}
	r.memory.Release(int64(free))
	return free
}

func TestABodyIsReadCompletely(t *testing.T) {
	for _, size := range []int{0, 1, minBodyMemory - 1, minBodyMemory, minBodyMemory + 1, 100_000, 1 << 20} {
		text := bytes.Repeat([]byte("a"), size)
		reader := newBodyReader()
		got, err := reader.read(t.Context(), iotest.HalfReader(bytes.NewReader(text)), 1<<20)
		if err != nil || !bytes.Equal(got.bytes, text) {
			t.Errorf("a body of %d bytes: read %d, %v", size, len(got.bytes), err)
		}
		got.close()
		if reader.free() != bodyMemory {
			t.Errorf("after a body of %d bytes, %d are free", size, reader.free())
		}
	}
}

func TestABodyOverTheLimitIsTooLarge(t *testing.T) {
	reader := newBodyReader()
	got, err := reader.read(t.Context(), strings.NewReader(strings.Repeat("a", 10_001)), 10_000)
	got.close()
	if !errors.Is(err, errTooLarge(10_000)) || reader.free() != bodyMemory {
		t.Errorf("got %v, and %d bytes are free", err, reader.free())
	}
}

// The length that a request announces does not matter.
func TestASlowBodyReservesMemoryOnlyForBytesThatHaveArrived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader, end := newBodyReader(), make(chan struct{})
		for range 1000 {
			go func() {
				body, _ := reader.read(t.Context(), &hanging{1, end}, maxWebhookBytes)
				body.close()
			}()
		}
		synctest.Wait()
		if took := bodyMemory - reader.free(); took != 1000*minBodyMemory {
			t.Errorf("1000 bodies of which one byte has arrived reserve %d bytes", took)
		}
		close(end)
	})
}

// Bodies that wait for memory while they have some could wait for each other forever.
func TestLargeBodiesThatNeedMoreThanAllMemoryAreAllRead(t *testing.T) {
	reader := &bodyReader{memory: semaphore.NewWeighted(100_000), exempt: make(chan struct{}, 1)}
	const many, size = 50, 30_000
	errs := make(chan error, many)
	for range many {
		go func() {
			body, err := reader.read(t.Context(), iotest.HalfReader(bytes.NewReader(make([]byte, size))), size)
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

func TestABodyThatWaitsTooLongForMemoryIsRejectedAsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader, end := &bodyReader{memory: semaphore.NewWeighted(minBodyMemory), exempt: make(chan struct{}, 1)}, make(chan struct{})
		for range 2 { // one has the memory, and one is exempt
			go func() {
				body, _ := reader.read(t.Context(), &hanging{1, end}, maxWebhookBytes)
				body.close()
			}()
		}
		synctest.Wait()
		began := time.Now()
		body, err := reader.read(t.Context(), strings.NewReader("a"), maxWebhookBytes)
		body.close()
		if waited := time.Since(began); !errors.Is(err, errBusy) || waited != bodyTimeout {
			t.Errorf("got %v after %v", err, waited)
		}
		close(end)
	})
}
