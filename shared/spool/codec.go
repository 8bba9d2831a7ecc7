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

// The sizes of a message on the queue, in bytes. SQS includes the attributes of a message
// in its size. A dead letter has attributes with its reason, so each envelope leaves
// failureRoom free for them.
const (
	MaxMessage  = 1 << 20 // SQS's limit, 1 MiB
	failureRoom = 4 << 10
	maxEncoded  = MaxMessage - failureRoom
)

// version is the version of the envelope that Encode writes and Decode reads. A new field
// needs no new version: Decode ignores unknown fields.
const version = 1

// wire is an envelope on the queue: JSON in ASCII, because SQS does not accept every
// Unicode character, with the compressed body in base64. An operator can read it without
// this program: jq -r .body | base64 -d | gunzip.
type wire struct {
	Version   int       `json:"v"`
	Received  time.Time `json:"received"`
	Presented []byte    `json:"presented,omitempty"` // a SHA-256
	Body      []byte    `json:"body"`                // gzip
}

// Encode returns the text of an envelope: at most 1 MiB without the room for a failure. If
// the text is larger, the error is a relay.ErrTooLarge with the size.
func Encode(e relay.Envelope) (string, error) {
	if len(e.Body) > relay.MaxBody {
		return "", fmt.Errorf("a body of %d bytes is over the limit of %d: %w", len(e.Body), relay.MaxBody, relay.ErrTooLarge)
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
		return "", fmt.Errorf("a body of %d bytes makes a message of %d bytes, over the limit of %d: %w",
			len(e.Body), len(text), maxEncoded, relay.ErrTooLarge)
	}
	return string(text), nil
}

// Decode opens the text of an envelope. The error says what is wrong, and quotes nothing
// from the text. It is a relay.ErrVersion if another release wrote the envelope.
func Decode(text string) (relay.Envelope, error) {
	var w wire
	if err := json.Unmarshal([]byte(text), &w); err != nil || w.Version != version {
		return relay.Envelope{}, unknownEnvelope(text)
	}
	e := relay.Envelope{Received: w.Received}
	if w.Presented != nil {
		if len(w.Presented) != len(commerce.Digest{}) {
			return relay.Envelope{}, fmt.Errorf("the envelope has a digest of %d bytes, but a SHA-256 has %d",
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

// unknownEnvelope returns the error for a text that is not an envelope of this release. In an
// envelope of another release, only the version has a known form.
func unknownEnvelope(text string) error {
	var envelope struct {
		Version int `json:"v"`
	}
	switch err := json.Unmarshal([]byte(text), &envelope); {
	case err != nil, envelope.Version == version:
		return errors.New("the envelope is not JSON as this program writes it")
	case envelope.Version <= 0:
		return fmt.Errorf("the envelope has version %d, which no release writes", envelope.Version)
	default:
		return fmt.Errorf("%w: the envelope has version %d, and this program reads version %d: "+
			"deploy the release that wrote it", relay.ErrVersion, envelope.Version, version)
	}
}

// Open returns an item with the envelope of a text. If the envelope cannot be opened, the
// item has the error, and the text as its body.
func Open(handle string, receives int, text string) relay.Item {
	envelope, err := Decode(text)
	if err != nil {
		envelope = relay.Envelope{Body: []byte(text)}
	}
	return relay.Item{Handle: handle, Receives: receives, Envelope: envelope, Err: err}
}

// writers and readers are pools, because a gzip.Writer has a megabyte of tables and a
// gzip.Reader about 40 KB. BestSpeed takes 48 µs for a webhook of 7 KB, and the default
// level 116 µs. Its result is a tenth larger, which costs nothing: SQS charges for every
// 64 KB.
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

var errBomb = fmt.Errorf("the body is larger than %d bytes", relay.MaxBody)

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
