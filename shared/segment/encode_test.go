package segment

import (
	"bytes"
	"encoding/json"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// many returns a list that has one value several times.
func many(v any, times int) []any { return slices.Repeat([]any{v}, times) }

// fields returns an object that has one value under count names of a size.
func fields(v any, count, size int) map[string]any {
	object := make(map[string]any, count)
	for i := range count {
		object[strings.Repeat("k", size)+string(rune(0x4e00+i))] = v
	}
	return object
}

// A value that is in a message many times is written only until the limit. So a small
// template cannot fill the memory with one message.
func TestEncodingStopsAtTheLimit(t *testing.T) {
	const most = 1 << 20
	long, control := strings.Repeat("a", 100_000), strings.Repeat("\x01", 10_000_000)
	products := func(list []any) map[string]any {
		return map[string]any{"event": "E", "properties": map[string]any{"products": list}}
	}
	property := func(v any) map[string]any {
		return map[string]any{"event": "E", "properties": map[string]any{"v": v}}
	}
	tests := []struct {
		name    string
		written map[string]any
		invalid bool
	}{
		{"a long text of control characters", property(control), true},
		{"a long text that is not UTF-8", property(strings.Repeat("\xff", 10_000_000)), true},
		{"a long text as the event", map[string]any{"event": control}, true},
		{"a long text as the user", map[string]any{"event": "E", "userId": control}, true},
		{"a long text as the type", map[string]any{"type": control}, true},
		{"a long text as the messageId", map[string]any{"event": "E", "messageId": control}, true},
		{"a long text as a time", map[string]any{"event": "E", "timestamp": "2026-01-02T03:04:05." + strings.Repeat("0", 10_000_000) + "Z"}, true},
		{"a long text as createdAt", map[string]any{"type": "identify", "userId": "u", "traits": map[string]any{"createdAt": control}}, true},
		{"a long name", property(map[string]any{control: 1.0}), true},
		{"a long text in a list many times", property(many(long, 1000)), true},
		{"a long text in an object many times", property(fields(long, 1000, 1)), true},
		{"long names", property(fields(1.0, 1000, 1000)), true},
		{"lists in lists that are the same", property(many(many(many(long, 1000), 1000), 1000)), true},
		{"a long list", property(many(nil, 1_000_000)), true},
		{"a long product many times", products(many(long, 40_000)), false},
		{"products that are long lists", products(many(many(long, 1000), 40_000)), false},
		{"small products", products(many("p", 1_000_000)), false},
		{"one product that is too long after some", products(append(many("p", 10), control)), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			written := []map[string]any{test.written}
			allocated := allocatedBy(func() {
				messages, err := NewMessages(anOrder(), written)
				if (err != nil) != test.invalid {
					t.Errorf("got error %v, want one: %v", err, test.invalid)
				}
				if err == nil && len(messages[0].JSON) > maxMessageBytes {
					t.Errorf("a message has %d bytes", len(messages[0].JSON))
				}
			})
			if allocated > most {
				t.Errorf("it allocates %d bytes, want at most %d", allocated, most)
			}
		})
	}
}

// allocatedBy returns how many bytes a function allocates in total.
func allocatedBy(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestMessagesOfOneEventAreBounded(t *testing.T) {
	large := map[string]any{"event": "E", "properties": map[string]any{"v": strings.Repeat("a", 31_000)}}
	written := slices.Repeat([]map[string]any{large}, MaxEventBytes/31_000)
	if _, err := NewMessages(anOrder(), written[:len(written)-20]); err != nil {
		t.Errorf("messages of less than %d bytes: %v", MaxEventBytes, err)
	}
	written = slices.Repeat(written, 100)
	allocated := allocatedBy(func() {
		if _, err := NewMessages(anOrder(), written); err == nil || !strings.Contains(err.Error(), "the limit of 16 MB for one event") {
			t.Errorf("got error %v, want that there are too many", err)
		}
	})
	if allocated > 4*MaxEventBytes {
		t.Errorf("it allocates %d bytes for messages that are not sent", allocated)
	}
}

// The encoder writes what encoding/json writes, so that any reader of JSON reads it.
func TestEncoderWritesWhatEncodingJSONWrites(t *testing.T) {
	var every strings.Builder
	for r := rune(1); r < 0x300; r++ {
		every.WriteRune(r)
	}
	for _, v := range []any{
		nil, true, false, "", "plain", every.String(), "é 😀 \u2028 \u2029 \ufffd \u200b", "\xff\xc3(\xed\xa0\x80", "a\xf0\x9f",
		0.0, math.Copysign(0, -1), 1.0, -1.5, 0.1, 19.99, 1e20, 1e21, -1e21, 1e-6, 9.99e-7, 5e-324, math.MaxFloat64, 123456789012345680.0,
		1, int64(math.MinInt64), json.Number("9007199254740993"), []string{"<a>"}, map[string]int{"&": 1},
		[]any{}, []any{nil, []any{1.0, "x"}}, map[string]any{}, map[string]any{"b": 1.0, "a": map[string]any{"d": nil, "c\"\n": "é"}, "": []any{}},
	} {
		var want bytes.Buffer
		encoder := json.NewEncoder(&want)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(v); err != nil {
			t.Fatal(err)
		}
		e := newEncoder(1 << 20)
		if !e.value(v) || string(e.json)+"\n" != want.String() {
			t.Errorf("got  %s\nwant %s", e.json, want.String())
		}
		exact, short := newEncoder(want.Len()-1), newEncoder(want.Len()-2)
		if !exact.value(v) || short.value(v) {
			t.Errorf("%s: it must fit into %d bytes, and not into %d", e.json, want.Len()-1, want.Len()-2)
		}
	}
}
