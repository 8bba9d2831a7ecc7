package functions_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/emulator/standin"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/serve"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
)

const (
	// memory is the memory of a function, in bytes.
	memory = serve.Memory << 20
	// most is how much of it any batch may use.
	most = 150 << 20
	// mostOfTick is how much of it a tick may use, which has several batches at the same time.
	mostOfTick = 170 << 20
)

// smallOrder is the body for hostile templates.
const smallOrder = `{"triggered_by":"order.paid","payload":{"data":{"id":"a","type":"order"}}}`

// orderWith returns a body with a list of as many elements as fit into a number of bytes.
func orderWith(element string, bytes int) string {
	list := strings.TrimSuffix(strings.Repeat(element+",", bytes/(len(element)+1)), ",")
	return `{"triggered_by":"order.paid","payload":{"data":{"id":"a","type":"order","x":[` + list + `]}}}`
}

const plainTemplate = `{"event":"e","userId":"u"}`

// hostile has templates and bodies that try to fill the memory.
var hostile = []struct{ name, template, body string }{
	{"a long text of control characters", `{"event":"e","userId":"u","x":$pad("",5e7,"\u0001")}`, smallOrder},
	{"one long text in many products", `($o:=$pad("",1e5,"a");{"event":"e","userId":"u","properties":{"products":[1..40000].($o)}})`, smallOrder},
	{"one long text in many fields", `($o:=$pad("",1e5,"a");{"event":"e","userId":"u","properties":[1..20000]{$string($):$o}})`, smallOrder},
	{"one long text in many messages", `($o:=$pad("",30000,"a");[1..40000].{"event":"e","userId":"u","x":$o})`, smallOrder},
	{"many long names", `($o:=$pad("",1000,"a");{"event":"e","userId":"u","properties":{"products":[1..20000].{$o:1}}})`, smallOrder},
	{"lists within lists that are the same", `($a:=[1..100].[1];$b:=[1..100].[$a];{"event":"e","userId":"u","x":[1..100].[$b]})`, smallOrder},
	{"a long event", `{"event":$pad("",6e7,"a"),"userId":"u"}`, smallOrder},
	{"a long user", `{"event":"e","userId":$pad("",6e7,"a")}`, smallOrder},
	{"a long time", `{"event":"e","userId":"u","timestamp":$pad("2026-01-02T03:04:05",5e7,"0")}`, smallOrder},
	{"a long messageId", `{"event":"e","userId":"u","messageId":$pad("",6e7,"a")}`, smallOrder},
	{"a long type", `{"type":$pad("",6e7,"a"),"userId":"u"}`, smallOrder},
	{"a long error", `$error($pad("",6e7,"a"))`, smallOrder},
	{"a text that doubles", `$reduce([1..60],function($t,$i){$t & $t},"a")`, smallOrder},
	{"a list that doubles", `$reduce([1..60],function($t,$i){$append($t,$t)},[1])`, smallOrder},
	{"many small objects", `{"event":"e","userId":"u","x":[1..100000].{"a":{}}}`, smallOrder},
	{"many groups", `{"event":"e","userId":"u","x":[1..300000]{$string($):$}}`, smallOrder},
	{"a sorted list", `{"event":"e","userId":"u","x":$sort([1..900000])}`, smallOrder},
	{"a long text as JSON", `{"event":"e","userId":"u","x":$string([1..60].($pad("",1e6,"\u0001")))}`, smallOrder},

	{"objects with an empty object each", plainTemplate, orderWith(`{"a":{}}`, 2_241_000)},
	{"empty objects", plainTemplate, orderWith(`{}`, 1_490_000)},
	{"numbers", plainTemplate, orderWith(`12345678`, 4_470_000)},
	{"lists with an empty list each", plainTemplate, orderWith(`[[]]`, 1_245_000)},
	{"long texts", plainTemplate, orderWith(`"`+strings.Repeat("a", 1000)+`"`, 6_200_000)},
	{"objects with all of them in a message", `{"event":"e","userId":"u","x":payload}`, orderWith(`{"a":{}}`, 2_241_000)},
	{"a field that is there many times", plainTemplate, strings.Replace(smallOrder, `{"data"`, `{`+strings.Repeat(`"a":1,`, 490_000)+`"data"`, 1)},
}

