package archive

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/executions/disk"
	"commerce-segment/infra/hub/queue"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
)

var discard = slog.New(slog.DiscardHandler)

// directory returns the store in a new directory.
func directory(t *testing.T) store.Store {
	t.Helper()
	d, err := store.OpenDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return store.InDirectory(d)
}

// set writes parameters.
func set(t *testing.T, s store.Store, pairs ...string) {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if err := s.Put(t.Context(), pairs[i], pairs[i+1]); err != nil {
			t.Fatal(err)
		}
	}
}

// queuesIn opens the queues of a store in a directory, until the function returns.
func queuesIn(t *testing.T, s store.Store, use func(*queue.Store)) {
	t.Helper()
	queues, err := queue.Open(filepath.Join(s.Dir, store.QueueFolder), discard)
	if err != nil {
		t.Fatal(err)
	}
	use(queues)
	if err := queues.Close(); err != nil {
		t.Fatal(err)
	}
}

// fill puts events and a dead letter into the queues of a store.
func fill(t *testing.T, s store.Store, events int) {
	t.Helper()
	queuesIn(t, s, func(queues *queue.Store) {
		q := queues.Queue("order-completed")
		for range events {
			if err := q.Put(t.Context(), relay.Envelope{Received: time.Now(), Body: []byte(`{"id":"waiting"}`)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := q.Fail(t.Context(), relay.Envelope{Received: time.Now(), Body: []byte(`{"id":"dead"}`)}, relay.Failure{Reason: "message_invalid", Resource: "o-1"}); err != nil {
			t.Fatal(err)
		}
	})
}

// exported exports a store into a new file, and returns its path.
func exported(t *testing.T, s store.Store, secrets bool) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "backup.jsonl.gz")
	queuesIn(t, s, func(queues *queue.Store) {
		if _, err := ExportFile(t.Context(), file, s, FromQueues(queues), secrets); err != nil {
			t.Fatal(err)
		}
	})
	return file
}

// planned opens a file and plans its import.
func planned(t *testing.T, file string, s store.Store) *Plan {
	t.Helper()
	a, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	plan, err := a.Plan(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// imported imports a file.
func imported(t *testing.T, file string, s store.Store) Done {
	t.Helper()
	done, err := planned(t, file, s).Apply(t.Context(), discard, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// statusOf counts the events of Order Completed in a store.
func statusOf(t *testing.T, s store.Store) (status queue.Status) {
	t.Helper()
	queuesIn(t, s, func(queues *queue.Store) { status = queues.Queue("order-completed").Status() })
	return status
}

func TestAStoreIsRestoredFromItsArchive(t *testing.T) {
	from := directory(t)
	set(t, from, "templates/order-completed", `{"event": "One"}`, "templates/order-completed", `{"event": "Two"}`, "templates/order-completed", `{"event": "Three"}`,
		"tracking/order-updated/enabled", "false", "commerce/webhook-secret", "PLANTED-secret", "segment/write-key", "PLANTED-key", "segment/host", "https://api.segment.io")
	fill(t, from, 3)

	to := directory(t)
	file := exported(t, from, true)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
	if done := imported(t, file, to); done.Waiting != 3 || done.Dead != 1 || len(done.Settings) != 5 {
		t.Errorf("it imported %+v", done)
	}
	names := store.AllNames()
	before, _ := from.Parameters(t.Context(), names)
	after, _ := to.Parameters(t.Context(), names)
	for _, name := range names {
		if before[name] != after[name] {
			t.Errorf("%s is %q, want %q", name, after[name], before[name])
		}
	}
	versions, err := to.Versions(t.Context(), "templates/order-completed")
	if err != nil || len(versions) != 3 || versions[2].Value != `{"event": "One"}` || versions[1].Version != 2 {
		t.Errorf("the versions are %+v, %v", versions, err)
	}
	if status := statusOf(t, to); status.Waiting != 3 || status.Failed != 1 {
		t.Errorf("the queue has %+v", status)
	}
	if again := planned(t, file, to); !again.IsEmpty() {
		t.Errorf("the second time it would import %+v", again)
	}
	if done := imported(t, file, to); done.Waiting+done.Dead+len(done.Settings) != 0 || statusOf(t, to).Waiting != 3 {
		t.Errorf("the second time it imported %+v", done)
	}
}

func TestAnArchiveHasNoSecretsUnlessAskedFor(t *testing.T) {
	from := directory(t)
	set(t, from, "commerce/webhook-secret", "PLANTED-secret", "segment/write-key", "PLANTED-key", "commerce/client-secret", "https://euwest.api.elasticpath.com PLANTED-client")
	if text := unzipped(t, exported(t, from, false)); strings.Contains(text, "PLANTED") {
		t.Errorf("without secrets it is\n%s", text)
	}
	file := exported(t, from, true)
	if text := unzipped(t, file); strings.Count(text, "PLANTED") != 3 {
		t.Errorf("with secrets it is\n%s", text)
	}
	set(t, from, "segment/write-key", store.InboxKeyPrefix+"PLANTED-inbox")
	inbox := exported(t, from, true)
	if text := unzipped(t, inbox); strings.Contains(text, "inbox") {
		t.Errorf("it has the write key of the inbox:\n%s", text)
	}
	if missing := planned(t, inbox, directory(t)).Missing; !slices.Equal(missing, []string{"segment/write-key"}) {
		t.Errorf("missing are %q", missing)
	}

	deleting := directory(t)
	set(t, deleting, "tracking/customer-deleted/enabled", "true")
	if missing := planned(t, inbox, deleting).Missing; !slices.Equal(missing, []string{"segment/write-key", "segment/api-token"}) {
		t.Errorf("with deletions, missing are %q", missing)
	}

	// A plan shows no secret, and keeps the webhook secret that Commerce may send.
	to := directory(t)
	set(t, to, "commerce/webhook-secret", "PLANTED-other", "segment/write-key", "PLANTED-old")
	want := map[string]Action{"commerce/webhook-secret": Keep, "segment/write-key": Replace, "commerce/client-secret": Add}
	for _, c := range planned(t, file, to).Changes {
		if c.Action != want[c.Name] || c.Before+c.After != "" {
			t.Errorf("the plan has %+v", c)
		}
	}
	imported(t, file, to)
	if values, _ := to.Parameters(t.Context(), []string{"commerce/webhook-secret", "segment/write-key"}); values["commerce/webhook-secret"] != "PLANTED-other" || values["segment/write-key"] != "PLANTED-key" {
		t.Errorf("afterwards the secrets are %q", values)
	}
}

// unzipped returns the text of an archive.
func unzipped(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// zipped writes a text as an archive.
func zipped(t *testing.T, text string) string {
	t.Helper()
	var content bytes.Buffer
	writer := gzip.NewWriter(&content)
	io.WriteString(writer, text)
	writer.Close()
	file := filepath.Join(t.TempDir(), "changed.jsonl.gz")
	if err := os.WriteFile(file, content.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestADamagedArchiveIsNotImported cuts a file after each byte, and changes each byte.
func TestADamagedArchiveIsNotImported(t *testing.T) {
	from := directory(t)
	set(t, from, "tracking/order-updated/enabled", "false")
	fill(t, from, 2)
	original := exported(t, from, false)
	text := unzipped(t, original)
	whole, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "damaged")
	opens := func(content []byte) error {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		a, err := Open(file)
		if err == nil {
			a.Close()
		}
		return err
	}
	for n := range whole {
		if opens(whole[:n]) == nil {
			t.Errorf("the first %d of %d bytes are imported", n, len(whole))
		}
	}
	const gzipHeader = 10 // its time and system are not checked
	for n := gzipHeader; n < len(whole); n++ {
		changed := bytes.Clone(whole)
		changed[n] ^= 0x10
		if opens(changed) == nil && unzipped(t, file) != text { // some bits between two blocks have no meaning
			t.Errorf("a file whose byte %d was changed is imported", n)
		}
	}
}

func TestAnotherFileIsNotImported(t *testing.T) {
	begin := `{"begin":{"format":"commerce-segment","version":1,"id":"a"}}` + "\n"
	for _, c := range []struct{ name, text, says string }{
		{"of a later release", `{"begin":{"format":"commerce-segment","version":2,"id":"a","new":1}}` + "\n" + `{"new":{}}`, "a later release of hub wrote it (version 2"},
		{"of another program", `{"log":"line"}`, "it is not a file of hub export"},
		{"without its end", begin + `{"setting":{"name":"segment/host","value":"https://api.segment.io"}}`, "it ends too early"},
		{"with fewer lines", begin + `{"end":{"lines":2}}`, "it was changed after the export"},
		{"with lines after its end", begin + `{"end":{"lines":1}}` + "\n" + begin, "it was changed after the export"},
		{"with an unknown line", begin + `{"new":{}}` + "\n" + `{"end":{"lines":2}}`, "a line that this release does not know"},
		{"with an unknown setting", begin + `{"setting":{"name":"console-key","value":"x"}}` + "\n" + `{"end":{"lines":2}}`, "a line that this release does not know"},
		{"with a version outside of the directory", begin + `{"version":{"name":"../../x","version":1,"value":"x"}}` + "\n" + `{"end":{"lines":2}}`, "a line that this release does not know"},
		{"with an unknown tracking", begin + `{"waiting":{"tracking":"order-paid","body":""}}` + "\n" + `{"end":{"lines":2}}`, "order-paid"},
	} {
		if a, err := Open(zipped(t, c.text)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("a file %s: %v, %v", c.name, a, err)
		}
	}
	plain := filepath.Join(t.TempDir(), "plain")
	os.WriteFile(plain, []byte(begin), 0o600)
	if _, err := Open(plain); err == nil || !strings.Contains(err.Error(), "it is not a file of hub export") {
		t.Errorf("a file without gzip: %v", err)
	}
}

// TestAStoppedImportContinues stops an import after its first batch.
func TestAStoppedImportContinues(t *testing.T) {
	from, to := directory(t), directory(t)
	const events = 2*batchLines + 50
	fill(t, from, events)
	file := exported(t, from, false)
	stopped := func() (stopped bool) {
		defer func() { stopped = recover() != nil }()
		plan := planned(t, file, to)
		plan.Apply(t.Context(), discard, func(done int) {
			if done > batchLines { // the first batch is noted
				panic("stopped")
			}
		})
		return false
	}
	if !stopped() {
		t.Fatal("it was not stopped")
	}
	plan := planned(t, file, to)
	if plan.Imported != batchLines {
		t.Errorf("%d are noted, want %d", plan.Imported, batchLines)
	}
	imported(t, file, to)
	if status := statusOf(t, to); status.Waiting != events+batchLines || status.Failed != 1 {
		t.Errorf("afterwards the queue has %+v: only the batch that was not noted may be there twice", status)
	}
}

// If the pause was lost, the events would be sent when a hub starts.
func TestAPausedTrackingIsPausedAfterTheImport(t *testing.T) {
	from, to := directory(t), directory(t)
	fill(t, from, 1)
	set(t, from, "tracking/order-completed/paused", "true", "tracking/order-refunded/paused", "false")
	set(t, to, "tracking/order-refunded/paused", "true")
	file := exported(t, from, false)
	if a := planned(t, file, to); len(a.Changes) != 1 || a.Changes[0] != (Change{Action: Add, Name: "tracking/order-completed/paused", After: "true"}) {
		t.Errorf("the plan has %+v", a.Changes)
	}
	if done := imported(t, file, to); !slices.Equal(done.Settings, []string{"tracking/order-completed/paused"}) {
		t.Errorf("it wrote %q", done.Settings)
	}
	pauses, err := to.Pauses(t.Context())
	if err != nil || len(pauses) != 2 || pauses[0].Tracking.Name != "order-completed" || pauses[1].Tracking.Name != "order-refunded" {
		t.Errorf("paused are %+v, %v", pauses, err)
	}
	if again := planned(t, file, to); !again.IsEmpty() {
		t.Errorf("the second time it would import %+v", again)
	}
}

// laterRecord returns a record of a later release, of a webhook with a body of some bytes.
func laterRecord(body int) []byte {
	record := append([]byte{99}, make([]byte, 8+1+body)...)
	return binary.BigEndian.AppendUint32(record, crc32.Checksum(record, crc32.MakeTable(crc32.Castagnoli)))
}

// An event of a later release must not become one of this release: no release could read it.
func TestAnEventThatThisReleaseCannotReadIsImportedUnchanged(t *testing.T) {
	from, to := directory(t), directory(t)
	later, damaged := laterRecord(relay.MaxBody), []byte("a damaged record")
	queuesIn(t, from, func(queues *queue.Store) {
		q := queues.Queue("order-completed")
		failure := relay.Failure{Tracking: "order-completed", Reason: "envelope_unreadable", Receives: 1}
		if err := q.Restore(queue.Event{Record: later, Receives: 2, Due: time.Now().Add(time.Hour), Reason: "envelope_version"}); err != nil {
			t.Fatal(err)
		}
		if err := q.RestoreDead(queue.Dead{DeadLetter: spool.DeadLetter{Failure: failure, FailedAt: time.Now()}, Record: damaged}); err != nil {
			t.Fatal(err)
		}
	})
	imported(t, exported(t, from, false), to)
	queuesIn(t, to, func(queues *queue.Store) {
		err := queues.Queue("order-completed").Copy(func(e queue.Event) error {
			if !bytes.Equal(e.Record, later) || e.Receives != 2 || e.Reason != "envelope_version" {
				t.Errorf("the waiting event has a record of %d bytes, %d receives, reason %s", len(e.Record), e.Receives, e.Reason)
			}
			return nil
		}, func(d queue.Dead) error {
			if !bytes.Equal(d.Record, damaged) || d.Failure.Reason != "envelope_unreadable" {
				t.Errorf("the dead letter has the record %q, %+v", d.Record, d.Failure)
			}
			return nil
		})
		if status := queues.Queue("order-completed").Status(); err != nil || status.Waiting != 1 || status.Failed != 1 {
			t.Errorf("the queue has %+v, %v", status, err)
		}
	})
}

// A directory cannot keep a message of SQS that this release cannot open.
func TestAMessageOfSQSThatCannotBeReadStaysInTheFile(t *testing.T) {
	letter := spool.DeadLetter{Envelope: relay.Envelope{Body: []byte(`{"v":99}`)}, Err: relay.ErrVersion, Failure: relay.Failure{Reason: "too_many_receives"}}
	file, to := filepath.Join(t.TempDir(), "aws.jsonl.gz"), directory(t)
	events := func(_ context.Context, write func(Line) error) error {
		return write(messageLine(tracking.OrderCompleted, letter))
	}
	if _, err := ExportFile(t.Context(), file, directory(t), events, false); err != nil {
		t.Fatal(err)
	}
	if text := unzipped(t, file); !strings.Contains(text, `"message":"{\"v\":99}"`) {
		t.Errorf("the file is\n%s", text)
	}
	if done := imported(t, file, to); done.Unreadable != 1 || statusOf(t, to).Failed != 0 {
		t.Errorf("it imported %+v", done)
	}
}

// TestEveryTrackingIsExported finds a tracking whose events FromQueues leaves out.
func TestEveryTrackingIsExported(t *testing.T) {
	from := directory(t)
	queuesIn(t, from, func(queues *queue.Store) {
		for _, each := range tracking.All() {
			if err := queues.Queue(each.Name).Put(t.Context(), relay.Envelope{Received: time.Now(), Body: []byte("{}")}); err != nil {
				t.Fatal(err)
			}
		}
	})
	if a, err := Open(exported(t, from, false)); err != nil || a.Waiting != len(tracking.All()) {
		t.Errorf("%+v, %v", a, err)
	}
}

// Without its lines, an imported event would not be shown before its next attempt.
func TestAnImportedEventIsRetriedAsBeforeAndShownBefore(t *testing.T) {
	from, to := directory(t), directory(t)
	received, due := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	body := []byte(`{"id":"w-1","triggered_by":"order.paid","payload":{"data":{"type":"order","id":"o-1"}}}`)
	queuesIn(t, from, func(queues *queue.Store) {
		q := queues.Queue("order-completed")
		if err := q.Restore(queue.Event{Envelope: relay.Envelope{Received: received, Body: body}, Receives: 3, Due: due, Reason: "segment_429", NotBefore: due}); err != nil {
			t.Fatal(err)
		}
	})
	imported(t, exported(t, from, false), to)
	queuesIn(t, to, func(queues *queue.Store) {
		q := queues.Queue("order-completed")
		if retried, err := q.RetrySome(9); retried != 0 || err != nil {
			t.Errorf("%d events are attempted before the time that the receiver asked for, %v", retried, err)
		}
	})
	records, err := disk.OpenToRead(to.Backend.(store.Directory).File(store.ExecutionsFolder))
	if err != nil {
		t.Fatal(err)
	}
	defer records.Close()
	found, err := records.Find(t.Context(), executions.Query{}, executions.Page{Rows: 9})
	if err != nil || len(found.Rows) != 1 {
		t.Fatalf("the executions are %+v, %v", found.Rows, err)
	}
	e := found.Rows[0]
	if e.Resource != "o-1" || e.Event != "order.paid" || e.Outcome != executions.Retrying || e.Attempts != 3 || e.Reason != "segment_429" || !e.Received.Equal(received) {
		t.Errorf("the execution is %+v", e)
	}
}

// A deployment and hub configure also set parameters to their defaults.
func TestOnlySettingsThatDifferFromTheDefaultsAreCounted(t *testing.T) {
	from := directory(t)
	set(t, from, "tracking/order-updated/enabled", "true", "tracking/order-updated/events", "order.updated", "tracking/order-refunded/enabled", "false")
	counts, err := Export(t.Context(), io.Discard, from, nil, false)
	if err != nil || counts.Settings != 1 {
		t.Errorf("it counts %d settings, %v", counts.Settings, err)
	}
	if text := unzipped(t, exported(t, from, false)); !strings.Contains(text, "tracking/order-updated/enabled") {
		t.Error("a setting that is the default is not exported")
	}
}
