package regex

import (
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"commerce-segment/shared/jsonata/value"
)

// machine runs the program of a regular expression. It reads the text once, character by
// character, and follows all paths through the program at the same time. So its time is at
// most in proportion to the size of the program times the length of the text. It works like
// the engine of package regexp, except that line ends are those of JavaScript.
type machine struct {
	program   *syntax.Prog
	now, then threads
	at        []int // the offsets of the thread that is being followed
	steps     int   // the steps that are not charged yet
}

// threads lists the instructions that were reached at a place in the text, in the order of
// preference, each with the offsets of the groups on the path to it.
type threads struct {
	instructions []uint32
	offsets      []int
	index        []uint32 // for each instruction of the program its index in instructions, if it is there
}

func newThreads(size, groups int) threads {
	return threads{instructions: make([]uint32, 0, size), offsets: make([]int, size*groups), index: make([]uint32, size)}
}

// reach adds an instruction, unless the list already has it.
func (t *threads) reach(pc uint32) (i int, added bool) {
	if i := t.index[pc]; int(i) < len(t.instructions) && t.instructions[i] == pc {
		return 0, false
	}
	i = len(t.instructions)
	t.index[pc] = uint32(i)
	t.instructions = append(t.instructions, pc)
	return i, true
}

// machine returns the machine of the regular expression for this evaluation.
func (r *Regex) machine(st *value.State) (*machine, error) {
	if m, ok := st.Cached(r).(*machine); ok {
		return m, nil
	}
	size, offsets := len(r.program.Inst), 2*(r.groups+1)
	if err := st.Allocate(2 * size * (8 + 8*offsets)); err != nil {
		return nil, err
	}
	m := &machine{program: r.program, now: newThreads(size, offsets), then: newThreads(size, offsets), at: make([]int, offsets)}
	st.Cache(r, m)
	return m, nil
}

// find returns the first match at or after a place, or nil. A match is the byte offsets of
// its beginning and end, and of those of its groups.
func (r *Regex) find(st *value.State, text string, pos int) ([]int, error) {
	m, err := r.machine(st)
	if err != nil {
		return nil, err
	}
	if err := st.AllocateItems(len(m.at)); err != nil {
		return nil, err
	}
	m.now.instructions = m.now.instructions[:0]
	var match []int
	here := r.spotIn(text, pos)
	for {
		if match == nil {
			if r.anchored && here.pos > 0 && len(m.now.instructions) == 0 {
				return nil, m.pay(st, 0)
			}
			if len(m.now.instructions) == 0 {
				skip := r.skip(text[here.pos:])
				if skip < 0 {
					return nil, m.pay(st, len(text)-here.pos)
				}
				m.steps += skip / 8
				here = r.spotIn(text, here.pos+skip)
			}
			m.begin(here)
		}
		next := r.spotIn(text, here.pos+here.size)
		match = m.step(match, here, next)
		if here.size == 0 || match != nil && len(m.then.instructions) == 0 {
			return match, m.pay(st, 0)
		}
		here = next
		m.now, m.then = m.then, m.now
		if m.steps++; m.steps >= 4096 {
			if err := m.pay(st, 0); err != nil {
				return nil, err
			}
		}
	}
}

// skip returns the offset of the first place in a text at which a match can begin, or -1 if
// there is none.
func (r *Regex) skip(text string) int {
	switch {
	case r.prefix != "":
		return strings.Index(text, r.prefix)
	case !r.begins.known:
		return 0
	}
	for i := range len(text) {
		if c := text[i]; c >= utf8.RuneSelf || r.begins.with[c] {
			return i
		}
	}
	return -1
}

// beginnings returns the ASCII characters with which a match can begin. They are not known
// if a match can be empty.
type beginnings struct {
	with  [utf8.RuneSelf]bool
	known bool
}

