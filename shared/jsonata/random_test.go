package jsonata

import (
	"math/rand/v2"
	"strings"
)

// randomTemplate makes a template and an input from a seed. An empty input is undefined.
func randomTemplate(seed uint64) (source, input string) {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0))}
	input = g.document()
	g.rows = strings.HasPrefix(input, "[")
	depth := 1 + g.IntN(3)
	if g.chance(50) {
		return g.overRows(depth), input
	}
	return g.expression(anything, depth), input
}

// generator writes random templates. Most parts are valid: a number if a number is
// expected, and names that the input has. The others are invalid on purpose.
type generator struct {
	*rand.Rand
	variables []string
	rows      bool // the context is a row of the document, or a list of rows
}

// kind is the intended type of the result of an expression.
type kind byte

const (
	anything kind = 'x'
	numeric  kind = 'n'
	textual  kind = 's'
	boolean  kind = 'b'
	listing  kind = 'l'
	record   kind = 'o'
)

// chance returns true with the given probability, in percent.
func (g *generator) chance(percent int) bool { return g.IntN(100) < percent }

func (g *generator) pick(from ...string) string { return from[g.IntN(len(from))] }

// word returns a random word of a text.
func (g *generator) word(from string) string { return g.pick(strings.Fields(from)...) }

// list calls item from least to most times, and joins the results with commas.
func (g *generator) list(least, most int, item func() string) string {
	parts := make([]string, least+g.IntN(most-least+1))
	for i := range parts {
		parts[i] = item()
	}
	return strings.Join(parts, ", ")
}

// within writes a part whose context is a row. Its variables are not visible elsewhere.
func (g *generator) within(write func() string) string {
	rows, variables := g.rows, g.variables
	g.rows = true
	text := write()
	g.rows, g.variables = rows, variables
	return text
}

// expression writes an expression of a kind, or sometimes of any kind.
func (g *generator) expression(of kind, depth int) string {
	if g.chance(5) {
		of = g.anyKind()
	}
	if depth <= 0 {
		return g.leaf(of)
	}
	switch n := g.IntN(100); {
	case n < 32:
		return g.path(depth)
	case n < 57:
		return g.call(of, depth)
	case n < 61:
		return g.block(of, depth)
	case n < 65:
		return "(" + g.expression(boolean, depth-1) + " ? " + g.expression(of, depth-1) + g.pick("", " : "+g.expression(of, depth-1)) + ")"
	case n < 70:
		return "(" + g.expression(of, depth-1) + g.pick(" ?: ", " ?? ") + g.expression(of, depth-1) + ")"
	case n < 74:
		return g.chained(of, depth)
	case n < 77:
		return g.expression(of, depth-1) + g.suffix(depth)
	}
	return g.operation(of, depth)
}

// overRows writes what most templates have: a value computed from a list of rows.
func (g *generator) overRows(depth int) string {
	rows := g.pick("rows", "rows", "rows", "one", "nested", "deep", "none", "row", "rows[n > 0]", "rows.sub", "$$.rows", "$.rows", "**", "texts", "numbers", "$")
	if g.rows {
		rows = g.pick("$", "$$", "$.sub", "sub", "$[0]", "*")
	}
	prefix := ""
	if g.chance(30) {
		g.variables = append(g.variables, "$v")
		prefix = "($v := " + rows + "; "
		if g.chance(40) {
			rows = "$v"
		}
	}
	part := func() string { return g.within(func() string { return g.expression(anything, depth-1) }) }
	text := rows
	switch g.IntN(9) {
	case 0, 1:
		text += g.pick("", "", g.suffix(depth)) + g.group(depth)
	case 2:
		text += g.pick("", g.suffix(depth)) + ".(" + part() + ")"
	case 3:
		text += g.pick("", g.suffix(depth)) + `.{"k1": ` + part() + `, "k2": ` + part() + "}"
	case 4:
		text = "$map(" + rows + ", " + g.function(depth, 1+g.IntN(3)) + ")"
	case 5:
		text = "[" + rows + "[" + part() + "]]"
	case 6:
		text += g.suffix(depth) + g.suffix(depth)
	case 7:
		text += ".[" + part() + "]"
	case 8:
		text = rows + ".sub" + g.suffix(depth) + "." + g.step(depth) + g.suffix(depth)
	}
	if prefix != "" {
		text += ")"
	}
	return prefix + text
}

func (g *generator) leaf(of kind) string {
	if g.chance(45) {
		return g.start()
	}
	switch of {
	case numeric:
		return g.pick("0", "1", "2", "3", "10", "-1", "2.5", "total", "n", "numbers[0]")
	case textual:
		return g.pick(`"a"`, `""`, `"x,y"`, `"12"`, `"id"`, "name", "s", "id", `'n'`)
	case boolean:
		return g.pick("true", "false", "flag", "b")
	case listing:
		return g.pick("[]", "[1, 2, 3]", `["b", "a"]`, "rows", "numbers", "texts", "tags", "[1]", "nested", "deep", "[[1, 2], [3]]", "[1..3]", "one", "none")
	case record:
		return g.pick("{}", `{"id": "A", "n": 1}`, "row", "map", "sub", "rows[0]")
	}
	return g.pick("null", "1", `"a"`, "true", "$", "$$", "rows", "nil", "missing")
}

