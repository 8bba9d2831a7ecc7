package queue

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"commerce-segment/infra/hub/database"
	"commerce-segment/shared/relay"
)

func TestADamagedFileIsRenamedAndLogged(t *testing.T) {
	for _, name := range []string{fileName(1), failedName} {
		for what, damage := range map[string]func(path string) error{
			"something else": func(path string) error { return os.WriteFile(path, []byte(strings.Repeat("hello ", 10000)), 0o600) },
			"zeroes":         func(path string) error { return os.WriteFile(path, make([]byte, 1<<16), 0o600) },
			"cut off":        func(path string) error { return os.Truncate(path, 5000) },
			"cut in half":    func(path string) error { return os.Truncate(path, 3*4096) },
		} {
			t.Run(name+" is "+what, func(t *testing.T) {
				dir := t.TempDir()
				s := openStore(t, dir)
				put(t, s.Queue("order-completed"), strings.Repeat("a", 100_000))
				s.Close()
				if err := damage(filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
				var log strings.Builder
				s, err := Open(dir, slog.New(slog.NewTextHandler(&log, nil)))
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				if !strings.Contains(log.String(), "a file of events is damaged. It was renamed") {
					t.Errorf("the log does not have the damage: %s", log.String())
				}
				kept, _ := filepath.Glob(filepath.Join(dir, name+".damaged-*"))
				equal(t, "kept", len(kept), 1)
				put(t, s.Queue("order-completed"), "b")

				s.Close()
				log.Reset()
				if s, err = Open(dir, slog.New(slog.NewTextHandler(&log, nil))); err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				if !strings.Contains(log.String(), kept[0]) {
					t.Errorf("the log of the next start does not name the damaged file: %s", log.String())
				}
			})
		}
	}
}

// A damaged file that stayed in use would be read first again and again, and the events of
// the other files would never be delivered.
func TestAFileThatIsDamagedWhileInUseIsReplaced(t *testing.T) {
	for name, use := range map[string]func(q *Queue){
		"receives": func(q *Queue) { q.receive(q.store.files[0], 1) },
		"puts":     func(q *Queue) { q.Put(t.Context(), relay.Envelope{}) },
		"retries":  func(q *Queue) { q.store.release(true) },
	} {
		t.Run("when the hub "+name, func(t *testing.T) {
			dir := t.TempDir()
			var log strings.Builder
			s, err := Open(dir, slog.New(slog.NewTextHandler(&log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			q := s.Queue("order-completed")
			put(t, q, "in the damaged file")
			err = s.files[0].Update(func(tx *bbolt.Tx) error {
				return tx.Bucket([]byte(q.name)).Bucket(bucketDue).Put(joinKey(when, 9), []byte{1})
			})
			if err != nil {
				t.Fatal(err)
			}
			use(q)
			put(t, q, "in the next file")
			equal(t, "visible", bodies(visible(t, q, 2)), []string{"in the next file"})
			kept, _ := filepath.Glob(filepath.Join(dir, fileName(1)+".damaged-*"))
			equal(t, "kept", len(kept), 1)
			if !strings.Contains(log.String(), "a file of events is damaged. It was renamed") {
				t.Errorf("the log does not have the damage: %s", log.String())
			}
		})
	}
}

// Status reads the file without the lock of the store, which noteFile needs.
func TestAFileThatStatusFindsDamagedIsSetAside(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	defer s.Close()
	q := s.Queue("order-completed")
	put(t, q, "a")
	damagePages(t, s.files[0].path)
	q.Status()
	equal(t, "status", q.Status(), Status{})
	kept, _ := filepath.Glob(filepath.Join(dir, fileName(1)+".damaged-*"))
	equal(t, "kept", len(kept), 1)
}

func TestAnEmptyFileIsUsedAsANewDatabase(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, fileName(1)), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, dir)
	defer s.Close()
	put(t, s.Queue("order-completed"), "a")
}

// damagePages overwrites the pages of a database with zeroes, except the meta pages, while it
// is in use.
func damagePages(t *testing.T, path string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	start := metaPages * os.Getpagesize()
	if _, err := file.WriteAt(make([]byte, 1<<16), int64(start)); err != nil {
		t.Fatal(err)
	}
}

// bbolt panics during a commit to a damaged file, and then holds its lock for ever. No other
// change may wait for it.
func TestAllChangesOfADamagedFileEnd(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	defer s.Close()
	q := s.Queue("order-completed")
	put(t, q, "in the damaged file")
	file := s.files[0]
	release := hold(file)
	damagePages(t, file.path)
	var changes sync.WaitGroup
	for range 8 {
		changes.Go(func() {
			if err := file.put(t.Context(), q.name, []event{{record: []byte{1}}}); !errors.Is(err, database.ErrDamaged) {
				t.Errorf("got %v, want %v", err, database.ErrDamaged)
			}
		})
	}
	release()
	changes.Wait()
	if err := q.Put(t.Context(), relay.Envelope{}); !errors.Is(err, database.ErrDamaged) {
		t.Errorf("got %v, want %v", err, database.ErrDamaged)
	}
	put(t, q, "in the next file")
	equal(t, "visible", bodies(visible(t, q, 2)), []string{"in the next file"})
}

// If the damaged file stayed in use, no event could become a dead letter until a restart.
func TestDeadLettersThatAreDamagedWhileInUseAreReplaced(t *testing.T) {
	for name, use := range map[string]func(q *Queue) error{
		"adds one": func(q *Queue) error { return q.Fail(t.Context(), relay.Envelope{}, relay.Failure{}) },
		"lists them": func(q *Queue) error {
			for _, err := range q.DeadLetters() {
				return err
			}
			return nil
		},
		"removes one": func(q *Queue) error { return q.removeDeadLetters([]letter{{}}) },
	} {
		t.Run("when the hub "+name, func(t *testing.T) {
			dir := t.TempDir()
			var log strings.Builder
			s, err := Open(dir, slog.New(slog.NewTextHandler(&log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			q := s.Queue("order-completed")
			if err := q.Fail(t.Context(), relay.Envelope{}, relay.Failure{}); err != nil {
				t.Fatal(err)
			}
			damagePages(t, filepath.Join(dir, failedName))
			if err := use(q); !errors.Is(err, database.ErrDamaged) {
				t.Errorf("got %v, want %v", err, database.ErrDamaged)
			}
			equal(t, "dead letters", q.Status().Failed, 0)
			if err := q.Fail(t.Context(), relay.Envelope{Body: []byte("in the new file")}, relay.Failure{}); err != nil {
				t.Fatal(err)
			}
			equal(t, "dead letters", len(letters(t, q)), 1)
			kept, _ := filepath.Glob(filepath.Join(dir, failedName+".damaged-*"))
			equal(t, "kept", len(kept), 1)
			if !strings.Contains(log.String(), "a file of events is damaged. It was renamed") {
				t.Errorf("the log does not have the damage: %s", log.String())
			}
		})
	}
}

// contents returns the files of a directory.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		files[name] = string(readFile(t, name))
	}
	return files
}

func TestAnOlderReleaseChangesNothingOfALaterOne(t *testing.T) {
	for _, name := range []string{fileName(2), failedName} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := openStore(t, dir)
			put(t, s.Queue("order-completed"), "in delivery")
			visible(t, s.Queue("order-completed"), 1)
			s.Close()
			db, err := database.Open(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			err = db.Update(func(tx *bbolt.Tx) error {
				return tx.Bucket(database.BucketAbout).Put([]byte("version"), []byte{0, 0, 0, 0, 0, 0, 0, 2})
			})
			if err := errors.Join(err, db.Close(), os.WriteFile(filepath.Join(dir, fileName(3)), []byte(strings.Repeat("damaged ", 2048)), 0o600)); err != nil {
				t.Fatal(err)
			}
			before := contents(t, dir)
			_, err = Open(dir, slog.New(slog.DiscardHandler))
			if !errors.Is(err, database.ErrNewer) || !strings.Contains(err.Error(), name) {
				t.Errorf("got %v, want %v with the file's name", err, database.ErrNewer)
			}
			if !maps.Equal(before, contents(t, dir)) {
				t.Error("a file was changed")
			}
		})
	}
}

// failOpen lets each opening of a file fail until the end of the test, or until restore is
// called.
func failOpen(t *testing.T, cause error) (restore func()) {
	open := database.OpenFile
	restore = func() { database.OpenFile = open }
	t.Cleanup(restore)
	database.OpenFile = func(name string, _ int, _ os.FileMode) (*os.File, error) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: cause}
	}
	return restore
}