func beginningsOf(program *syntax.Prog) (b beginnings) {
	b.known = true
	seen := make([]bool, len(program.Inst))
	var follow func(pc uint32)
	follow = func(pc uint32) {
		if seen[pc] {
			return
		}
		seen[pc] = true
		switch instruction := &program.Inst[pc]; instruction.Op {
		case syntax.InstMatch:
			b.known = false
		case syntax.InstAlt, syntax.InstAltMatch:
			follow(instruction.Out)
			follow(instruction.Arg)
		case syntax.InstNop, syntax.InstEmptyWidth, syntax.InstCapture:
			follow(instruction.Out)
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			for c := range rune(utf8.RuneSelf) {
				b.with[c] = b.with[c] || instruction.MatchRune(c)
			}
		}
	}
	follow(uint32(program.Start))
	return b
}

// spot is a place in a text: the character that follows, and the conditions (such as ^ or
// \b) that are true there, if the regular expression has any.
type spot struct {
	pos    int
	around syntax.EmptyOp
	after  rune // -1 at the end
	size   int
}

func (r *Regex) spotIn(text string, pos int) spot {
	p := spot{pos: pos, after: -1}
	if pos < len(text) {
		p.after, p.size = utf8.DecodeRuneInString(text[pos:])
	}
	if !r.looksAround {
		return p
	}
	before := rune(-1)
	if pos > 0 {
		before, _ = utf8.DecodeLastRuneInString(text[:pos])
	}
	p.around = syntax.EmptyOpContext(before, p.after)
	if isLineEnd(before) {
		p.around |= syntax.EmptyBeginLine
	}
	if isLineEnd(p.after) {
		p.around |= syntax.EmptyEndLine
	}
	return p
}

// isLineEnd reports whether a character is a LineTerminator of ECMA-262.
func isLineEnd(r rune) bool { return r == '\n' || r == '\r' || r == '\u2028' || r == '\u2029' }

// pay charges for the steps so far, and for a search through a number of bytes.
func (m *machine) pay(st *value.State, bytes int) error {
	units := m.steps/5 + bytes/64
	m.steps = 0
	return st.Spend(units)
}

// begin adds a thread for a match that begins here. It has the lowest preference.
func (m *machine) begin(here spot) {
	for i := range m.at {
		m.at[i] = -1
	}
	m.at[0] = here.pos
	m.follow(&m.now, uint32(m.program.Start), here)
}

// step moves the threads over a character. If a match ends before the character and is
// preferred to the given match, step returns it.
func (m *machine) step(match []int, here, next spot) []int {
	m.then.instructions = m.then.instructions[:0]
	for i, pc := range m.now.instructions {
		switch instruction := &m.program.Inst[pc]; instruction.Op {
		case syntax.InstMatch:
			match = append(match[:0], m.now.of(i, len(m.at))...)
			match[1] = here.pos
			return match // the remaining threads have a lower preference
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			if here.size > 0 && instruction.MatchRune(here.after) {
				copy(m.at, m.now.of(i, len(m.at)))
				m.follow(&m.then, instruction.Out, next)
			}
		}
	}
	return match
}

// of returns the offsets of a thread.
func (t *threads) of(i, size int) []int { return t.offsets[i*size : (i+1)*size] }

// follow adds an instruction, and those that can be reached from it without reading a
// character.
func (m *machine) follow(to *threads, pc uint32, here spot) {
	i, added := to.reach(pc)
	if !added {
		return
	}
	m.steps++
	switch instruction := &m.program.Inst[pc]; instruction.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		m.follow(to, instruction.Out, here)
		m.follow(to, instruction.Arg, here)
	case syntax.InstNop:
		m.follow(to, instruction.Out, here)
	case syntax.InstEmptyWidth:
		if syntax.EmptyOp(instruction.Arg)&^here.around == 0 {
			m.follow(to, instruction.Out, here)
		}
	case syntax.InstCapture:
		was := m.at[instruction.Arg]
		m.at[instruction.Arg] = here.pos
		m.follow(to, instruction.Out, here)
		m.at[instruction.Arg] = was
	case syntax.InstFail:
	default:
		copy(to.of(i, len(m.at)), m.at)
	}
}