// operation writes an operator or a constructor whose result is of a kind.
func (g *generator) operation(of kind, depth int) string {
	part := func(of kind) string { return g.expression(of, depth-1) }
	switch of {
	case numeric:
		if g.chance(10) {
			return "-" + part(numeric)
		}
		return "(" + part(numeric) + g.pick(" + ", " - ", " * ", " / ", " % ") + part(numeric) + ")"
	case textual:
		return "(" + part(textual) + " & " + part(anything) + ")"
	case boolean:
		switch g.IntN(4) {
		case 0:
			return "(" + part(boolean) + g.pick(" and ", " or ") + part(boolean) + ")"
		case 1:
			return "(" + part(anything) + " in " + part(listing) + ")"
		case 2:
			same := g.pick("n", "s")[0]
			return "(" + part(kind(same)) + g.pick(" < ", " <= ", " > ", " >= ") + part(kind(same)) + ")"
		}
		return "(" + part(anything) + g.pick(" = ", " != ") + part(anything) + ")"
	case listing:
		return "[" + g.list(0, 3, func() string {
			if g.chance(12) {
				return g.leaf(numeric) + ".." + g.leaf(numeric)
			}
			return part(anything)
		}) + "]"
	case record:
		return g.object(depth)
	}
	return g.operation(kind(g.word("n s b l o")[0]), depth)
}

func (g *generator) object(depth int) string {
	keys := []string{`"k1"`, `"k2"`, `"3"`}
	return "{" + g.list(0, 3, func() string {
		key := keys[0]
		if keys = keys[1:]; g.chance(20) {
			key = g.expression(textual, depth-1)
		}
		return key + ": " + g.expression(anything, depth-1)
	}) + "}"
}

// group writes {key: value}. The context of the value is the elements of the group.
func (g *generator) group(depth int) string {
	return g.within(func() string {
		key := g.pick("id", "id", "id", "s", `"all"`, "$string(n)", "tags[0]", "$type($)")
		value := g.expression(anything, depth-1)
		if g.chance(50) {
			value = g.pick(append(g.variables, "$", "$", "$$.rows", "$$")...) + g.suffix(depth) + g.pick("", "", "."+g.word(rowNames))
			if g.chance(30) {
				value = g.pick("$count", "$sum", "$string", "$exists") + "(" + value + ")"
			}
		}
		return "{" + key + ": " + value + "}"
	})
}

// block writes (…; …), with assignments.
func (g *generator) block(of kind, depth int) string {
	variables := g.variables
	defer func() { g.variables = variables }()
	var statements []string
	for range 1 + g.IntN(2) {
		name := g.word("$v $w $u")
		value := g.expression(anything, depth-1)
		if g.chance(20) {
			value = g.function(depth, 1+g.IntN(2))
		}
		statements = append(statements, name+" := "+value)
		g.variables = append(g.variables[:len(g.variables):len(g.variables)], name)
	}
	return "(" + strings.Join(append(statements, g.expression(of, depth-1)), "; ") + ")"
}

// chained writes a ~> b.
func (g *generator) chained(of kind, depth int) string {
	left := g.expression(g.anyKind(), depth-1)
	switch g.IntN(4) {
	case 0:
		return "(" + left + " ~> " + g.word("$count $sum $string $reverse $distinct $keys $exists $not $uppercase $append $merge $type $spread") + ")"
	case 1:
		return "(" + g.expression(record, depth-1) + " ~> " + g.transformation(depth) + ")"
	case 2:
		return "(" + left + " ~> " + g.function(depth, 1) + ")"
	}
	b := calls[g.IntN(len(calls))]
	return "(" + g.argument(rune(b.params[0]), depth) + " ~> " + b.name + "(" + g.arguments(b.params[1:], depth) + "))"
}

func (g *generator) anyKind() kind { return kind(g.word("x n s b l o")[0]) }

func (g *generator) transformation(depth int) string {
	pattern := g.pick("$", "rows", "sub", "*", "**[n]", "rows[n > 1]", "nested", "$[0]", g.path(depth-1))
	return "|" + pattern + "|" + g.within(func() string {
		update := g.pick("{}", `{"n": n + 1}`, `{"k": $}`, `{"s": $.s}`, g.object(depth))
		return update + g.pick("", "", `, "id"`, `, ["n", "s"]`, ", "+g.expression(textual, depth-1))
	}) + "|"
}

