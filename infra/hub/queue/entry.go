package queue

import (
	"encoding/binary"
	"math"
	"time"

	"go.etcd.io/bbolt"

	"commerce-segment/shared/relay"
)

// entry is a key of due with its value.
type entry struct {
	visible    time.Time
	number     uint64
	receives   int       // without those of early attempts
	first      time.Time // of its first attempt; zero before that
	unfinished int       // how many attempts began since one had an outcome
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
	flagFirst
)

// The value of an entry: 2 bytes for the receives, 1 byte for the flags, 8 bytes for notBefore
// if it is not zero, 8 bytes for first and 1 byte for unfinished if first is not zero, and the
// reason. Earlier releases wrote no reason, and nothing of the attempts but the receives.
const (
	flagsAt         = 2
	headBytes       = 3
	timeBytes       = 8
	unfinishedBytes = 1
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
	value := make([]byte, 0, headBytes+2*timeBytes+unfinishedBytes+len(e.reason))
	value = binary.BigEndian.AppendUint16(value, uint16(min(e.receives, math.MaxUint16)))
	value = append(value, flags)
	if !e.notBefore.IsZero() {
		value[flagsAt] |= flagNotBefore
		value = binary.BigEndian.AppendUint64(value, uint64(e.notBefore.UnixNano()))
	}
	if !e.first.IsZero() {
		value[flagsAt] |= flagFirst
		value = binary.BigEndian.AppendUint64(value, uint64(e.first.UnixNano()))
		value = append(value, byte(min(e.unfinished, math.MaxUint8)))
	}
	return due.Put(joinKey(e.visible, e.number), append(value, e.reason...))
}

// entryOf decodes a key of due and its value.
func entryOf(key, value []byte) entry {
	flags, rest := value[flagsAt], value[headBytes:]
	var notBefore, first time.Time
	if flags&flagNotBefore != 0 {
		notBefore, rest = timeOf(rest), rest[timeBytes:]
	}
	unfinished := 0
	if flags&flagFirst != 0 {
		first, unfinished, rest = timeOf(rest), int(rest[timeBytes]), rest[timeBytes+unfinishedBytes:]
	}
	return entry{
		visible:    timeOf(key),
		number:     binary.BigEndian.Uint64(key[8:]),
		receives:   int(binary.BigEndian.Uint16(value)),
		first:      first,
		unfinished: unfinished,
		inDelivery: flags&flagInDelivery != 0,
		early:      flags&flagEarly != 0,
		wasEarly:   flags&flagWasEarly != 0,
		notBefore:  notBefore,
		reason:     string(rest),
	}
}

// timeOf decodes the time at the beginning of a value.
func timeOf(value []byte) time.Time { return time.Unix(0, int64(binary.BigEndian.Uint64(value))) }

// taken returns the entry of an event that is handed out now, until a time. The delays after
// early attempts are no longer because of them, so they are not among the receives. An event
// that an earlier release attempted is retried as long as one that is attempted first now.
func (e entry) taken(now, until time.Time) entry {
	e.visible, e.inDelivery = until, true
	e.unfinished++
	if e.first.IsZero() {
		e.first = now
	}
	if !e.early {
		e.receives++
	}
	e.early, e.wasEarly = false, e.early
	return e
}

// failed returns the entry of an event whose attempt failed, with its next attempt.
func (e entry) failed(now time.Time, next relay.Next) entry {
	e.visible, e.inDelivery, e.unfinished = now.Add(next.In), false, 0
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