func TestOpenSaysWhatToDoAboutTheDisk(t *testing.T) {
	for cause, advice := range map[error]string{
		syscall.EACCES: "change the permissions, or choose another directory with --dir",
		syscall.EROFS:  "change the permissions, or choose another directory with --dir",
		syscall.ENOSPC: "make room on the disk",
	} {
		t.Run(cause.Error(), func(t *testing.T) {
			dir := t.TempDir()
			failOpen(t, cause)
			_, err := Open(dir, slog.New(slog.DiscardHandler))
			if !errors.Is(err, cause) {
				t.Fatalf("got %v, want %v", err, cause)
			}
			for _, want := range []string{dir, failedName, advice} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("says %q, want %q in it", err, want)
				}
			}
		})
	}
}

// The disk is full, or its directory became read-only, when the next file is needed.
func TestAFileThatCannotBeCreatedIsCreatedLater(t *testing.T) {
	for _, cause := range []error{syscall.ENOSPC, syscall.EROFS} {
		t.Run(cause.Error(), func(t *testing.T) {
			var log strings.Builder
			s, err := Open(t.TempDir(), slog.New(slog.NewTextHandler(&log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			q := s.Queue("order-completed")
			put(t, q, "a")
			s.files[0].bytes = fileBytes
			restore := failOpen(t, cause)
			for range 2 {
				if err := q.Put(t.Context(), relay.Envelope{}); !errors.Is(err, cause) {
					t.Errorf("got %v, want %v", err, cause)
				}
			}
			restore()
			put(t, q, "b")
			equal(t, "files", len(s.files), 2)
			equal(t, "waiting", q.Status().Waiting, 2)
			for _, want := range []string{"events cannot be written to the disk", "events are written to the disk again"} {
				equal(t, want, strings.Count(log.String(), want), 1)
			}
		})
	}
}

// hold starts a commit that lasts until release is called.
func hold(f *file) (release func()) {
	begun, end := make(chan struct{}), make(chan struct{})
	go f.Update(func(*bbolt.Tx) error {
		close(begun)
		<-end
		return nil
	})
	<-begun
	return func() { close(end) }
}

// Relay.Accept gives up after some seconds, so that it can answer Commerce.
func TestPutDoesNotWaitLongerThanItsContext(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := newQueue(t)
		release := hold(q.store.files[0])
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := q.Put(ctx, relay.Envelope{Body: []byte("given up")}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
		release()
		if err := q.Put(ctx, relay.Envelope{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after the end of the context: got %v, want %v", err, context.DeadlineExceeded)
		}
		put(t, q, "b")
		equal(t, "events", bodies(visible(t, q, 2)), []string{"b"})
	})
}

// The commit cannot be interrupted. The event may be sent twice, but it is not lost.
func TestAnEventThatIsGivenUpDuringItsCommitIsKept(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := newQueue(t)
		file := q.store.files[0]
		releaseFirst := hold(file)
		end := make(chan struct{})
		var changes sync.WaitGroup
		changes.Go(func() { file.Update(func(*bbolt.Tx) error { <-end; return nil }) })
		synctest.Wait() // it is pending
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		changes.Go(func() {
			if err := q.Put(ctx, relay.Envelope{Body: []byte("a")}); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
			}
		})
		synctest.Wait() // both are pending, and are committed together
		releaseFirst()
		time.Sleep(2 * time.Second)
		close(end)
		changes.Wait()
		put(t, q, "b")
		equal(t, "events", bodies(visible(t, q, 2)), []string{"a", "b"})
	})
}
