package disk

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/tracking"
)

var limits = Limits{Age: 30 * 24 * time.Hour, Bytes: 1 << 30}

// opened opens the executions in a directory for a test, and returns what is logged.
func opened(t testing.TB, dir string, limits Limits) (*Store, *bytes.Buffer) {
	t.Helper()
	logged := &bytes.Buffer{}
	s, err := Open(dir, limits, slog.New(slog.NewTextHandler(logged, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return s, logged
}

// stopped is a store that writes and prunes only when the test says so.
func stopped(t testing.TB, dir string, limits Limits) (*Store, *bytes.Buffer) {
	t.Helper()
	s, logged := opened(t, dir, limits)
	s.stop()
	<-s.ended
	return s, logged
}

func closed(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// delivered returns the lines of a delivered webhook.
func delivered(order string, received time.Time) []executions.Line {
	accept := executions.Line{Time: received, Kind: "accept", Tracking: "order-completed", Received: received, Event: "order.paid",
		WebhookID: "w-" + order, Attempt: 1, Resource: order, Number: "N" + order, Outcome: "accepted"}
	deliver := accept
	deliver.Kind, deliver.Outcome, deliver.Time, deliver.EventTime = "deliver", "delivered", received.Add(30*time.Millisecond), received.Add(-time.Second)
	deliver.Revenue, deliver.Currency, deliver.Total, deliver.Took = "1234567.5", "GBP", "1310.00 GBP", 30
	deliver.Calls = []segment.Calls{{Call: segment.Call{Type: "track", Event: "Order Completed", Consent: true}, Messages: 1}}
	deliver.LeftOut, deliver.LeftOutReason = 2, "commerce_timeout"
	deliver.Regulations = []string{"reg_1"}
	deliver.Receives, deliver.MessageIDs = 1, []string{"order-completed:" + order + ":0-track:0123456789abcdef"}
	return []executions.Line{accept, deliver}
}

func add(s *Store, lines ...executions.Line) {
	for _, line := range lines {
		s.buffer.add(line)
	}
}

func find(t testing.TB, log executions.Log, q executions.Query, page executions.Page) executions.Found {
	t.Helper()
	found, err := log.Find(t.Context(), q, page)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestExecutionsSurviveARestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "executions")
	now := time.Now()
	s, _ := opened(t, dir, limits)
	lines := delivered("o-1", now)
	add(s, lines[0])
	closed(t, s)
	s, _ = opened(t, dir, limits)
	add(s, lines[1])
	want := executions.Of(lines)
	for _, name := range []string{"before the restart", "after it"} {
		found := find(t, s, executions.Query{From: now.Add(-time.Hour)}, executions.Page{Rows: 10, Summary: true})
		if len(found.Rows) != 1 || found.Summary.Total.Count(executions.Delivered) != 1 || found.All != 1 || found.Summary.Total.P50 < 1000 {
			t.Fatalf("%s it finds %+v", name, found)
		}
		sameExecution(t, found.Rows[0], want[0])
		closed(t, s)
		s, _ = opened(t, dir, limits)
	}
	closed(t, s)
	files, err := OpenToRead(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, files)
	if found := find(t, files, executions.Query{ID: "o-1"}, executions.Page{Rows: 10}); len(found.Rows) != 1 {
		t.Errorf("without a hub it finds %+v", found)
	}
}

// Earlier releases wrote records without the number and the total of the order, and without how
// long an attempt took; without the calls; without what was left out of a message; and without the regulations.
func TestARecordOfAnEarlierReleaseIsRead(t *testing.T) {
	want := executions.Of(delivered("o-1", time.Now()))[0]
	record := encode(want)
	check := func(without int) {
		t.Helper()
		got, err := decode(keyOf(want.Received, want.Tracking), record[:len(record)-without])
		if err != nil {
			t.Fatal(err)
		}
		sameExecution(t, got, want)
	}
	later := writer{}
	later.regulations(want.Lines)
	for i := range want.Lines {
		want.Lines[i].Regulations = nil
	}
	check(len(later))

	later.leftOut(want.Lines)
	want.LeftOut = 0
	for i := range want.Lines {
		want.Lines[i].LeftOut, want.Lines[i].LeftOutReason = 0, ""
	}
	check(len(later))

	later.calls(want.Lines)
	for i := range want.Lines {
		want.Lines[i].Calls = nil
	}
	check(len(later))

	later.laterFields(want.Lines)
	want.Number, want.Total = "", ""
	for i := range want.Lines {
		want.Lines[i].Number, want.Lines[i].Total, want.Lines[i].Took = "", "", 0
	}
	check(len(later))
}

func TestAnOrderIsFoundByItsNumberAndItsTotal(t *testing.T) {
	s, _ := opened(t, t.TempDir(), limits)
	defer closed(t, s)
	now := time.Now()
	for _, order := range []string{"a1042", "b2", "c10425"} {
		add(s, delivered(order, now.Add(-time.Minute))...)
		now = now.Add(time.Second)
	}
	for _, q := range []executions.Query{{ID: "Na1042"}, {Text: "na1042"}} {
		if found := find(t, s, q, executions.Page{Rows: 10}); len(found.Rows) != 1 || found.Rows[0].Resource != "a1042" || found.Rows[0].Total != "1310.00 GBP" {
			t.Errorf("%+v finds %+v", q, found.Rows)
		}
	}
	if found := find(t, s, executions.Query{Text: "1310.00"}, executions.Page{Rows: 10}); len(found.Rows) != 3 {
		t.Errorf("the total finds %d orders", len(found.Rows))
	}
}

// sameExecution fails unless two executions are the same, whatever the zones of their times.
func sameExecution(t testing.TB, got, want executions.Execution) {
	t.Helper()
	if !got.Received.Equal(want.Received) || len(got.Lines) != len(want.Lines) {
		t.Fatalf("got\n%+v, want\n%+v", got, want)
	}
	got.Received = want.Received
	for i := range got.Lines {
		for _, times := range [][2]*time.Time{{&got.Lines[i].Time, &want.Lines[i].Time}, {&got.Lines[i].Received, &want.Lines[i].Received}, {&got.Lines[i].EventTime, &want.Lines[i].EventTime}} {
			if times[0].Equal(*times[1]) {
				*times[0] = *times[1]
			}
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got\n%+v, want\n%+v", got, want)
	}
}

// randomLines returns the lines of many webhooks, in the order in which a hub logs them.
func randomLines(random *rand.Rand, webhooks int, now time.Time) []executions.Line {
	var lines []executions.Line
	for n := range webhooks {
		received := now.Add(-time.Duration(random.Int64N(int64(50 * time.Hour)))).UTC()
		t := tracking.All()[random.IntN(7)]
		line := executions.Line{Time: received, Kind: "accept", Tracking: t.Name, Received: received, Event: t.Observable()[random.IntN(len(t.Observable()))],
			WebhookID: fmt.Sprintf("webhook-%d", n), Attempt: 1, Resource: fmt.Sprintf("Resource-%03d", random.IntN(100)), Outcome: "accepted"}
		if random.IntN(10) == 0 {
			lines = append(lines, executions.Line{Time: received, Kind: "accept", Tracking: t.Name, Outcome: []string{"not_json", "forged"}[random.IntN(2)], Detail: "no key"})
			continue
		}
		lines = append(lines, line)
		for receives := range random.IntN(4) {
			deliver := line
			deliver.Kind, deliver.Time, deliver.Receives = "deliver", received.Add(time.Duration(receives+1)*time.Minute), receives+1
			deliver.Outcome, deliver.Reason, deliver.Detail, deliver.RetryIn = "retrying", []string{"segment_503", "template"}[random.IntN(2)], "Line 3", "30s"
			if receives == 2 {
				deliver.RetryIn, deliver.Reason, deliver.Detail = "", "", ""
				switch random.IntN(4) {
				case 0:
					deliver.Outcome, deliver.Reason = "failed", "message_invalid"
				case 1:
					deliver.Outcome, deliver.Reason = "skipped", "filtered"
				default:
					deliver.Outcome, deliver.EventTime = "delivered", received.Add(-time.Duration(random.Int64N(int64(time.Hour))))
					deliver.MessageIDs = []string{fmt.Sprintf("%s:%s:0-track", t.Name, line.Resource)}
				}
			}
			lines = append(lines, deliver)
		}
	}
	return lines
}

// randomQuery returns a query that selects some of randomLines.
func randomQuery(random *rand.Rand, now time.Time) executions.Query {
	some := func(values ...string) string {
		if random.IntN(2) == 0 {
			return ""
		}
		return values[random.IntN(len(values))]
	}
	q := executions.Query{From: now.Add(-time.Duration(random.Int64N(int64(60 * time.Hour))))}
	if random.IntN(3) == 0 {
		q.To = q.From.Add(time.Duration(random.Int64N(int64(20 * time.Hour))))
	}
	if random.IntN(2) == 0 {
		q.Outcomes = append(q.Outcomes, executions.Outcomes[random.IntN(6)], executions.Outcomes[random.IntN(6)])
	}
	if random.IntN(3) == 0 {
		q.Trackings = []tracking.Tracking{tracking.All()[random.IntN(7)]}
	}
	switch random.IntN(4) {
	case 0:
		q.Event = some("order.paid", "order.created", "customer.updated")
		q.Reason = some("segment_503", "message_invalid", "receives_exhausted", "forged")
	case 1:
		q.Text = some("RESOURCE-01", "segment_5", "the LINE", "order-c", "line 3", "webhook-7", "nothing", ":0-track")
	case 2:
		q.ID = some("Resource-01", "Resource-017", "webhook-5", "webhook-", "Resource", "Res")
	}
	return q
}

// Every page of every query is that of a list in memory, and so are the counts.
func TestPagesAndCountsAreThoseOfAListInMemory(t *testing.T) {
	for seed := range uint64(2) {
		random := rand.New(rand.NewPCG(seed, 1))
		now := time.Now()
		lines := randomLines(random, 1500, now)
		dir := t.TempDir()
		s, _ := stopped(t, dir, limits)
		s.fileBytes = 256 << 10
		for _, ago := range []time.Duration{48, 30, 16, 2} { // as if the hub had run for two days
			if err := s.begin(now.Add(-ago * time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
		for at := 0; at < len(lines); {
			n := min(1+random.IntN(400), len(lines)-at)
			add(s, lines[at:at+n]...)
			s.flush()
			at += n
		}
		list := executions.Of(lines)
		for range 100 {
			q := randomQuery(random, now)
			page := executions.Page{Rows: 1 + random.IntN(1000), Summary: true}
			for pages := 0; ; pages++ {
				got := find(t, s, q, page)
				want, err := list.Find(q, page, time.Now())
				if err != nil {
					t.Fatal(err)
				}
				if len(got.Rows) != len(want.Rows) || got.Next != want.Next || got.All != want.All {
					t.Fatalf("seed %d, %+v, page %d %+v: got %d rows, next %q, of %d; want %d, %q, of %d", seed, q, pages, page, len(got.Rows), got.Next, got.All, len(want.Rows), want.Next, want.All)
				}
				for i := range got.Rows {
					sameExecution(t, got.Rows[i], want.Rows[i])
				}
				sameSummary(t, got.Summary, want.Summary)
				if page.After = got.Next; page.After == "" {
					break
				}
			}
		}
		closed(t, s)
	}
}

func sameSummary(t *testing.T, got, want executions.Summary) {
	t.Helper()
	if text := got.Says("x"); text != want.Says("x") || len(got.Parts) != len(want.Parts) || len(got.Kinds) != len(want.Kinds) {
		t.Fatalf("got %q, want %q", text, want.Says("x"))
	}
	for i, part := range got.Parts {
		if fmt.Sprint(part) != fmt.Sprint(want.Parts[i]) {
			t.Fatalf("part %d is\n%+v, want\n%+v", i, part, want.Parts[i])
		}
	}
	for i, kind := range got.Kinds {
		if kind.Kind != want.Kinds[i].Kind || kind.N != want.Kinds[i].N {
			t.Fatalf("kind %d is %+v, want %+v", i, kind, want.Kinds[i])
		}
	}
}

func TestOldExecutionsAreRemoved(t *testing.T) {
	now := time.Now()
	fill := func(t *testing.T, s *Store) {
		for day := 5; day >= 0; day-- {
			at := now.Add(-time.Duration(day) * 24 * time.Hour)
			if err := s.begin(at); err != nil {
				t.Fatal(err)
			}
			for n := range 10 {
				add(s, delivered(fmt.Sprintf("o-%d-%d", day, n), at.Add(time.Duration(n)*time.Second))...)
			}
			s.flush()
		}
	}
	for _, c := range []struct {
		name   string
		limits func(bytes int64) Limits
		left   int
	}{
		{"by age", func(int64) Limits { return Limits{50 * time.Hour, 1 << 30} }, 40},
		{"all, because all are old", func(int64) Limits { return Limits{time.Nanosecond, 1 << 30} }, 0},
		{"by size", func(bytes int64) Limits { return Limits{1000 * time.Hour, bytes * 6 / 10} }, 30},
		{"by size, but not the current file", func(int64) Limits { return Limits{1000 * time.Hour, 1} }, 10},
		{"none", func(bytes int64) Limits { return Limits{1000 * time.Hour, bytes} }, 60},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, logged := stopped(t, t.TempDir(), limits)
			defer closed(t, s)
			fill(t, s)
			var size int64
			for _, f := range s.files {
				size += f.bytes.Load()
			}
			s.limits = c.limits(size)
			at := now
			if c.left == 0 {
				at = now.Add(48 * time.Hour)
			}
			s.prune(at)
			found := find(t, s, executions.Query{From: now.Add(-1000 * time.Hour), To: now.Add(time.Hour)}, executions.Page{Rows: 100, Summary: true})
			if len(found.Rows) != c.left || found.All != c.left {
				t.Errorf("%d executions are left, counted as %d, want %d", len(found.Rows), found.All, c.left)
			}
			if says := fmt.Sprintf("executions=%d ", 60-c.left); strings.Count(logged.String(), "\n") != min(60-c.left, 1) || c.left < 60 && !strings.Contains(logged.String(), says) {
				t.Errorf("it logs %q, want %q in one line", logged, says)
			}
		})
	}
}

// Anyone can post webhooks with a wrong key.
func TestForgedWebhooksDisplaceNoGenuineOnes(t *testing.T) {
	s, _ := stopped(t, t.TempDir(), limits)
	defer closed(t, s)
	now := time.Now()
	add(s, delivered("genuine", now.Add(-time.Second))...)
	for n := range 5000 {
		add(s, executions.Line{Time: now.Add(time.Duration(n)), Kind: "accept", Tracking: tracking.All()[n%7].Name, Outcome: "forged"})
	}
	found := find(t, s, executions.Query{From: now.Add(-time.Hour)}, executions.Page{Rows: 1000, Summary: true})
	if n := found.Summary.Total.Count(executions.Rejected); n != forgedPerHour || len(found.Rows) != n+1 || found.Rows[n].Resource != "genuine" {
		t.Errorf("it keeps %d forged webhooks, and %d executions", n, len(found.Rows))
	}
}

func TestADamagedFileIsSetAside(t *testing.T) {
	damage := func(t *testing.T, path string) {
		if err := os.WriteFile(path, bytes.Repeat([]byte("damage! "), 8<<10), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write := func(t *testing.T, dir string) (path string) {
		s, _ := opened(t, dir, limits)
		add(s, delivered("o-1", time.Now())...)
		s.flush()
		path = s.files[0].path
		closed(t, s)
		return path
	}
	works := func(t *testing.T, s *Store, logged *bytes.Buffer, path string) {
		t.Helper()
		add(s, delivered("o-2", time.Now())...)
		found := find(t, s, executions.Query{}, executions.Page{Rows: 10, Summary: true})
		if len(found.Rows) != 1 || found.Rows[0].Resource != "o-2" {
			t.Errorf("after that it finds %+v", found.Rows)
		}
		aside, _ := filepath.Glob(path + ".damaged-*")
		if len(aside) != 1 || strings.Count(logged.String(), "a file of executions is damaged") != 1 {
			t.Errorf("the files are %q, and it logs %s", aside, logged)
		}
	}
	t.Run("when the hub starts", func(t *testing.T) {
		dir := t.TempDir()
		path := write(t, dir)
		damage(t, path)
		s, logged := opened(t, dir, limits)
		defer closed(t, s)
		works(t, s, logged, path)
	})
	t.Run("while it runs", func(t *testing.T) {
		dir := t.TempDir()
		path := write(t, dir)
		s, logged := stopped(t, dir, limits)
		defer closed(t, s)
		if err := os.Truncate(path, 8<<10); err != nil {
			t.Fatal(err)
		}
		find(t, s, executions.Query{}, executions.Page{Rows: 10, Summary: true})
		works(t, s, logged, path)
	})
	t.Run("when it is written", func(t *testing.T) {
		dir := t.TempDir()
		path := write(t, dir)
		s, _ := stopped(t, dir, limits)
		add(s, delivered("o-2", time.Now())...)
		if err := os.Truncate(path, 8<<10); err != nil {
			t.Fatal(err)
		}
		if s.flush() {
			t.Error("a write of which nothing is on the disk succeeded")
		}
		closed(t, s)
	})
	t.Run("when the hub stops", func(t *testing.T) {
		dir := t.TempDir()
		path := write(t, dir)
		s, _ := stopped(t, dir, limits)
		add(s, delivered("o-2", time.Now())...)
		if err := os.Truncate(path, 8<<10); err != nil {
			t.Fatal(err)
		}
		closed(t, s)
		s, _ = opened(t, dir, limits)
		defer closed(t, s)
		if found := find(t, s, executions.Query{}, executions.Page{Rows: 10}); len(found.Rows) != 1 || found.Rows[0].Resource != "o-2" {
			t.Errorf("after a restart it finds %+v", found.Rows)
		}
	})
}

// On Windows a file is as large as its map, with little in it.
func TestTheSizeOfAFileIsThatOfItsDatabase(t *testing.T) {
	dir := t.TempDir()
	s, _ := stopped(t, dir, limits)
	add(s, delivered("o-1", time.Now())...)
	s.flush()
	path, size := s.files[0].path, s.files[0].bytes.Load()
	closed(t, s)
	if err := os.Truncate(path, 4*fileBytes); err != nil {
		t.Fatal(err)
	}
	s, _ = stopped(t, dir, limits)
	defer closed(t, s)
	if got := s.files[0].bytes.Load(); got != size {
		t.Errorf("the size is %d, want %d", got, size)
	}
}

// The counters say where the oldest executions are, in whichever file.
func TestTheOldestExecutionsAreFound(t *testing.T) {
	s, _ := stopped(t, t.TempDir(), limits)
	defer closed(t, s)
	now := time.Now()
	for _, ago := range []time.Duration{30 * time.Hour, 29*time.Hour + 59*time.Minute, 3 * time.Hour, time.Minute} {
		if err := s.begin(now.Add(-ago)); err != nil {
			t.Fatal(err)
		}
		for n := range 20 {
			add(s, delivered(fmt.Sprint("o-", ago, n), now.Add(-ago+time.Duration(n)))...)
		}
		s.flush()
	}
	for _, c := range []struct{ since, oldest time.Duration }{{36 * time.Hour, 30 * time.Hour}, {4 * time.Hour, 3 * time.Hour}, {3*time.Hour - 2*time.Minute, time.Minute}} {
		rows, err := executions.Oldest(t.Context(), s, executions.Query{From: now.Add(-c.since)}, 25)
		if err != nil || len(rows) == 0 {
			t.Fatalf("of %v it finds %d executions, %v", c.since, len(rows), err)
		}
		if got := now.Sub(rows[len(rows)-1].Received); got != c.oldest {
			t.Errorf("of %v the oldest is from %v ago, want %v", c.since, got, c.oldest)
		}
	}
}
