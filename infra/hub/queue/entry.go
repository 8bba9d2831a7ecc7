package queue

import (
	"encoding/binary"
	"time"

	"go.etcd.io/bbolt"
)

// entry is a key of due with its value.
type entry struct {
	visible    time.Time
	number     uint64
	receives   int
	inDelivery bool
	early      bool   // RetrySome made it visible before its time
	wasEarly   bool   // its last attempt was before its time
	reason     string // of its last failure; empty if it has not failed since it was put
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
)

// The value of an entry: 2 bytes for the receives, 1 byte for the flags, and the reason. An
// earlier release wrote no reason.
const reasonAt = 3

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
	value := binary.BigEndian.AppendUint16(make([]byte, 0, reasonAt+len(e.reason)), uint16(e.receives))
	value = append(append(value, flags), e.reason...)
	return due.Put(joinKey(e.visible, e.number), value)
}

// entryOf decodes a key of due and its value.
func entryOf(key, value []byte) entry {
	flags := value[2]
	return entry{
		visible:    time.Unix(0, int64(binary.BigEndian.Uint64(key))),
		number:     binary.BigEndian.Uint64(key[8:]),
		receives:   int(binary.BigEndian.Uint16(value)),
		inDelivery: flags&flagInDelivery != 0,
		early:      flags&flagEarly != 0,
		wasEarly:   flags&flagWasEarly != 0,
		reason:     string(value[reasonAt:]),
	}
}

// taken returns the entry of an event that is handed out until a time.
func (e entry) taken(until time.Time) entry {
	e.visible, e.inDelivery = until, true
	e.receives++
	e.early, e.wasEarly = false, e.early
	return e
}

// failed returns the entry of an event whose attempt failed, with its next attempt.
func (e entry) failed(next time.Time, reason string) entry {
	e.visible, e.inDelivery = next, false
	e.reason = reason[:min(len(reason), maxReason)]
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
