package segment

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
)

// Segment receives the output of a template unchanged. Typed structs or a second decoder
// would lose some of this.
func TestMessageIsWhatTheTemplateWrote(t *testing.T) {
	var null *any
	pointed := any("kept")
	written := map[string]any{
		"type": "track", "event": "<Order> & Completed", "userId": "u", "messageId": "m", "timestamp": "2026-01-01T21:34:05.123Z",
		"channel": "server", "sentAt": "2026-01-01T00:00:00Z",
		"context":      map[string]any{"direct": false, "unheardOf": map[string]any{"deep": []any{null, nil, false, "é 😀 \u2028"}}},
		"integrations": nil,
		"traits":       null,
		"properties": map[string]any{
			"whole": int64(9007199254740993), "fraction": 0.1, "large": 1e21, "zero": 0.0, "empty": "",
			"none": []any{}, "nothing": map[string]any{}, "typed": []string{"a"}, "pointer": &pointed, "count": 3,
		},
	}
	const want = `{"channel":"server",` +
		`"context":{"direct":false,"unheardOf":{"deep":[null,null,false,"é 😀 \u2028"]}},` +
		`"event":"<Order> & Completed","integrations":null,"messageId":"m",` +
		`"properties":{"count":3,"empty":"","fraction":0.1,"large":1e+21,"none":[],"nothing":{},"pointer":"kept","typed":["a"],` +
		`"whole":9007199254740993,"zero":0},"sentAt":"2026-01-01T00:00:00Z",` +
		`"timestamp":"2026-01-01T21:34:05.123Z","traits":null,"type":"track","userId":"u"}`
	messages, err := NewMessages(anOrder(), []map[string]any{written})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(messages[0].JSON); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if len(written) != 11 {
		t.Error("NewMessages changed what was written")
	}
}

func TestNewMessagesOfNothing(t *testing.T) {
	messages, err := NewMessages(anOrder(), nil)
	if len(messages) != 0 || err != nil {
		t.Errorf("got %v, %v", messages, err)
	}
	if _, err := NewMessages(anOrder(), []map[string]any{nil}); err == nil || err.(*InvalidError).Field != "event" {
		t.Errorf("a message without any field: got %v, want it to need an event", err)
	}
}

// secret is in many fields of the messages below.
const secret = "ada@example.com"

