package spool

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/relay"
)

var received = time.Date(2026, 11, 24, 10, 50, 0, 123456789, time.UTC)

func encode(t testing.TB, e relay.Envelope) string {
	t.Helper()
	text, err := Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// random returns a body that does not compress.
func random(size int) []byte {
	body := make([]byte, size)
	rand.Read(body)
	return body
}

func TestDecodeReturnsTheEnvelopeThatWasEncoded(t *testing.T) {
	digest := commerce.DigestOf("secret_squirrel")
	cases := []struct {
		name     string
		envelope relay.Envelope
	}{
		{"a verified webhook", relay.Envelope{Received: received, Body: []byte(`{"id":"1"}`)}},
		{"one that is to be verified later", relay.Envelope{Received: received, Body: []byte(`{}`), Presented: &digest}},
		{"a body that is not UTF-8", relay.Envelope{Received: received, Body: []byte{0xff, 0x00, 0xfe}}},
		{"a body with characters that SQS rejects in a message", relay.Envelope{Received: received, Body: []byte("\x00\x0b\uffff")}},
		{"an empty body", relay.Envelope{Received: received, Body: []byte{}}},
		{"the largest body that is accepted", relay.Envelope{Received: received, Body: bytes.Repeat([]byte("order "), relay.MaxBody/6)}},
		{"a body that does not compress", relay.Envelope{Received: received, Body: random(700 << 10)}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			text := encode(t, c.envelope)
			got, err := Decode(text)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, c.envelope) {
				t.Errorf("got another envelope: received %v, presented %v, %d bytes", got.Received, got.Presented, len(got.Body))
			}
			if len(text) > MaxMessage {
				t.Errorf("the message has %d bytes, over SQS's %d", len(text), MaxMessage)
			}
			// SQS rejects a message with certain Unicode characters, and then the event
			// would be lost.
			if i := strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 {
				t.Errorf("the message has %q at %d, and must be printable ASCII", text[i], i)
			}
		})
	}
}

// A function of the previous release may have put messages on the queue, and they stay
// there for up to 14 days. So every envelope must stay readable. Change the version instead
// of this text.
func TestAnEnvelopeWrittenByTheFirstReleaseIsReadable(t *testing.T) {
	const text = `{"v":1,"received":"2026-11-24T10:50:00.123456789Z",` +
		`"presented":"6WUHkyrwdKZBebCZIyyWDWIrET/aDm8QW93BSjiSYzQ=",` +
		`"body":"H4sIAAAAAAAAA6tWykxRslIyVKoFAPPIGPYKAAAA","later":"a field of a later release"}`
	e, err := Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	if !e.Received.Equal(received) || string(e.Body) != `{"id":"1"}` || e.Presented == nil {
		t.Errorf("got %+v, body %s", e, e.Body)
	}
}

func TestABodyThatDoesNotFitTheQueueIsTooLarge(t *testing.T) {
	cases := []struct {
		name string
		body []byte
		want error
	}{
		// An event of exactly the limit of SQS could be put, but never become a dead
		// letter: the attributes of a dead letter are part of its size.
		{"a body that leaves no room for the attributes of a dead letter", random(785_000), relay.ErrTooLarge},
		{"a body that leaves just enough room", random(780_000), nil},
		{"a body over the limit of Lambda, even if it compresses well", make([]byte, relay.MaxBody+1), relay.ErrTooLarge},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Encode(relay.Envelope{Received: received, Body: c.body})
			if !errors.Is(err, c.want) {
				t.Errorf("got error %v, want %v", err, c.want)
			}
		})
	}
}

func TestDecodeRejectsInvalidEnvelopes(t *testing.T) {
	tooLarge, err := compress(make([]byte, relay.MaxBody+1))
	if err != nil {
		t.Fatal(err)
	}
	wireText := func(change func(*wire)) string {
		body, err := compress([]byte(`{"id":"1"}`))
		if err != nil {
			t.Fatal(err)
		}
		w := wire{Version: version, Received: received, Body: body}
		change(&w)
		text, err := json.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	cases := []struct {
		name, text, want string
	}{
		{"nothing", "", "not JSON"},
		{"another text", "ron.swanson@moltin.com", "not JSON"},
		{"base64 without JSON", base64.StdEncoding.EncodeToString(tooLarge[:90]), "not JSON"},
		{"JSON without a version", `{}`, "version 0"},
		{"a later version", wireText(func(w *wire) { w.Version = 2 }), "deploy the release that wrote it"},
		{"a digest that is too short", wireText(func(w *wire) { w.Presented = []byte("short") }), "but a SHA-256 has 32"},
		{"a body that is not gzip", wireText(func(w *wire) { w.Body = []byte("ron.swanson@moltin.com") }), "decompressing"},
		{"a body that is cut off", wireText(func(w *wire) { w.Body = w.Body[:len(w.Body)-9] }), "decompressing"},
		{"a body that fails its checksum", wireText(func(w *wire) { w.Body[len(w.Body)-8] ^= 1 }), "decompressing"},
		{"no body", wireText(func(w *wire) { w.Body = nil }), "decompressing"},
		{"a body that is a byte too large", wireText(func(w *wire) { w.Body = tooLarge }), "larger than"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Decode(c.text)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got error %v, want one with %q", err, c.want)
			}
			// The error goes to the log.
			if strings.Contains(err.Error(), "swanson") {
				t.Errorf("the error quotes the message: %v", err)
			}
		})
	}
}

