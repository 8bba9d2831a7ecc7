package compare_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/compare"
)

// object is a JSON object.
type object = map[string]any

// golden returns the messages that the default templates write for the bundled samples, without
// requests to delete a user, which no source receives.
func golden(t *testing.T) (messages []object) {
	t.Helper()
	files, err := filepath.Glob("../../../templates/testdata/*/*.segment.json")
	if err != nil || len(files) < 50 {
		t.Fatalf("there are the samples %q, %v", files, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var batch struct{ Batch []object }
		if err := json.Unmarshal(content, &batch); err != nil {
			t.Fatal(err)
		}
		messages = append(messages, batch.Batch...)
	}
	return slices.DeleteFunc(messages, func(m object) bool { return m["type"] == "delete" })
}

var start = time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)

// generated returns messages about so many different orders and customers.
func generated(t *testing.T, random *rand.Rand, count int) (messages []object) {
	t.Helper()
	samples := golden(t)
	for i := range count {
		m := clone(samples[i%len(samples)])
		id := fmt.Sprintf("%08x-0000-4000-8000-%012x", random.Uint32(), i)
		if properties := m["properties"]; properties != nil {
			properties.(object)["order_id"] = id
		}
		m["userId"] = fmt.Sprintf("user-%d", i)
		m["messageId"] = fmt.Sprintf("ours-%d", i)
		m["timestamp"] = start.Add(time.Duration(i) * time.Minute).Format("2006-01-02T15:04:05.000Z")
		messages = append(messages, m)
	}
	return messages
}

func clone(m object) (copied object) {
	text, _ := json.Marshal(m)
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	_ = decoder.Decode(&copied)
	return copied
}

// sequence returns messages as they are read.
func sequence(messages []object) compare.Messages {
	return func(yield func(compare.Message, error) bool) {
		for _, m := range messages {
			text, _ := json.Marshal(m)
			if !yield(compare.Parse(text)) {
				return
			}
		}
	}
}