func TestInvalidMessages(t *testing.T) {
	tests := []struct {
		name     string
		written  map[string]any
		field    string
		says, do string
	}{
		{"a type that Segment does not know", map[string]any{"type": "trak " + secret}, "type", "not a type of call that Segment supports", "write track, identify"},
		{"a type that is not a string", map[string]any{"type": 3.0}, "type", "not a type of call", "leave it out"},
		{"a track call without an event", map[string]any{}, "event", "missing", "write it"},
		{"a track call whose event is null", map[string]any{"event": nil}, "event", "missing", "write it"},
		{"a track call whose event is empty", map[string]any{"event": ""}, "event", "empty", "write a value"},
		{"a track call whose event is blank", map[string]any{"event": " \t"}, "event", "empty", "write a value"},
		{"a track call whose event is a list", map[string]any{"event": []any{secret}}, "event", "a list", "write a string"},
		{"a userId that is a number", map[string]any{"event": "E", "userId": 12345.0}, "userId", "a number", "$string()"},
		{"a userId that is a whole number", map[string]any{"event": "E", "userId": int64(12345)}, "userId", "a number", "$string()"},
		{"a userId that is true", map[string]any{"event": "E", "userId": true}, "userId", "true or false", "write a string"},
		{"an empty userId next to an anonymousId", map[string]any{"event": "E", "userId": "", "anonymousId": "a"}, "userId", "empty", "write a value"},
		{"an anonymousId that is a number", map[string]any{"event": "E", "anonymousId": 7.0}, "anonymousId", "a number", "$string()"},
		{"an anonymousId that is an object", map[string]any{"event": "E", "anonymousId": map[string]any{secret: secret}}, "anonymousId", "an object", "write a string"},
		{"a group call without a groupId", map[string]any{"type": "group"}, "groupId", "missing", "write it"},
		{"a group call whose groupId is a number", map[string]any{"type": "group", "groupId": 5.0}, "groupId", "a number", "$string()"},
		{"an alias call without a previousId", map[string]any{"type": "alias"}, "previousId", "missing", "write it"},
		{"an alias call with an anonymousId for a user", map[string]any{"type": "alias", "previousId": "p", "anonymousId": "a"}, "userId", "missing", "write it"},
		{"a timestamp in milliseconds", map[string]any{"event": "E", "timestamp": 1764000000000.0}, "timestamp", "a number", "$fromMillis()"},
		{"a timestamp in words", map[string]any{"event": "E", "timestamp": "24 November " + secret}, "timestamp", "no", "2026-11-24T09:30:00Z"},
		{"an empty timestamp", map[string]any{"event": "E", "timestamp": ""}, "timestamp", "not a time", "leave it out"},
		{"an originalTimestamp with a month that does not exist", map[string]any{"event": "E", "originalTimestamp": "2026-13-01T00:00:00Z"}, "originalTimestamp", "not a time", "leave it out"},
		{"properties that are a list", map[string]any{"event": "E", "properties": []any{secret}}, "properties", "a list", "write an object"},
		{"traits that are a string", map[string]any{"event": "E", "traits": secret}, "traits", "a string", "write an object"},
		{"a context that is a number", map[string]any{"event": "E", "context": 1.0}, "context", "a number", "write an object"},
		{"integrations that are true", map[string]any{"event": "E", "integrations": true}, "integrations", "true or false", "write an object"},
		{"a messageId that is a number", map[string]any{"event": "E", "messageId": 1.0}, "messageId", "a number", "$string()"},
		{"a messageId that is empty", map[string]any{"event": "E", "messageId": ""}, "messageId", "empty", "write a value"},
		{"a messageId of 101 characters", map[string]any{"event": "E", "messageId": strings.Repeat("é", 101)}, "messageId", "101 characters", "$sha256()"},
		{"a number that is not finite", map[string]any{"event": "E", "properties": map[string]any{"a": 1.0, "total": math.NaN(), "value": math.Inf(1)}},
			"properties.total", "not finite", "write a value"},
		{"a function in a nested object, with keys that may be personal data", map[string]any{"event": "E", "traits": map[string]any{"byEmail": map[string]any{secret: []any{strings.ToUpper}}}},
			"traits.byEmail", "a function", "write a value"},
		{"a function as the evaluator writes it, with fields that JSON could hold", map[string]any{"event": "E", "extra": &struct{ Name string }{secret}},
			"extra", "a function", "write a value"},
		{"a map with keys that are not strings", map[string]any{"event": "E", "extra": map[bool]any{true: 1}}, "extra", "JSON cannot", "write a value"},
		{"a message that is too large without any products", map[string]any{"event": "E", "properties": map[string]any{"note": strings.Repeat(secret, 3000)}},
			"", "over Segment's limit of 32000 bytes", "write less"},
		{"a message that is too large in addition to its products", map[string]any{"event": "E", "properties": map[string]any{"note": strings.Repeat("x", 32000), "products": []any{1.0}}},
			"", "not because of properties.products", "write less"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			messages, err := NewMessages(anOrder(), []map[string]any{aTrack(), test.written})
			var invalid *InvalidError
			if !errors.As(err, &invalid) || messages != nil {
				t.Fatalf("got %d messages and error %v, want an *InvalidError", len(messages), err)
			}
			if invalid.Index != 1 || invalid.Field != test.field {
				t.Errorf("got message %d, field %q; want 1, %q", invalid.Index, invalid.Field, test.field)
			}
			text := err.Error()
			if !strings.HasPrefix(text, "message 2") || !strings.Contains(text, test.field) ||
				!strings.Contains(text, test.says) || !strings.Contains(text, test.do) {
				t.Errorf("%q does not contain %q and %q", text, test.says, test.do)
			}
			if strings.Contains(text, "ada") || strings.Contains(text, "12345") {
				t.Errorf("%q repeats personal data", text)
			}
		})
	}
}

