// Package compare compares the Segment messages of another connector with those of this store:
// which messages only one has, and what differs in those that both have.
//
// Messages are paired by their event and the id of the order, and calls without an event by the
// id of the user; never by their messageId, which each connector makes in its own way.
package compare

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"
)

// MaxMessages is the largest number of messages of a side that are compared.
const MaxMessages = 1_000_000

// maxOfKey is the largest number of messages of a key that are paired: they are in memory together.
const maxOfKey = 10_000

// maxExamples is how many ids of orders a difference has.
const maxExamples = 5

// Comparison is the result.
type Comparison struct {
	// Since and Until are the first and the last event time of their messages.
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	// Theirs and Ours are the numbers of messages.
	Theirs      int          `json:"theirs"`
	Ours        int          `json:"ours"`
	Events      []Event      `json:"events"`
	Differences []Difference `json:"differences"` // the kinds with the most events first
	Users       Users        `json:"users"`
	Revenue     []Revenue    `json:"revenue"`
	Pairs       []Pair       `json:"pairs,omitempty"` // of the order that was asked for
}

// Event has the numbers of messages of an event, or of a type of call that has no event.
type Event struct {
	Name       string `json:"name"`
	Theirs     int    `json:"theirs"`
	Ours       int    `json:"ours"`
	Paired     int    `json:"paired"`
	Same       int    `json:"same"` // pairs without a difference
	OnlyTheirs int    `json:"only_theirs"`
	OnlyOurs   int    `json:"only_ours"`
	Repeated   int    `json:"repeated"` // in theirs, with those that have the same messageId
	NotPaired  int    `json:"not_paired"`
	// Outside is the number of our messages before the first or after the last of theirs.
	Outside int `json:"outside"`
}

// Difference is a kind of difference in a field of an event, or without a field of the event as
// a whole.
type Difference struct {
	Kind     Kind     `json:"kind"`
	Field    string   `json:"field"`
	Event    string   `json:"event"`
	Events   int      `json:"events"`   // how many have it
	Of       int      `json:"of"`       // how many pairs, or messages, there are
	Examples []string `json:"examples"` // ids of orders, or of users

	// Shortest and Longest are how far times are apart, in seconds; 0 for other kinds.
	Shortest float64 `json:"shortest_seconds,omitempty"`
	Longest  float64 `json:"longest_seconds,omitempty"`
}

// Users are the users of the pairs in which both have a userId.
type Users struct {
	// Changed is the number of pairs with different userIds.
	Changed int `json:"changed"`
	// Split is the number of their users that would be several of ours. Merged is the number of our
	// users that would be several of theirs.
	Split  int `json:"split"`
	Merged int `json:"merged"`
}

// Messages iterates over Segment messages. It ends after an error.
type Messages = iter.Seq2[Message, error]

// Set is two sets of messages to compare. Their messages are added first.
type Set struct {
	parts *parts
	Comparison

	events   map[string]*Event
	found    map[[3]string]*Difference // by kind, field and normalized name of the event
	users    users
	revenues revenues
}

// Open returns an empty set. It keeps messages in temporary files until it is closed.
func Open() (*Set, error) {
	files, err := newParts()
	return &Set{
		parts: files, events: map[string]*Event{}, found: map[[3]string]*Difference{}, revenues: revenues{},
		users: users{theirs: map[uint64]uint64{}, ours: map[uint64]uint64{}, split: map[uint64]bool{}, merged: map[uint64]bool{}},
	}, err
}

// Close removes the messages.
func (s *Set) Close() error { return s.parts.remove() }

// AddTheirs adds messages of the other connector.
func (s *Set) AddTheirs(ctx context.Context, messages Messages) error {
	return s.add(ctx, theirSide, messages, func(m Message) {
		s.Theirs++
		if m.time.IsZero() {
			return
		}
		if s.Since.IsZero() || m.time.Before(s.Since) {
			s.Since = m.time
		}
		if m.time.After(s.Until) {
			s.Until = m.time
		}
	})
}

// AddOurs adds messages of this store.
func (s *Set) AddOurs(ctx context.Context, messages Messages) error {
	return s.add(ctx, ourSide, messages, func(Message) { s.Ours++ })
}