// function writes a lambda, a built-in or a partial application.
func (g *generator) function(depth, params int) string {
	if g.chance(15) {
		return g.pick("$string", "$count", "$sum", "$exists", "$boolean", "$uppercase", "$append(?, 1)", "$substring(?, 1)", "$not", "$type", "$power(2, ?)")
	}
	return g.within(func() string {
		names := []string{"$v", "$w", "$u"}[:params]
		g.variables = append(g.variables[:len(g.variables):len(g.variables)], names...)
		signature := ""
		if g.chance(6) {
			signature = g.word("<x:x> <a:x> <s-:s> <n?:x> <j:j>")
		}
		return g.pick("function", "function", "λ") + "(" + strings.Join(names, ", ") + ")" + signature +
			"{ " + g.body(depth) + " }"
	})
}

// body writes the body of a lambda: often a function or a path that collects results, which
// may stay a list with one element.
func (g *generator) body(depth int) string {
	if g.chance(60) {
		return g.expression(anything, depth-1)
	}
	collects := g.pick("$filter", "$map", "$append", "$match", "tags", "$v.tags", "sub.n", "[$v]", "$v[]")
	switch collects {
	case "$filter", "$map":
		collects += "(" + g.expression(listing, depth-1) + ", function($w){ " + g.expression(anything, depth-1) + " })"
	case "$append":
		collects += "(" + g.expression(anything, depth-1) + ", " + g.expression(anything, depth-1) + ")"
	case "$match":
		collects += "(" + g.expression(textual, depth-1) + ", /a/)"
	}
	other := g.pick("[]", "0", "missing", g.expression(anything, depth-1))
	return g.pick(collects, "("+collects+")", collects+" ?: "+other, collects+" ?? "+other, other+" ?: "+collects, other+" ?? "+collects,
		"("+collects+") ?: "+other, "true ? "+collects, "($w := "+collects+")", "($w := "+collects+"; $w)", collects+"[0]", collects+"[true]")
}

// path writes steps, with predicates, variables, sorts and a group.
func (g *generator) path(depth int) string {
	text := g.start()
	switch g.IntN(16) {
	case 0:
		text = "(" + g.expression(anything, depth-1) + ")"
	case 1:
		text = "[" + g.list(0, 2, func() string { return g.expression(anything, depth-1) }) + "]"
	case 2:
		text = g.call(anything, depth-1)
	case 3:
		text = g.object(depth - 1)
	}
	variables := g.variables
	if g.chance(55) {
		text += g.suffix(depth)
	}
	for range g.IntN(3) {
		text += "." + g.step(depth)
		if g.chance(35) {
			text += g.suffix(depth)
		}
	}
	if g.chance(8) {
		text += g.group(depth)
	}
	g.variables = variables
	return text
}

// start writes the beginning of a path.
func (g *generator) start() string {
	names := documentNames
	if g.rows {
		names = rowNames
	}
	switch n := g.IntN(100); {
	case n < 12:
		return "$"
	case n < 19:
		return "$$." + g.word(documentNames)
	case n < 22:
		return "$$"
	case n < 34 && len(g.variables) > 0:
		return g.pick(g.variables...)
	case n < 36:
		return g.pick("*", "**", `"rows"`, "`rows`", "%", "$nothing")
	}
	return g.word(names)
}

func (g *generator) step(depth int) string {
	return g.within(func() string {
		switch n := g.IntN(100); {
		case n < 52:
			return g.word(rowNames)
		case n < 60:
			return g.pick("*", "**", `"n"`, "`sub`", "$", "$$", "%.id", "%", "%.%")
		case n < 72:
			return "(" + g.expression(anything, depth-1) + ")"
		case n < 82:
			return g.object(depth)
		case n < 88:
			return "[" + g.list(0, 2, func() string { return g.expression(anything, depth-1) }) + "]"
		case n < 92 && len(g.variables) > 0:
			return g.pick(g.variables...)
		}
		return g.pick("$string()", "$uppercase(s)", "$sum(n)", "$count(tags)", "$number()", "$length(s)", g.call(anything, depth-1))
	})
}

// suffix writes a predicate, a variable or a sort after a step.
func (g *generator) suffix(depth int) string {
	switch n := g.IntN(100); {
	case n < 22:
		return g.pick("[0]", "[-1]", "[1]", "[0]", "[0.5]", "[[0, 1]]", "[[0..1]]")
	case n < 50:
		return "[" + g.within(func() string { return g.expression(boolean, depth-1) }) + "]"
	case n < 58:
		return "[]"
	case n < 74:
		return "^(" + g.within(func() string {
			return g.list(1, 2, func() string {
				return g.pick("", "<", ">") + g.pick("n", "id", "s", "$", g.expression(numeric, depth-1))
			})
		}) + ")"
	case n < 84:
		g.variables = append(g.variables[:len(g.variables):len(g.variables)], "$i")
		return "#$i" + g.pick("", "[$i > 0]", "[0]", ".{\"i\": $i, \"n\": n}", ".$i")
	case n < 92:
		g.variables = append(g.variables[:len(g.variables):len(g.variables)], "$r")
		return "@$r" + g.pick("", "[n = $r.n]", ".n", ".$r.id", "."+g.word(rowNames)+g.pick("", "[$r.n > 0]"))
	}
	return g.group(depth)
}