func TestInvalidErrorReadsAsASentence(t *testing.T) {
	_, err := NewMessages(anOrder(), []map[string]any{{"event": "E", "userId": 1.0}})
	if want := "message 1: userId is a number: wrap it in $string()"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	err = &InvalidError{Index: 2, Message: "is 40000 bytes"}
	if want := "message 3 is 40000 bytes"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

// All facts without a resource id would have the same messageId, and Segment would drop all
// messages but the first.
func TestFactWithoutAResource(t *testing.T) {
	fact := anOrder()
	fact.ResourceID = ""
	for field, written := range map[string]map[string]any{
		"userId":    {"event": "E"},
		"messageId": {"event": "E", "userId": "u"},
	} {
		_, err := NewMessages(fact, []map[string]any{written})
		if err == nil || err.(*InvalidError).Field != field || !strings.Contains(err.Error(), "the webhook has no") {
			t.Errorf("got %v, want it to name %s", err, field)
		}
	}
	made(t, fact, map[string]any{"event": "E", "userId": "u", "messageId": "m"})
}

func TestTwoMessagesWithOneID(t *testing.T) {
	same := map[string]any{"event": "E", "messageId": "m"}
	_, err := NewMessages(anOrder(), []map[string]any{aTrack(), same, same})
	if err == nil || err.(*InvalidError).Index != 2 || !strings.Contains(err.Error(), "the same as in message 2") {
		t.Errorf("got %v, want message 3 to have the id of message 2", err)
	}
}

func TestValidMessages(t *testing.T) {
	tests := []struct {
		name    string
		written map[string]any
	}{
		{"identify needs no traits", map[string]any{"type": "identify"}},
		{"page needs no name", map[string]any{"type": "page"}},
		{"screen needs no name", map[string]any{"type": "screen"}},
		{"group with a groupId", map[string]any{"type": "group", "groupId": "g"}},
		{"alias takes its user from the webhook", map[string]any{"type": "alias", "previousId": "p"}},
		{"a messageId of 100 characters of two bytes", map[string]any{"event": "E", "messageId": strings.Repeat("é", 100)}},
		{"a time with an offset without a colon", map[string]any{"event": "E", "timestamp": "2026-01-02T03:04:05+0530"}},
		{"a time without a zone", map[string]any{"event": "E", "timestamp": "2026-01-02T03:04:05.999"}},
		{"a time without seconds", map[string]any{"event": "E", "originalTimestamp": "2026-01-02T03:04Z"}},
		{"a date", map[string]any{"event": "E", "originalTimestamp": "2026-01-02"}},
		{"a typed map is an object", map[string]any{"event": "E", "traits": map[string]string{"a": "b"}}},
		{"a nil map is null", map[string]any{"event": "E", "properties": map[string]any(nil)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { made(t, anOrder(), test.written) })
	}
}

// Every message must be valid JSON, even if a string in it is not UTF-8: the program that
// reads it may be strict.
func TestAMessageWithInvalidUTF8IsValidJSON(t *testing.T) {
	messages, err := NewMessages(anOrder(), []map[string]any{{"event": "E", "traits": map[string]any{"a\xff": "\xc3\x28\x00"}}})
	if err != nil || !json.Valid(messages[0].JSON) {
		t.Errorf("got %v, %v", messages, err)
	}
}

// A warehouse on PostgreSQL or Redshift rejects a row that contains a NUL, and loses
// the event. Removing the NUL instead of replacing it makes two keys equal.
func TestNULIsSentAsTheReplacementCharacter(t *testing.T) {
	const r = "\uFFFD"
	messages, err := NewMessages(anOrder(), []map[string]any{{
		"event": "a\x00b", "userId": "\x00", "messageId": "id\x00",
		"properties": map[string]any{
			"key": 1, "key\x00": 2, "text": "\x00\x00", "list": []any{"\x00", map[string]any{"\x00": "c"}},
			"escaped": `\u0000`, "twice": `\\u0000`, "after a backslash": "\\\x00", "quoted": "\"\x00\"", "line\n": "\t\x00\n",
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(messages[0].JSON, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"type": "track", "event": "a" + r + "b", "userId": r, "messageId": "id" + r, "timestamp": "2026-11-02T10:30:00.500Z",
		"properties": map[string]any{
			"key": 1.0, "key" + r: 2.0, "text": r + r, "list": []any{r, map[string]any{r: "c"}},
			"escaped": `\u0000`, "twice": `\\u0000`, "after a backslash": "\\" + r, "quoted": "\"" + r + "\"", "line\n": "\t" + r + "\n",
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if messages[0].ID != got["messageId"] {
		t.Errorf("Message.ID is %q, the JSON has %q", messages[0].ID, got["messageId"])
	}
}

func TestNULInAnOrdersIDAndInProductLines(t *testing.T) {
	fact := anOrder()
	fact.ResourceID = "order\x00"
	lines := make([]any, 3000)
	for i := range lines {
		lines[i] = map[string]any{"sku": "a\x00"}
	}
	message := made(t, fact, map[string]any{"event": "E", "properties": map[string]any{"products": lines}})[0]
	if id := message["messageId"]; id != "order-completed:order\uFFFD:0-track:"+salt1 {
		t.Errorf("the messageId is %q", id)
	}
	products := message["properties"].(map[string]any)["products"].([]any)
	if len(products) == 0 || len(products) == len(lines) {
		t.Fatalf("%d lines are left, want some to be left off", len(products))
	}
	for _, line := range products {
		if sku := line.(map[string]any)["sku"]; sku != "a\uFFFD" {
			t.Fatalf("a line has the sku %q", sku)
		}
	}
}
