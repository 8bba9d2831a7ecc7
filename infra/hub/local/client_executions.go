package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"commerce-segment/infra/hub/console"
	"commerce-segment/infra/hub/database"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/executions/disk"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/tracking"
)

// errNotRunning means that nothing listens at the hub's address.
type errNotRunning struct{ host string }

func (e errNotRunning) Error() string {
	return fmt.Sprintf("nothing listens on %s: start it with make run", e.host)
}

// Find implements executions.Log. It asks the running hub.
func (c Client) Find(ctx context.Context, q executions.Query, page executions.Page) (found executions.Found, err error) {
	values := q.Values()
	values.Set(console.FieldRows, strconv.Itoa(page.Rows))
	values.Set(console.FieldAfter, page.After)
	values.Set(console.FieldSummary, strconv.FormatBool(page.Summary))
	err = c.askJSON(ctx, http.MethodGet, console.ExecutionsPath+"?"+values.Encode(), nil, &found)
	return found, err
}

// AwaitAttempt waits for the first attempt to send a webhook of a resource that was posted at a
// time. It returns the webhook as accepted if there is no attempt in time.
func (c Client) AwaitAttempt(ctx context.Context, within time.Duration, t tracking.Tracking, resource string, posted time.Time) (executions.Execution, error) {
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(inboxPollInterval) {
		found, err := c.Find(ctx, executions.Query{From: posted, Trackings: []tracking.Tracking{t}, ID: resource}, executions.Page{Rows: 1})
		if err != nil {
			return executions.Execution{}, err
		}
		for _, e := range found.Rows {
			if !e.Received.Before(posted) && e.Outcome != executions.Accepted {
				return e, nil
			}
		}
	}
	return executions.Execution{Tracking: t.Name, Resource: resource, Outcome: executions.Accepted, Lines: []executions.Line{{Tracking: t.Name}}}, nil
}

// All implements executions.Log. It asks the running hub.
func (c Client) All(ctx context.Context, q executions.Query) iter.Seq2[executions.Execution, error] {
	return executions.Pages(ctx, c, q, 2000)
}

// Executions returns the log of the hub's executions: that of the running hub, or if no hub
// runs, that in its directory. It returns which one it is, in the second case, and a function
// that closes it.
func (c Client) Executions(ctx context.Context) (log executions.Log, note string, end func() error, err error) {
	_, err = c.Find(ctx, executions.Query{}, executions.Page{})
	if !errors.As(err, new(errNotRunning)) {
		return c, "", func() error { return nil }, err
	}
	folder := c.directory.File(store.ExecutionsFolder)
	if _, missing := os.Stat(folder); errors.Is(missing, fs.ErrNotExist) {
		return nil, "", nil, err
	}
	files, failed := disk.OpenToRead(folder)
	if errors.Is(failed, database.ErrInUse) {
		return nil, "", nil, fmt.Errorf("a hub runs with the directory %s, but not at %s: name its address with --addr", c.directory.Dir, c.URL)
	}
	if failed != nil {
		return nil, "", nil, fmt.Errorf("%w (reading %s instead: %w)", err, folder, failed)
	}
	return files, fmt.Sprintf("No hub listens at %s: this is what %s holds.", strings.TrimPrefix(c.URL, "http://"), folder), files.Close, nil
}

// DirectoryLog returns the log of the executions in the hub's directory: that of the hub which
// runs with it, or that of its files. It is nil if there are no executions. The caller calls end.
func (c Client) DirectoryLog() (log executions.Log, end func() error, err error) {
	nothing := func() error { return nil }
	switch running := c.directory.CheckRunning(); {
	case errors.Is(running, store.ErrRunning):
		return c, nothing, nil
	case running != nil:
		return nil, nothing, running
	}
	folder := c.directory.File(store.ExecutionsFolder)
	if _, missing := os.Stat(folder); errors.Is(missing, fs.ErrNotExist) {
		return nil, nothing, nil
	}
	files, err := disk.OpenToRead(folder)
	if err != nil {
		return nil, nothing, err
	}
	return files, files.Close, nil
}
