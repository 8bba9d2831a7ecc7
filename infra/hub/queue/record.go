package queue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/relay"
)

// recordVersion is the version that encode writes. A later release with another version
// must read this one too.
const recordVersion = 1

// A record is an envelope as it is stored:
//
//	1 byte   version
//	8 bytes  when the webhook was received, Unix time in nanoseconds
//	1 byte   the length of the digest, 0 or 32
//	n bytes  the digest of the key in the webhook's header
//	m bytes  the body
//	4 bytes  CRC-32C of the bytes before it
const (
	digestAt   = 1 + 8
	bodyAt     = digestAt + 1 // without a digest
	sumBytes   = 4
	digestSize = len(commerce.Digest{})
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encode returns the record of an envelope.
func encode(e relay.Envelope) []byte {
	record := make([]byte, 0, bodyAt+digestSize+len(e.Body)+sumBytes)
	record = append(record, recordVersion)
	record = binary.BigEndian.AppendUint64(record, uint64(e.Received.UnixNano()))
	if e.Presented == nil {
		record = append(record, 0)
	} else {
		record = append(record, byte(digestSize))
		record = append(record, e.Presented[:]...)
	}
	record = append(record, e.Body...)
	return binary.BigEndian.AppendUint32(record, crc32.Checksum(record, castagnoli))
}

// receivedOf returns when the webhook of a record was received, without a check of the record.
func receivedOf(record []byte) time.Time {
	if len(record) < digestAt || record[0] != recordVersion {
		return time.Time{}
	}
	return time.Unix(0, int64(binary.BigEndian.Uint64(record[1:]))).UTC()
}

// decode returns the envelope of a record. Its Body is a copy. The error describes what is
// wrong with the record and contains none of its data. It is a relay.ErrVersion if a later
// release wrote the record.
func decode(record []byte) (relay.Envelope, error) {
	if len(record) < bodyAt+sumBytes {
		return relay.Envelope{}, fmt.Errorf("the stored event is damaged: it has only %d bytes", len(record))
	}
	content, sum := record[:len(record)-sumBytes], binary.BigEndian.Uint32(record[len(record)-sumBytes:])
	if crc32.Checksum(content, castagnoli) != sum {
		return relay.Envelope{}, errors.New("the stored event is damaged: its checksum is wrong")
	}
	if content[0] != recordVersion {
		return relay.Envelope{}, fmt.Errorf("%w: the stored event has version %d, and this program reads version %d: run the release that wrote it",
			relay.ErrVersion, content[0], recordVersion)
	}
	e := relay.Envelope{Received: receivedOf(content)}
	rest := content[bodyAt:]
	switch size := int(content[digestAt]); {
	case size == digestSize && len(rest) >= size:
		digest := commerce.Digest(rest[:size])
		e.Presented, rest = &digest, rest[size:]
	case size != 0:
		return relay.Envelope{}, fmt.Errorf("the stored event is damaged: its digest has %d bytes instead of %d", size, digestSize)
	}
	e.Body = append([]byte{}, rest...)
	return e, nil
}

// open returns the item of a record. If the record cannot be decoded, the item's Err says
// why, and its body is the record.
func open(handle string, receives int, record []byte) relay.Item {
	envelope, err := decode(record)
	if err != nil {
		envelope = relay.Envelope{Body: append([]byte{}, record...)}
	}
	return relay.Item{Handle: handle, Receives: receives, Envelope: envelope, Err: err}
}