// compared compares messages.
func compared(t *testing.T, theirs, ours []object, id string) *compare.Comparison {
	t.Helper()
	s, err := compare.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := s.AddTheirs(t.Context(), sequence(theirs)); err != nil {
		t.Fatal(err)
	}
	if err := s.AddOurs(t.Context(), sequence(ours)); err != nil {
		t.Fatal(err)
	}
	c, err := s.Compare(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// property returns the number of a property; 0 if it has none.
func property(m object, name string) float64 {
	properties, _ := m["properties"].(object)
	number, _ := properties[name].(json.Number)
	value, _ := number.Float64()
	return value
}

// change is a known difference: for which messages it is possible, and how it is made. It returns
// what is sent instead of the message.
type change struct {
	kind  compare.Kind
	field string
	can   func(object) bool
	make  func(m object) []object
}

// on returns a change of one member of the properties.
func on(kind compare.Kind, name string, can func(object) bool, change func(properties object)) change {
	return change1(kind, "properties."+name, can, func(m object) { change(m["properties"].(object)) })
}

func change1(kind compare.Kind, field string, can func(object) bool, apply func(object)) change {
	return change{kind, field, can, func(m object) []object { apply(m); return []object{m} }}
}

func isOrder(m object) bool { return m["type"] == "track" }

// changes are the known differences.
var changes = []change{
	on("100 times larger in theirs", "revenue", func(m object) bool { return property(m, "revenue") != 0 && m["event"] == "Order Completed" },
		func(p object) {
			cents, _ := p["revenue"].(json.Number).Float64()
			p["revenue"] = json.Number(fmt.Sprintf("%.1f", cents*100))
		}),
	on("text in theirs, number in ours", "total", func(m object) bool { return property(m, "total") != 0 },
		func(p object) {
			total, _ := p["total"].(json.Number).Float64()
			p["total"] = fmt.Sprintf("%.3f", total)
		}),
	on(compare.Named, "order_id", isOrder, func(p object) { p["orderId"] = p["order_id"]; delete(p, "order_id") }),
	change1(compare.Named, "event", isOrder, func(m object) {
		m["event"] = strings.ReplaceAll(strings.ToLower(m["event"].(string)), " ", "_")
	}),
	change1(compare.Later, "timestamp", func(object) bool { return true }, func(m object) {
		at, _ := time.Parse(time.RFC3339, m["timestamp"].(string))
		m["timestamp"] = at.Add(2 * time.Hour).Format(time.RFC3339)
	}),
	change1(compare.OtherValue, "userId", isOrder, func(m object) { m["userId"] = "shopper-" + m["userId"].(string) }),
	change1(compare.OnlyOurs, "anonymousId", func(m object) bool { return m["anonymousId"] != nil }, func(m object) { delete(m, "anonymousId") }),
	on("null in theirs, nothing in ours", "coupon", func(m object) bool { return isOrder(m) && m["properties"].(object)["coupon"] == nil },
		func(p object) { p["coupon"] = nil }),
	on(compare.OtherSign, "discount", func(m object) bool { return property(m, "discount") != 0 },
		func(p object) { p["discount"] = json.Number("-" + p["discount"].(json.Number).String()) }),
	on(compare.OtherCase, "currency", func(m object) bool { return isOrder(m) && m["properties"].(object)["currency"] != nil },
		func(p object) { p["currency"] = strings.ToLower(p["currency"].(string)) }),
	{compare.Repeated, "", isOrder, func(m object) []object {
		again := clone(m)
		again["messageId"], again["timestamp"] = "again", start.Add(time.Hour).Format(time.RFC3339)
		return []object{m, again}
	}},
	{compare.OnlyOurs, "", func(object) bool { return true }, func(object) []object { return nil }},
}

func TestKnownDifferencesAreFoundWithTheirExactCounts(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	ours := generated(t, random, 480)
	theirs := map[int][]object{}
	want := map[[3]string]int{} // by kind, field and event
	order := random.Perm(len(ours))
	for _, c := range changes {
		for made := 0; made < 5+len(c.field)%9; made++ {
			at := slices.IndexFunc(order, func(i int) bool { return theirs[i] == nil && c.can(ours[i]) && i > 0 && i < len(ours)-1 })
			if at < 0 {
				t.Fatalf("there are too few messages for %s %s", c.kind, c.field)
			}
			i := order[at]
			theirs[i] = append(c.make(clone(ours[i])), object{})
			event, _ := ours[i]["event"].(string)
			if event == "" {
				event = "identify"
			}
			want[[3]string{string(c.kind), c.field, event}]++
		}
	}
	var sent []object
	for i, m := range ours {
		changed := []object{clone(m)}
		if theirs[i] != nil {
			changed = theirs[i][:len(theirs[i])-1]
		}
		for j, m := range changed {
			m["messageId"] = fmt.Sprintf("theirs-%d-%d", i, j)
			m["receivedAt"], m["integrations"], m["channel"] = start.Format(time.RFC3339), object{}, "server"
			context, _ := m["context"].(object)
			m["context"] = object{"library": object{"name": "another"}}
			maps.Copy(m["context"].(object), context)
			sent = append(sent, m)
		}
	}
	random.Shuffle(len(sent), func(i, j int) { sent[i], sent[j] = sent[j], sent[i] })

	c := compared(t, sent, ours, "")
	got := map[[3]string]int{}
	for _, d := range c.Differences {
		got[[3]string{string(d.Kind), d.Field, d.Event}] = d.Events
		if d.Kind == compare.Later && (d.Shortest != 7200 || d.Longest != 7200) {
			t.Errorf("the times are %v to %v s apart, want 7200", d.Shortest, d.Longest)
		}
	}
	for key, count := range want {
		if got[key] != count {
			t.Errorf("%q was found %d times, want %d", key, got[key], count)
		}
	}
	for key, count := range got {
		if want[key] == 0 {
			t.Errorf("%q was found %d times, and is in none", key, count)
		}
	}
	changed := 0
	for key, count := range want {
		if key[1] == "userId" {
			changed += count
		}
	}
	if c.Users != (compare.Users{Changed: changed}) {
		t.Errorf("the users are %+v, want %d changed", c.Users, changed)
	}
	checkSums(t, c)
}

// checkSums checks that the reasons of each difference of revenues add up to it.
func checkSums(t *testing.T, c *compare.Comparison) {
	t.Helper()
	for _, r := range c.Revenue {
		left := r.Difference
		for _, reason := range r.Reasons {
			left = left.Sub(reason.Amount)
		}
		if left.Sign() != 0 || !r.Theirs.Sub(r.Ours).Equal(r.Difference) {
			t.Errorf("the reasons of %+v do not add up", r)
		}
	}
}
