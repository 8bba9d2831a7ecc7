package compare

import (
	"slices"
	"time"
)

// pairs are the messages with the same key, paired.
type pairs struct {
	paired               [][2]Message // theirs, ours
	onlyTheirs, onlyOurs []Message
	repeated             []Message // of theirs, with the content of another one
	copies               []Message // of theirs, with the messageId of another one
	// unclear are the messages for which there are several partners that fit equally well.
	unclearTheirs, unclearOurs []Message
}

const (
	// sameWithin is the longest time between the two messages of a pair, if a key has several, such
	// as the updates of an order.
	sameWithin = 24 * time.Hour
	// maxCandidates is the largest number of possible pairs of a key that are compared.
	maxCandidates = 1 << 20
)

// pair pairs the messages of a key. If each side has one, they are a pair. If a side has several, as
// for an order that was updated twice, those that are nearest in time are pairs, if they are within
// sameWithin.
func pair(theirs, ours []Message) (p pairs) {
	ours, _ = withoutCopies(ours)
	theirs, p.copies = withoutCopies(theirs)
	switch {
	case len(theirs) == 1 && len(ours) == 1:
		p.paired = [][2]Message{{theirs[0], ours[0]}}
		return p
	case len(theirs)*len(ours) > maxCandidates:
		p.unclearTheirs, p.unclearOurs = theirs, ours
		return p
	}
	taken := map[messageRef]bool{}
	for _, group := range candidates(theirs, ours) {
		group = slices.DeleteFunc(group, func(c candidate) bool { return taken[c.their()] || taken[c.our()] })
		p.take(theirs, ours, group, taken)
	}
	p.leftOver(theirs, ours, taken)
	return p
}

// withoutCopies separates messages whose messageId an earlier one has: Segment drops them.
func withoutCopies(messages []Message) (first, copies []Message) {
	seen := map[string]bool{}
	for _, m := range messages {
		if m.messageID != "" && seen[m.messageID] {
			copies = append(copies, m)
			continue
		}
		seen[m.messageID] = true
		first = append(first, m)
	}
	return first, copies
}

// messageRef is a message by its side and its index.
type messageRef struct {
	theirs bool
	index  int
}

// candidate is a possible pair.
type candidate struct {
	theirs, ours   int // indices
	timeDifference time.Duration
}

func (c candidate) their() messageRef { return messageRef{true, c.theirs} }
func (c candidate) our() messageRef   { return messageRef{false, c.ours} }

// candidates returns the possible pairs, nearest first, in groups that are equally far apart.
func candidates(theirs, ours []Message) (groups [][]candidate) {
	var all []candidate
	for i, t := range theirs {
		for j, o := range ours {
			if timeDifference := t.time.Sub(o.time).Abs(); timeDifference <= sameWithin {
				all = append(all, candidate{i, j, timeDifference})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return int(a.timeDifference - b.timeDifference) })
	for len(all) > 0 {
		end := slices.IndexFunc(all, func(c candidate) bool { return c.timeDifference != all[0].timeDifference })
		if end < 0 {
			end = len(all)
		}
		groups = append(groups, all[:end])
		all = all[end:]
	}
	return groups
}

// take pairs the messages of a group of candidates. If the group has partners with different
// contents for a message, its pairs are unclear.
func (p *pairs) take(theirs, ours []Message, group []candidate, taken map[messageRef]bool) {
	partner, several := map[messageRef]string{}, map[messageRef]bool{}
	note := func(one messageRef, content string) {
		if first, ok := partner[one]; ok && first != content {
			several[one] = true
		}
		partner[one] = content
	}
	for _, c := range group {
		note(c.their(), ours[c.ours].content())
		note(c.our(), theirs[c.theirs].content())
	}
	unclear := map[messageRef]bool{}
	for _, c := range group {
		if several[c.their()] || several[c.our()] {
			unclear[c.their()], unclear[c.our()] = true, true
		}
	}
	for _, c := range group {
		if !unclear[c.their()] && !unclear[c.our()] && !taken[c.their()] && !taken[c.our()] {
			taken[c.their()], taken[c.our()] = true, true
			p.paired = append(p.paired, [2]Message{theirs[c.theirs], ours[c.ours]})
		}
	}
	for i, m := range theirs {
		if unclear[messageRef{true, i}] {
			taken[messageRef{true, i}] = true
			p.unclearTheirs = append(p.unclearTheirs, m)
		}
	}
	for i, m := range ours {
		if unclear[messageRef{false, i}] {
			taken[messageRef{false, i}] = true
			p.unclearOurs = append(p.unclearOurs, m)
		}
	}
}

// leftOver adds the messages that are in no pair.
func (p *pairs) leftOver(theirs, ours []Message, taken map[messageRef]bool) {
	contents := map[string]bool{}
	for i, m := range theirs {
		if taken[messageRef{true, i}] {
			contents[m.content()] = true
		}
	}
	for i, m := range theirs {
		switch {
		case taken[messageRef{true, i}]:
		case contents[m.content()]:
			p.repeated = append(p.repeated, m)
		default:
			contents[m.content()] = true
			p.onlyTheirs = append(p.onlyTheirs, m)
		}
	}
	for i, m := range ours {
		if !taken[messageRef{false, i}] {
			p.onlyOurs = append(p.onlyOurs, m)
		}
	}
}
