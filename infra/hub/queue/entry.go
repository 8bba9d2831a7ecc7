package queue

import (
	"encoding/binary"
	"time"

	"go.etcd.io/bbolt"

	"commerce-segment/shared/relay"
)

// entry is a key of due with its value.
type entry struct {
	visible    time.Time
	number     uint64
	receives   int // without those of early attempts
	inDelivery bool
	early      bool      // RetrySome made it visible before its time
	wasEarly   bool      // its last attempt was before its time
	notBefore  time.Time // RetrySome must not make it visible before; zero if the receiver did not ask for that
	reason     string    // of its last failure; empty if it has not failed since it was put
}

const keyBytes = 16

// maxReason is the longest reason that is stored, in bytes.
const maxReason = 100

// joinKey returns the key of an event in due. Keys sort by the time of visibility.
func joinKey(visible time.Time, number uint64) []byte {
	key := binary.BigEndian.AppendUint64(make([]byte, 0, keyBytes), uint64(visible.UnixNano()))
	return binary.BigEndian.AppendUint64(key, number)
}

// The flags of an entry, in one byte.
const (
	flagInDelivery = 1 << iota
	flagEarly
	flagWasEarly
	flagNotBefore
)

// The value of an entry: 2 bytes for the receives, 1 byte for the flags, 8 bytes for notBefore
// if it is not zero, and the reason. An earlier release wrote no reason.
const (
	flagsAt        = 2
	headBytes      = 3
	notBeforeBytes = 8
)

// put writes the entry.
func (e entry) put(due *bbolt.Bucket) error {
	flags := byte(0)
	if e.inDelivery {
		flags |= flagInDelivery
	}
	if e.early {
		flags |= flagEarly
	}
	if e.wasEarly {
		flags |= flagWasEarly
	}
	value := binary.BigEndian.AppendUint16(make([]byte, 0, headBytes+notBeforeBytes+len(e.reason)), uint16(e.receives))
	value = append(value, flags)
	if !e.notBefore.IsZero() {
		value[flagsAt] |= flagNotBefore
		value = binary.BigEndian.AppendUint64(value, uint64(e.notBefore.UnixNano()))
	}
	return due.Put(joinKey(e.visible, e.number), append(value, e.reason...))
}

// entryOf decodes a key of due and its value.
func entryOf(key, value []byte) entry {
	flags, rest := value[flagsAt], value[headBytes:]
	var notBefore time.Time
	if flags&flagNotBefore != 0 {
		notBefore, rest = time.Unix(0, int64(binary.BigEndian.Uint64(rest))), rest[notBeforeBytes:]
	}
	return entry{
		visible:    time.Unix(0, int64(binary.BigEndian.Uint64(key))),
		number:     binary.BigEndian.Uint64(key[8:]),
		receives:   int(binary.BigEndian.Uint16(value)),
		inDelivery: flags&flagInDelivery != 0,
		early:      flags&flagEarly != 0,
		wasEarly:   flags&flagWasEarly != 0,
		notBefore:  notBefore,
		reason:     string(rest),
	}
}

// taken returns the entry of an event that is handed out until a time. An early attempt uses
// up no receive.
func (e entry) taken(until time.Time) entry {
	e.visible, e.inDelivery = until, true
	if !e.early {
		e.receives++
	}
	e.early, e.wasEarly = false, e.early
	return e
}

// failed returns the entry of an event whose attempt failed, with its next attempt.
func (e entry) failed(now time.Time, next relay.Next) entry {
	e.visible, e.inDelivery = now.Add(next.In), false
	e.reason = next.Reason[:min(len(next.Reason), maxReason)]
	e.notBefore = time.Time{}
	if next.NotBefore > 0 {
		e.notBefore = now.Add(next.NotBefore)
	}
	return e
}

// due returns the entry of a retrying event whose next attempt is at a time.
func (e entry) due(at time.Time, early bool) entry {
	e.visible, e.early = at, early
	return e
}

// move replaces an entry by another of the same event.
func move(due *bbolt.Bucket, from, to entry) error {
	if err := due.Delete(joinKey(from.visible, from.number)); err != nil {
		return err
	}
	return to.put(due)
}