func (s *Set) add(ctx context.Context, side byte, messages Messages, count func(Message)) error {
	n := 0
	for m, err := range messages {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if n++; n > MaxMessages {
			return fmt.Errorf("there are over %d messages: compare a shorter period", MaxMessages)
		}
		count(m)
		if m.id == "" {
			s.addUnpaired(sideMessage{side, m}, NoID)
			continue
		}
		if err := s.parts.add(side, m); err != nil {
			return fmt.Errorf("writing a temporary file: %w", err)
		}
	}
	return nil
}

// ErrEmpty reports that there are no messages of the other connector.
var ErrEmpty = errors.New("it contains no messages")

// Compare compares the messages. The result has the pairs of the order or user with the given id,
// which may be empty.
func (s *Set) Compare(ctx context.Context, id string) (*Comparison, error) {
	if s.Theirs == 0 {
		return nil, ErrEmpty
	}
	for i := range partCount {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := s.comparePart(i, id); err != nil {
			return nil, fmt.Errorf("reading a temporary file: %w", err)
		}
	}
	s.finish()
	return &s.Comparison, nil
}

// comparePart compares the messages of a file.
func (s *Set) comparePart(i int, id string) error {
	byKey := map[string]*keyMessages{}
	for m, err := range s.parts.read(i) {
		if err != nil {
			return err
		}
		both := byKey[m.key()]
		if both == nil {
			both = &keyMessages{}
			byKey[m.key()] = both
		}
		if both.tooMany {
			s.addUnpaired(m, TooMany)
			continue
		}
		both.messages = append(both.messages, m)
		if len(both.messages) > maxOfKey {
			for _, m := range both.messages {
				s.addUnpaired(m, TooMany)
			}
			*both = keyMessages{tooMany: true}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		if !byKey[key].tooMany {
			s.compareKey(byKey[key].messages, id)
		}
	}
	return nil
}

// keyMessages are the messages with the same key. They are left out if there are too many.
type keyMessages struct {
	messages []sideMessage
	tooMany  bool
}

// compareKey compares the messages of a key.
func (s *Set) compareKey(messages []sideMessage, id string) {
	var e *Event
	var theirs, ours []Message
	for _, m := range messages {
		e = s.countOf(m)
		if m.side == theirSide {
			theirs = append(theirs, m.Message)
		} else {
			ours = append(ours, m.Message)
		}
	}
	p := pair(theirs, ours)
	inPeriod := p.onlyOurs[:0]
	for _, m := range p.onlyOurs {
		if !s.Since.IsZero() && (m.time.Before(s.Since) || m.time.After(s.Until)) {
			e.Outside++
			continue
		}
		inPeriod = append(inPeriod, m)
	}
	p.onlyOurs = inPeriod
	e.Paired += len(p.paired)
	e.OnlyTheirs += len(p.onlyTheirs)
	e.OnlyOurs += len(p.onlyOurs)
	e.Repeated += len(p.repeated) + len(p.copies)
	e.NotPaired += len(p.unclearTheirs) + len(p.unclearOurs)
	s.addOneSided(p)
	for _, two := range p.paired {
		s.addPair(e, two[0], two[1], id)
	}
}

// addOneSided adds the messages that are in no pair. Copies are not in the revenue, because Segment
// drops them.
func (s *Set) addOneSided(p pairs) {
	for _, m := range p.copies {
		s.countMessage(Copy, m)
	}
	for kind, messages := range map[Kind][]Message{OnlyTheirs: p.onlyTheirs, Repeated: p.repeated, Unclear: p.unclearTheirs} {
		for _, m := range messages {
			s.countMessage(kind, m)
			s.revenues.addTheirs(m, kind)
		}
	}
	for kind, messages := range map[Kind][]Message{OnlyOurs: p.onlyOurs, Unclear: p.unclearOurs} {
		for _, m := range messages {
			s.countMessage(kind, m)
			s.revenues.addOurs(m, kind)
		}
	}
}

// addUnpaired adds a message that is not paired, and why.
func (s *Set) addUnpaired(m sideMessage, why Kind) {
	s.countOf(m).NotPaired++
	s.countMessage(why, m.Message)
	if m.side == theirSide {
		s.revenues.addTheirs(m.Message, why)
	} else {
		s.revenues.addOurs(m.Message, why)
	}
}

// addPair adds the differences of a pair.
func (s *Set) addPair(e *Event, theirs, ours Message, id string) {
	found := differences(theirs, ours)
	s.users.add(textOf(theirs.fields["userId"]), textOf(ours.fields["userId"]))
	s.revenues.addPair(theirs, ours)
	if id != "" && (theirs.id == id || ours.id == id) {
		s.Pairs = append(s.Pairs, newPair(theirs, ours, found))
	}
	if len(found) == 0 {
		e.Same++
	}
	for _, d := range byKind(found) {
		one := s.difference(d.kind, d.field(), ours)
		if d.kind == Later || d.kind == Earlier {
			one.addTimeDifference(d)
		}
	}
}

// countOf counts a message in the numbers of its event, and returns them.
func (s *Set) countOf(m sideMessage) *Event {
	name := normalized(m.name)
	e := s.events[name]
	if e == nil {
		e = &Event{Name: m.name}
		s.events[name] = e
	}
	if m.side == theirSide {
		e.Theirs++
	} else {
		e.Ours++
		e.Name = m.name // theirs may be written in another way
	}
	return e
}

// countMessage counts a difference of a whole message.
func (s *Set) countMessage(kind Kind, m Message) { s.difference(kind, "", m) }

// difference counts a difference.
func (s *Set) difference(kind Kind, field string, m Message) *Difference {
	key := [3]string{string(kind), field, normalized(m.name)}
	d := s.found[key]
	if d == nil {
		d = &Difference{Kind: kind, Field: field, Examples: []string{}}
		s.found[key] = d
	}
	d.Events++
	if len(d.Examples) < maxExamples && m.id != "" && !slices.Contains(d.Examples, m.id) {
		d.Examples = append(d.Examples, m.id)
	}
	return d
}

// addTimeDifference notes how far apart two times are.
func (d *Difference) addTimeDifference(of difference) {
	theirs, _ := timeOf(of.theirs)
	ours, _ := timeOf(of.ours)
	seconds := theirs.Sub(ours).Abs().Seconds()
	if d.Events == 1 || seconds < d.Shortest {
		d.Shortest = seconds
	}
	d.Longest = max(d.Longest, seconds)
}

// finish sorts what was found.
func (s *Set) finish() {
	s.Events, s.Differences = []Event{}, []Difference{}
	for _, name := range slices.Sorted(maps.Keys(s.events)) {
		s.Events = append(s.Events, *s.events[name])
	}
	ofKind := map[Kind]int{}
	for key, d := range s.found {
		e := s.events[key[2]]
		d.Event, d.Of = e.Name, e.of(*d)
		ofKind[d.Kind] += d.Events
		s.Differences = append(s.Differences, *d)
	}
	slices.SortFunc(s.Differences, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(ofKind[b.Kind], ofKind[a.Kind]), strings.Compare(string(a.Kind), string(b.Kind)),
			cmp.Compare(b.Events, a.Events), strings.Compare(a.Field, b.Field), strings.Compare(a.Event, b.Event))
	})
	s.Users = Users{s.users.changed, len(s.users.split), len(s.users.merged)}
	s.Revenue = s.revenues.rows()
	for i := range s.Revenue {
		s.Revenue[i].Event = s.events[normalized(s.Revenue[i].Event)].Name
	}
}

// of returns how many pairs or messages may have a difference.
func (e Event) of(d Difference) int {
	switch {
	case d.Field != "":
		return e.Paired
	case d.Kind == OnlyTheirs || d.Kind == Repeated || d.Kind == Copy:
		return e.Theirs
	case d.Kind == OnlyOurs:
		return e.Ours - e.Outside
	default:
		return e.Theirs + e.Ours
	}
}

// users notes which users of theirs are which of ours. It keeps hashes of the ids: the ids of
// all users would need much memory.
type users struct {
	theirs, ours  map[uint64]uint64 // the first partner of each user
	split, merged map[uint64]bool
	changed       int
}

// add notes the users of a pair. An id may be empty.
func (u *users) add(theirs, ours string) {
	if theirs == "" || ours == "" {
		return
	}
	if theirs != ours {
		u.changed++
	}
	there, here := hash(theirs), hash(ours)
	if first, known := u.theirs[there]; known && first != here {
		u.split[there] = true
	}
	if first, known := u.ours[here]; known && first != there {
		u.merged[here] = true
	}
	u.theirs[there], u.ours[here] = here, there
}

func hash(text string) uint64 {
	h := fnv.New64a()
	io.WriteString(h, text)
	return h.Sum64()
}
