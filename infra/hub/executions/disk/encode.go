package disk

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"commerce-segment/infra/hub/database"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/shared/segment"
)

// The key of an execution is the time when the webhook was received, in nanoseconds, and its
// tracking.
func keyOf(received time.Time, tracking string) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(received.UnixNano())), tracking...)
}

func receivedOf(key []byte) time.Time {
	return time.Unix(0, int64(binary.BigEndian.Uint64(key)))
}

func trackingOf(key []byte) string { return string(key[8:]) }

// writer appends values to bytes.
type writer []byte

func (w *writer) number(n int64)   { *w = binary.AppendVarint(*w, n) }
func (w *writer) text(text string) { w.number(int64(len(text))); *w = append(*w, text...) }

// changed appends a text, or a short mark if it is the same as another one.
func (w *writer) changed(text, other string) {
	if text == other {
		w.number(-1)
		return
	}
	w.text(text)
}

// moment appends a time as its distance from another one; the zero time as a zero.
func (w *writer) moment(at, from time.Time) {
	if at.IsZero() {
		w.number(0)
		return
	}
	w.number(1)
	w.number(at.UnixNano() - from.UnixNano())
}

// reader reads what a writer appended. After an error it returns empty values.
type reader struct {
	left []byte
	err  error
}

var errShort = errors.New("a record is not complete")

func (r *reader) number() int64 {
	n, size := binary.Varint(r.left)
	if size <= 0 {
		r.left, r.err = nil, errShort
		return 0
	}
	r.left = r.left[size:]
	return n
}

// bytes returns the bytes of a text, which are valid as long as those that r reads.
func (r *reader) bytes() []byte { return r.next(r.number()) }

// next returns the next n bytes, as bytes does.
func (r *reader) next(n int64) []byte {
	if n < 0 || n > int64(len(r.left)) {
		r.left, r.err = nil, errShort
		return nil
	}
	text := r.left[:n]
	r.left = r.left[n:]
	return text
}

func (r *reader) text() string { return string(r.bytes()) }

func (r *reader) changed(other string) string {
	n := r.number()
	if n == -1 {
		return other
	}
	return string(r.next(n))
}

func (r *reader) moment(from time.Time) time.Time {
	if r.number() == 0 {
		return time.Time{}
	}
	return time.Unix(0, from.UnixNano()+r.number()).UTC()
}

// count reads the length of a list.
func (r *reader) count() int {
	n := r.number()
	if n < 0 || n > int64(len(r.left)) { // each element has at least one byte
		r.left, r.err = nil, errShort
		return 0
	}
	return int(n)
}

// outcomeCode returns the number of an outcome in a file. The numbers of outcomes must not
// change.
func outcomeCode(o executions.Outcome) int64 { return int64(slices.Index(outcomes, o)) }

func outcomeOf(code int64) executions.Outcome {
	if code < 0 || code >= int64(len(outcomes)) {
		return "unknown"
	}
	return outcomes[code]
}

var outcomes = []executions.Outcome{executions.Delivered, executions.Skipped, executions.Accepted, executions.Retrying, executions.Failed, executions.Rejected}

// encode returns the record of an execution. It begins with what filters need; the detail is
// there so that each text of the execution is somewhere in the record.
func encode(e executions.Execution) []byte {
	w := writer{}
	w.number(outcomeCode(e.Outcome))
	w.text(e.Event)
	w.text(e.Reason)
	w.changed(e.Detail, e.Lines[len(e.Lines)-1].Detail)
	w.number(int64(len(e.Lines)))
	before := executions.Line{Event: e.Event}
	for _, line := range e.Lines {
		w.line(line, before, e.Received)
		before = line
	}
	w.laterFields(e.Lines)
	w.calls(e.Lines)
	w.leftOut(e.Lines)
	w.regulations(e.Lines)
	return w
}

// calls appends the calls of lines, which records of an earlier release do not have.
func (w *writer) calls(lines []executions.Line) {
	for _, line := range lines {
		w.number(int64(len(line.Calls)))
		for _, c := range line.Calls {
			w.text(c.Type)
			w.text(c.Event)
			w.number(int64(c.Messages))
			if c.Consent {
				w.number(1)
			} else {
				w.number(0)
			}
		}
	}
}

// calls reads what calls appended, if it is there.
func (r *reader) calls(lines []executions.Line) {
	if len(r.left) == 0 {
		return
	}
	for i := range lines {
		for range r.count() {
			c := segment.Calls{Call: segment.Call{Type: r.text(), Event: r.text()}, Messages: int(r.number())}
			c.Consent = r.number() == 1
			lines[i].Calls = append(lines[i].Calls, c)
		}
	}
}

// laterFields appends the fields of lines that records of an earlier release do not have.
func (w *writer) laterFields(lines []executions.Line) {
	before := executions.Line{}
	for _, line := range lines {
		w.changed(line.Number, before.Number)
		w.changed(line.Total, before.Total)
		w.number(int64(line.Took))
		before = line
	}
}

// leftOut appends what was left out of the messages, which records of an earlier release do not
// have either.
func (w *writer) leftOut(lines []executions.Line) {
	for _, line := range lines {
		w.number(int64(line.LeftOut))
		w.text(line.LeftOutReason)
	}
}

// regulations appends the ids of regulations, which records of an earlier release do not have.
func (w *writer) regulations(lines []executions.Line) {
	for _, line := range lines {
		w.number(int64(len(line.Regulations)))
		for _, id := range line.Regulations {
			w.text(id)
		}
	}
}

