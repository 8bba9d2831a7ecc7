package spool

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/relay"
)

// Sizes of a message on the queue, in bytes. SQS counts a message's attributes
// into its size, and an event must fit among the dead letters too, where the
// attributes say why it is there: so that much stays free in each envelope.
const (
	MaxMessage  = 1 << 20 // SQS's limit, 1 MiB
	failureRoom = 4 << 10
	maxEncoded  = MaxMessage - failureRoom
)

// version is what Encode writes and Decode reads. New fields need no new one:
// Decode passes over those that it does not know.
const version = 1

// wire is an envelope on the queue: JSON in ASCII, since a queue does not take
// every Unicode character, with the compressed body as base64. It can be read
// without this program: jq -r .body | base64 -d | gunzip.
type wire struct {
	Version   int       `json:"v"`
	Received  time.Time `json:"received"`
	Presented []byte    `json:"presented,omitempty"` // a SHA-256
	Body      []byte    `json:"body"`                // gzip
}

// Encode makes the text of an envelope, at most 1 MiB less what a burial adds.
// Its error is a relay.ErrTooLarge that gives the size.
func Encode(e relay.Envelope) (string, error) {
	if len(e.Body) > relay.MaxBody {
		return "", fmt.Errorf("a body of %d bytes, where %d are allowed: %w", len(e.Body), relay.MaxBody, relay.ErrTooLarge)
	}
	compressed, err := compress(e.Body)
	if err != nil {
		return "", fmt.Errorf("compressing a body: %w", err)
	}
	w := wire{Version: version, Received: e.Received, Body: compressed}
	if e.Presented != nil {
		w.Presented = e.Presented[:]
	}
	text, err := json.Marshal(w)
	if err != nil {
		return "", fmt.Errorf("encoding an envelope: %w", err)
	}
	if len(text) > maxEncoded {
		return "", fmt.Errorf("a body of %d bytes makes a message of %d, where %d are allowed: %w",
			len(e.Body), len(text), maxEncoded, relay.ErrTooLarge)
	}
	return string(text), nil
}

// Decode opens the text of an envelope. Its error says what is wrong with it, and
// quotes nothing of it. It is a relay.ErrVersion where another release wrote it.
func Decode(text string) (relay.Envelope, error) {
	var w wire
	if err := json.Unmarshal([]byte(text), &w); err != nil || w.Version != version {
		return relay.Envelope{}, notOurs(text)
	}
	e := relay.Envelope{Received: w.Received}
	if w.Presented != nil {
		if len(w.Presented) != len(commerce.Digest{}) {
			return relay.Envelope{}, fmt.Errorf("the envelope holds a digest of %d bytes, where a SHA-256 has %d",
				len(w.Presented), len(commerce.Digest{}))
		}
		e.Presented = (*commerce.Digest)(w.Presented)
	}
	body, err := decompress(w.Body)
	if err != nil {
		return relay.Envelope{}, fmt.Errorf("decompressing the body of an envelope: %w", err)
	}
	e.Body = body
	return e, nil
}

// notOurs is why a text is no envelope of this release. In another one's everything but
// the version may be anything.
func notOurs(text string) error {
	var of struct {
		Version int `json:"v"`
	}
	switch err := json.Unmarshal([]byte(text), &of); {
	case err != nil, of.Version == version:
		return errors.New("the envelope is not the JSON that this program writes")
	case of.Version <= 0:
		return fmt.Errorf("the envelope has version %d, which no release writes", of.Version)
	default:
		return fmt.Errorf("%w: the envelope has version %d, and this program reads version %d: "+
			"deploy the release that wrote it", relay.ErrVersion, of.Version, version)
	}
}

// Open makes an item of an envelope's text. Where the envelope cannot be opened
// the item says why, and carries the text itself.
func Open(handle string, receives int, text string) relay.Item {
	envelope, err := Decode(text)
	if err != nil {
		envelope = relay.Envelope{Body: []byte(text)}
	}
	return relay.Item{Handle: handle, Receives: receives, Envelope: envelope, Err: err}
}

// A gzip.Writer is a megabyte of tables and a gzip.Reader some 40 KB: they are
// used again. BestSpeed takes 48 µs for a webhook of 7 KB where the default takes
// 116 µs, and makes it a tenth larger, which costs nothing: SQS counts by 64 KB.
var (
	writers = sync.Pool{New: func() any {
		w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // a valid level never fails
		return w
	}}
	readers = sync.Pool{New: func() any { return new(gzip.Reader) }}
)

func compress(body []byte) ([]byte, error) {
	w := writers.Get().(*gzip.Writer)
	defer writers.Put(w)
	var compressed bytes.Buffer
	w.Reset(&compressed)
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return compressed.Bytes(), nil
}

var errBomb = fmt.Errorf("it is larger than %d bytes", relay.MaxBody)

func decompress(compressed []byte) ([]byte, error) {
	r := readers.Get().(*gzip.Reader)
	defer readers.Put(r)
	if err := r.Reset(bytes.NewReader(compressed)); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(r, relay.MaxBody+1))
	if err != nil {
		return nil, err
	}
	if len(body) > relay.MaxBody {
		return nil, errBomb
	}
	return body, nil
}