// A batch of ten events never fills the memory of a function, even with hostile templates
// and events.
func TestAtScaleNoBatchFillsTheMemoryOfAFunction(t *testing.T) {
	segment := newStandIn(t)
	for _, c := range hostile {
		t.Run(c.name, func(t *testing.T) {
			parameters, err := json.Marshal(map[string]string{
				settings.SegmentHost:                       segment.url,
				settings.SegmentWriteKey:                   writeKey,
				settings.WebhookSecret:                     secret,
				settings.Template(tracking.OrderCompleted): c.template,
			})
			if err != nil {
				t.Fatal(err)
			}
			enclose := newGroup(t)
			function := startIn(t, tracking.OrderCompleted.Name,
				settings.Variable+"="+string(parameters), "GOMEMLIMIT="+serve.MemoryLimit())
			enclose(function.pid)
			record := envelope(t, relay.Envelope{Received: received, Body: []byte(c.body)})
			before := time.Now()
			kept := function.deliver(t, slices.Repeat([]string{record}, spool.BatchSize)...)
			peak := peakOf(t, function.pid)
			t.Logf("%d MB at the most, %v, %d kept, %d messages", peak>>20, time.Since(before).Round(time.Millisecond), len(kept), len(segment.drain()))
			if peak > most {
				t.Errorf("it uses %d MB, want at most %d", peak>>20, most>>20)
			}
		})
	}
}

// A tick delivers up to four batches at the same time, and they must not need four times the
// memory of one.
func TestAtScaleNoTickFillsTheMemoryOfAFunction(t *testing.T) {
	for _, c := range hostile {
		t.Run(c.name, func(t *testing.T) {
			aws, segment := standin.Start(t), newStandIn(t)
			cloud := newCloud(t, aws.URL, tracking.OrderCompleted, 60)
			small := strings.Replace(smallOrder, `"id":"a"`, `"id":"small"`, 1)
			cloud.configure(segment, map[string]string{
				settings.Template(cloud.tracking): `payload.data.id = "small" ? ` + plainTemplate + ` : (` + c.template + `)`,
			})
			// The first three batches are delivered, so that there are four in the next round.
			for _, body := range slices.Concat(slices.Repeat([]string{small}, 3*spool.BatchSize), slices.Repeat([]string{c.body}, 4*spool.BatchSize)) {
				item := relay.Item{Receives: 1, Fresh: true, Envelope: relay.Envelope{Received: received, Body: []byte(body)}}
				if err := cloud.queues().Retry(t.Context(), item, relay.Next{}); err != nil {
					t.Fatal(err)
				}
			}
			enclose := newGroup(t)
			function := startIn(t, cloud.tracking.Name, append(cloud.environment(), "GOMEMLIMIT="+serve.MemoryLimit())...)
			enclose(function.pid)
			cloud.retry(function)
			peak := peakOf(t, function.pid)
			t.Logf("%d MB at the most, %d still wait, %d messages", peak>>20, cloud.undelivered(), len(segment.drain()))
			if peak > mostOfTick {
				t.Errorf("it uses %d MB, want at most %d", peak>>20, mostOfTick>>20)
			}
		})
	}
}

// newGroup makes a cgroup with the memory limit of a function, if this machine allows it, and
// returns a function that puts a process into it. The kernel ends a process there that uses
// more.
func newGroup(t *testing.T) (enclose func(pid int)) {
	t.Helper()
	for root, limit := range map[string]string{"/sys/fs/cgroup": "memory.max", "/sys/fs/cgroup/memory": "memory.limit_in_bytes"} {
		group, err := os.MkdirTemp(root, "function-")
		if err != nil {
			continue
		}
		t.Cleanup(func() { os.Remove(group) })
		if write(group, limit, memory) != nil {
			continue
		}
		return func(pid int) {
			if err := write(group, "cgroup.procs", pid); err != nil {
				t.Error(err)
			}
		}
	}
	t.Log("without a cgroup: this machine does not allow one")
	return func(int) {}
}

// write writes a number into a file that the kernel has made.
func write(group, file string, number int) error {
	f, err := os.OpenFile(filepath.Join(group, file), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(strconv.Itoa(number))
	return errors.Join(err, f.Close())
}

// peakOf returns the most memory that a process has used so far, in bytes.
func peakOf(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	kilobytes, err := strconv.Atoi(strings.Fields(after)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kilobytes << 10
}
