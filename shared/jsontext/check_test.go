package jsontext

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
)

var unbounded = Bounds{Depth: 10_000, Values: math.MaxInt}

// agrees fails unless Check accepts what encoding/json accepts, and the members of an
// object are what encoding/json reads.
func agrees(t *testing.T, text []byte) {
	t.Helper()
	fields, fault := Check(text, 0, unbounded)
	if (fault == None) != json.Valid(text) {
		t.Fatalf("%q: Check says %v, encoding/json %v", text, fault, json.Valid(text))
	}
	if fault != None || !IsObject(text) {
		if fields != nil {
			t.Fatalf("%q is no object, and has members: %v", text, fields)
		}
		return
	}
	var want map[string]json.RawMessage
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	got := map[string]json.RawMessage{}
	for _, f := range fields {
		got[Text(f.Key)] = f.Value
		var content string
		if _ = json.Unmarshal(f.Value, &content); Text(f.Value) != content {
			t.Fatalf("%q: Text is %q, encoding/json reads %q", f.Value, Text(f.Value), content)
		}
		inner := 0
		for key, value := range Members(f.Value) {
			if string(f.Inner[inner].Key) != string(key) || string(f.Inner[inner].Value) != string(value) {
				t.Fatalf("%q: Check recorded %q: %q, Members has %q: %q", text, f.Inner[inner].Key, f.Inner[inner].Value, key, value)
			}
			inner++
		}
		if len(f.Inner) != inner {
			t.Fatalf("%q: Check recorded %d members of %q, Members has %d", text, len(f.Inner), f.Value, inner)
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%q: the members are %q, encoding/json reads %q", text, got, want)
	}
}

func TestCheckAgreesWithEncodingJSON(t *testing.T) {
	for _, text := range []string{
		``, ` `, `nul`, `null`, `true`, `tru`, `falsey`, `"`, `""`, `"a`, "\"\xff\"", `"\`, `"\"`, `"\x"`, `"\u12"`, `"\u12G4"`, `"\ud83d\ude00"`, `"\ud83d"`,
		`0`, `-`, `-0`, `01`, `1.`, `.5`, `1.5`, `1e`, `1e+`, `1E-05`, `-1.25e300`, `1e999`, `+1`, `0x1`, `1 2`,
		`[]`, `[ ]`, `[`, `]`, `[1`, `[1,`, `[1,]`, `[,1]`, `[1 2]`, `[1,2]`, "[\t1\n,\r2 ]", `[}`, `[{"a":1}]`, "[\v1]",
		`{}`, `{ }`, `{`, `{"a"`, `{"a" 1}`, `{"a":}`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{a:1}`, `{1:1}`, `{"a":1]`, `{"a":1}}`, `{"a":1 "b":2}`,
		"\n{ \"a\" :\t1 ,\r\"b\" : { \"c\" : [ ] , \"d\":{}} } ", `{"a":1,"a":2}`, `{"a":{"b":1,"b":2}}`, `{"\u0061":"\u0061\n\/","":""}`,
		"{\"\xff\":\"\xed\xa0\x80\"}", strings.Repeat("[", 5000) + strings.Repeat("]", 5000), strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100),
	} {
		agrees(t, []byte(text))
	}
}

// Strings are checked in words of eight bytes, so every byte is tried at every place of
// a word, before and after its end.
func TestCheckHandlesEveryByteAtEveryPlaceOfAString(t *testing.T) {
	for length := range 18 {
		for place := range length + 1 {
			for b := range 256 {
				content := []byte(strings.Repeat("é", length)[:length])
				content = append(content[:place:place], append([]byte{byte(b)}, content[place:]...)...)
				agrees(t, fmt.Appendf(nil, `{"%s":"%s"}`, content, content))
			}
			for _, escape := range []string{`\n`, `\"`, `\\`, `\u0041`, `\ud83d\ude00`, `\ude00`, `\u004`, `\q`, `\`} {
				plain := strings.Repeat("a", length)
				content := plain[:place] + escape + plain[place:]
				agrees(t, fmt.Appendf(nil, `{"%s":"%s"}`, content, content))
			}
		}
	}
}

func TestCheckStopsAtItsBounds(t *testing.T) {
	for _, c := range []struct {
		name, text string
		inside     int
		bounds     Bounds
		want       Fault
	}{
		{"as deep as is allowed", `[{"a":[]}]`, 0, Bounds{3, 9}, None},
		{"a level too deep", `[{"a":[]}]`, 0, Bounds{2, 9}, Depth},
		{"too deep inside another text", `[{"a":[]}]`, 1, Bounds{3, 9}, Depth},
		{"an object too deep", `[[{}]]`, 0, Bounds{2, 9}, Depth},
		{"as many values as are allowed", `[1,{"a":2}]`, 0, Bounds{9, 4}, None},
		{"a value too many", `[1,{"a":2}]`, 0, Bounds{9, 3}, Count},
		{"wrong before it is too deep", `[x,[[]]]`, 0, Bounds{2, 9}, Syntax},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, fault := Check([]byte(c.text), c.inside, c.bounds); fault != c.want {
				t.Errorf("got fault %v, want %v", fault, c.want)
			}
		})
	}
}

func FuzzCheck(f *testing.F) {
	f.Add([]byte(`{"type":"order","meta":{"n":[1,-2.5e3,null,true]},"t":"caf\u00e9 \"\\\ud83d\ude00"}`))
	f.Add([]byte("{\"\xff\" : \"\\ud800\\u0041\"}"))
	f.Fuzz(agrees)
}
