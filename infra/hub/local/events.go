package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"commerce-segment/infra/hub/archive"
	"commerce-segment/infra/hub/console"
	"commerce-segment/infra/hub/queue"
	"commerce-segment/infra/hub/store"
)

// eventsPath is where hub export reads the events of a running hub.
const eventsPath = "/queue/events"

// readEventWithin is how long a client may take to read one event.
const readEventWithin = time.Minute

// copyEvents answers with the waiting events and the dead letters, as the lines of an archive.
func (h *hub) copyEvents(w http.ResponseWriter, r *http.Request) {
	if !console.IsLocal(r) {
		http.Error(w, "the events contain personal data: export them on the hub's own machine, with hub export", http.StatusForbidden)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	answer, lines := http.NewResponseController(w), archive.NewEncoder(w)
	err := archive.FromQueues(h.queues)(r.Context(), func(l archive.Line) error {
		// Otherwise the whole answer would have to be read within the server's WriteTimeout.
		if err := answer.SetWriteDeadline(time.Now().Add(readEventWithin)); err != nil {
			return err
		}
		return lines.Write(l)
	})
	if err == nil {
		err = lines.End()
	}
	if err != nil {
		h.log.Warn("the export of the events was not completed", "detail", err.Error())
		panic(http.ErrAbortHandler)
	}
}

// events returns the events of the running hub.
func (c Client) events() archive.Events {
	return func(ctx context.Context, write func(archive.Line) error) error {
		content, err := c.stream(ctx, eventsPath)
		if errors.As(err, new(errNotRunning)) {
			return fmt.Errorf("a hub runs with the directory %s, but not at %s: name its address with --addr (%w)", c.directory.Dir, c.URL, err)
		}
		if err != nil {
			return err
		}
		defer content.Close()
		for line, err := range archive.Decode(content) {
			if err == nil {
				err = write(line)
			}
			if err != nil {
				return fmt.Errorf("reading the events of the hub at %s: %w", c.URL, err)
			}
		}
		return nil
	}
}

// Events are the events of a directory, for an export. Until they are closed, no hub can start
// there.
type Events struct {
	archive.Events
	// Running reports whether they come from a running hub.
	Running bool

	directory store.Directory
	queues    *queue.Store // nil if they are closed, or a hub runs
	unlock    func()
}

// OpenEvents opens the events of a directory: those of the hub at addr if one runs with the
// directory, and those in its files otherwise.
func OpenEvents(addr, dir string, log *slog.Logger) (*Events, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("there is no store in the directory %s: name it with --dir: %w", dir, err)
	}
	directory, err := store.OpenDirectory(dir)
	if err != nil {
		return nil, err
	}
	unlock, err := store.LockDirectory(dir, log)
	if errors.Is(err, store.ErrRunning) {
		client, err := NewClient(addr, dir)
		return &Events{Events: client.events(), Running: true, unlock: func() {}}, err
	}
	if err != nil {
		return nil, err
	}
	queues, err := queue.Open(directory.File(store.QueueFolder), log)
	if err != nil {
		unlock()
		return nil, err
	}
	return &Events{Events: archive.FromQueues(queues), directory: directory, queues: queues, unlock: unlock}, nil
}

// SetAside closes the queue of the directory and renames its folder. It returns the new path.
func (e *Events) SetAside() (string, error) {
	if err := e.closeQueues(); err != nil {
		return "", err
	}
	return e.directory.SetQueueAside()
}

// Close closes the queue, and lets a hub start.
func (e *Events) Close() error {
	defer e.unlock()
	return e.closeQueues()
}

func (e *Events) closeQueues() error {
	queues := e.queues
	if e.queues = nil; queues == nil {
		return nil
	}
	return queues.Close()
}