// laterFields reads what laterFields appended, if it is there.
func (r *reader) laterFields(lines []executions.Line) {
	if len(r.left) == 0 {
		return
	}
	before := executions.Line{}
	for i := range lines {
		lines[i].Number, lines[i].Total, lines[i].Took = r.changed(before.Number), r.changed(before.Total), executions.Milliseconds(r.number())
		before = lines[i]
	}
}

// leftOut reads what leftOut appended, if it is there.
func (r *reader) leftOut(lines []executions.Line) {
	if len(r.left) == 0 {
		return
	}
	for i := range lines {
		lines[i].LeftOut, lines[i].LeftOutReason = int(r.number()), r.text()
	}
}

// regulations reads what regulations appended, if it is there.
func (r *reader) regulations(lines []executions.Line) {
	if len(r.left) == 0 {
		return
	}
	for i := range lines {
		for range r.count() {
			lines[i].Regulations = append(lines[i].Regulations, r.text())
		}
	}
}

func (w *writer) line(line, before executions.Line, received time.Time) {
	w.moment(line.Time, received)
	w.moment(line.Received, received)
	w.moment(line.EventTime, received)
	for _, each := range fieldsOf(&line, &before) {
		w.changed(*each.text, *each.before)
	}
	for _, n := range []int{line.Attempt, line.Receives, line.Messages, len(line.MessageIDs)} {
		w.number(int64(n))
	}
	for _, id := range line.MessageIDs {
		w.text(id)
	}
}

func (r *reader) line(before executions.Line, tracking string, received time.Time) executions.Line {
	line := executions.Line{Tracking: tracking, Time: r.moment(received), Received: r.moment(received), EventTime: r.moment(received)}
	for _, each := range fieldsOf(&line, &before) {
		*each.text = r.changed(*each.before)
	}
	line.Attempt, line.Receives, line.Messages = int(r.number()), int(r.number()), int(r.number())
	for range r.count() {
		line.MessageIDs = append(line.MessageIDs, r.text())
	}
	return line
}

// field is a text of a line, and the same of the line before.
type field struct{ text, before *string }

// fieldsOf returns the texts of a line in the order in which they are written.
func fieldsOf(l, before *executions.Line) [11]field {
	return [11]field{
		{&l.Kind, &before.Kind}, {&l.Event, &before.Event}, {&l.WebhookID, &before.WebhookID}, {&l.Resource, &before.Resource}, {&l.Outcome, &before.Outcome},
		{&l.Reason, &before.Reason}, {&l.Detail, &before.Detail}, {&l.RetryIn, &before.RetryIn}, {&l.Unsettled, &before.Unsettled},
		{(*string)(&l.Revenue), (*string)(&before.Revenue)}, {&l.Currency, &before.Currency},
	}
}

// kindIn reads the beginning of a record.
func kindIn(tracking string, record []byte) executions.Kind {
	r := reader{left: record}
	return executions.Kind{Tracking: tracking, Outcome: outcomeOf(r.number()), Event: r.text(), Reason: r.text()}
}

// decode returns the execution of a record.
func decode(key, record []byte) (executions.Execution, error) {
	lines, err := linesIn(key, record)
	if err != nil {
		return executions.Execution{}, err
	}
	return executions.New(lines), nil
}

// linesIn returns the lines in a record.
func linesIn(key, record []byte) ([]executions.Line, error) {
	received, tracking := receivedOf(key).UTC(), trackingOf(key)
	r := reader{left: record}
	r.number()
	before := executions.Line{Event: r.text()}
	r.text()
	r.changed("")
	n := r.count()
	lines := make([]executions.Line, 0, n)
	for range n {
		before = r.line(before, tracking, received)
		lines = append(lines, before)
	}
	r.laterFields(lines)
	r.calls(lines)
	r.leftOut(lines)
	r.regulations(lines)
	if r.err != nil || n == 0 {
		return nil, errors.Join(database.ErrDamaged, r.err)
	}
	return lines, nil
}

// encodeCounts returns the record of counts.
func encodeCounts(counts executions.Counts) []byte {
	w := writer{}
	w.number(int64(len(counts)))
	for kind, count := range counts {
		w.text(kind.Tracking)
		w.text(kind.Event)
		w.number(outcomeCode(kind.Outcome))
		w.text(kind.Reason)
		w.number(int64(count.N))
		w.number(count.Last.UnixNano())
		w.number(int64(len(count.Delays)))
		for size, n := range count.Delays {
			w.number(int64(size))
			w.number(int64(n))
		}
	}
	return w
}

// decodeCounts returns the counts of a record.
func decodeCounts(record []byte) (executions.Counts, error) {
	counts := executions.Counts{}
	if record == nil {
		return counts, nil
	}
	r := reader{left: record}
	for range r.count() {
		kind := executions.Kind{Tracking: r.text(), Event: r.text(), Outcome: outcomeOf(r.number()), Reason: r.text()}
		count := executions.Count{N: int(r.number()), Last: time.Unix(0, r.number()), Delays: executions.Delays{}}
		for range r.count() {
			size := int(r.number())
			count.Delays[size] = int(r.number())
		}
		counts[kind] = count
	}
	if r.err != nil {
		return nil, errors.Join(database.ErrDamaged, r.err)
	}
	return counts, nil
}