// The relay keeps an envelope of another release on the queue. Any other invalid text becomes a dead letter.
func TestOnlyAnEnvelopeOfAnotherReleaseIsAnErrVersion(t *testing.T) {
	for text, want := range map[string]bool{
		`{"v":2,"received":"2026-11-24T10:50:00Z","body":"AAAA"}`:  true,
		`{"v":2,"received":1795517400,"body":{"encoding":"zstd"}}`: true, // its fields may have other types
		`{}`:                     false,
		`{"v":-1}`:               false,
		`{"v":"2"}`:              false,
		`{"v":1,"body":"AAAA"}`:  false,
		`{"v":2`:                 false,
		"ron.swanson@moltin.com": false,
	} {
		item := Open("h", 1, text)
		if item.Err == nil || errors.Is(item.Err, relay.ErrVersion) != want {
			t.Errorf("%s: error %v, want an ErrVersion: %t", text, item.Err, want)
		}
	}
}

// Without a limit on the decompressed size, a message of a few kilobytes would use
// gigabytes of memory, and stop the function, on every one of 36 receives.
func TestDecompressingAGzipBombIsLimited(t *testing.T) {
	const size = 128 << 20
	bomb, err := compress(make([]byte, size))
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err = decompress(bomb); !errors.Is(err, errBomb) {
		t.Errorf("got error %v, want %v", err, errBomb)
	}
	runtime.ReadMemStats(&after)
	if taken := after.TotalAlloc - before.TotalAlloc; taken > size/2 {
		t.Errorf("it allocated %d MiB", taken>>20)
	}
}

// The dead letter of an item that cannot be opened must contain the item's text. The item
// is deleted then, so the event would be lost otherwise.
func TestAnItemThatCannotBeOpenedHasItsTextAsBody(t *testing.T) {
	item := Open("handle", 3, "no envelope")
	if item.Err == nil || string(item.Envelope.Body) != "no envelope" || item.Handle != "handle" || item.Receives != 3 {
		t.Errorf("got %+v", item)
	}
}

func FuzzDecode(f *testing.F) {
	digest := commerce.DigestOf("secret_squirrel")
	for _, e := range []relay.Envelope{
		{Received: received, Body: []byte(`{"id":"1","triggered_by":"order.paid"}`)},
		{Received: received, Body: []byte{}, Presented: &digest},
	} {
		f.Add(encode(f, e))
	}
	f.Add(``)
	f.Add(`{"v":1}`)
	f.Add(`{"v":1,"received":"2026-11-24T10:50:00Z","presented":"AA==","body":"H4sI"}`)
	bomb, err := compress(make([]byte, relay.MaxBody+1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(`{"v":1,"received":"2026-11-24T10:50:00Z","body":"` + base64.StdEncoding.EncodeToString(bomb) + `"}`)
	f.Add(`{"v":1e999,"v":1,"received":"\ud800"}`)
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Decode(text)
		if err != nil {
			return
		}
		if len(e.Body) > relay.MaxBody {
			t.Fatalf("the body has %d bytes", len(e.Body))
		}
		again, err := Decode(encode(t, e))
		if err != nil {
			t.Fatal(err)
		}
		if !again.Received.Equal(e.Received) || !bytes.Equal(again.Body, e.Body) || (again.Presented == nil) != (e.Presented == nil) {
			t.Fatalf("%+v became %+v", e, again)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	body := bytes.Repeat([]byte(`{"type":"order_item","id":"395763ee-1878-4aa0-a7a2-8d4877310d6b","quantity":1}`), 90)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		encode(b, relay.Envelope{Received: received, Body: body})
	}
}

func BenchmarkDecode(b *testing.B) {
	body := bytes.Repeat([]byte(`{"type":"order_item","id":"395763ee-1878-4aa0-a7a2-8d4877310d6b","quantity":1}`), 90)
	text := encode(b, relay.Envelope{Received: received, Body: body})
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(text); err != nil {
			b.Fatal(err)
		}
	}
}
