package jsonata

import "strings"

// calls has the kinds of the result and of the parameters of each built-in function. The
// parameters after ? are optional.
var calls = []struct {
	name, params string
	gives        kind
}{
	{"$sum", "l", numeric}, {"$count", "l", numeric}, {"$max", "l", numeric}, {"$min", "l", numeric}, {"$average", "l", numeric},
	{"$string", "x?b", textual}, {"$substring", "sn?n", textual}, {"$substringBefore", "ss", textual},
	{"$substringAfter", "ss", textual}, {"$lowercase", "s", textual}, {"$uppercase", "s", textual}, {"$length", "s", numeric},
	{"$trim", "s", textual}, {"$pad", "sn?s", textual}, {"$match", "sr?n", listing}, {"$contains", "sr", boolean},
	{"$replace", "srr?n", textual}, {"$split", "sr?n", listing}, {"$join", "t?s", textual},
	{"$formatNumber", "np?q", textual}, {"$formatBase", "n?m", textual}, {"$formatInteger", "ni", textual},
	{"$parseInteger", "si", numeric}, {"$number", "x", numeric}, {"$floor", "n", numeric}, {"$ceil", "n", numeric},
	{"$round", "n?m", numeric}, {"$abs", "n", numeric}, {"$sqrt", "n", numeric}, {"$power", "ne", numeric},
	{"$boolean", "x", boolean}, {"$not", "x", boolean}, {"$map", "lf", listing}, {"$zip", "l?ll", listing},
	{"$filter", "lf", listing}, {"$single", "l?f", anything}, {"$reduce", "lF?x", anything}, {"$sift", "of", record},
	{"$keys", "o", listing}, {"$lookup", "ok", anything}, {"$append", "xx", listing}, {"$exists", "x", boolean},
	{"$spread", "o", listing}, {"$merge", "L", record}, {"$reverse", "l", listing}, {"$each", "of", listing},
	{"$error", "s", anything}, {"$assert", "b?s", anything}, {"$type", "x", textual}, {"$sort", "l?F", listing},
	{"$distinct", "l", listing}, {"$base64encode", "s", textual}, {"$base64decode", "s", textual},
	{"$encodeUrlComponent", "s", textual}, {"$encodeUrl", "s", textual}, {"$decodeUrlComponent", "s", textual},
	{"$decodeUrl", "s", textual}, {"$eval", "s", anything}, {"$toMillis", "d?D", numeric}, {"$fromMillis", "n?Dz", textual},
	{"$clone", "o", record},
	// The results of these differ from call to call. Only that there is one can be compared.
	{"$count($shuffle", "l", numeric}, {"$exists($now", "?Dz", boolean}, {"$exists($millis", "?x", boolean}, {"$exists($random", "?x", boolean},
}

// call writes the call of a built-in whose result is of a kind, or of a variable.
func (g *generator) call(of kind, depth int) string {
	if len(g.variables) > 0 && g.chance(5) {
		return g.pick(g.variables...) + "(" + g.list(0, 2, func() string { return g.expression(anything, depth-1) }) + ")"
	}
	for {
		b := calls[g.IntN(len(calls))]
		rare := b.name == "$error" || b.name == "$assert" || b.name == "$eval"
		if (of != anything && b.gives != of) || (rare && !g.chance(10)) {
			continue
		}
		text := b.name + "(" + g.arguments(b.params, depth) + ")"
		return text + strings.Repeat(")", strings.Count(text, "(")-strings.Count(text, ")"))
	}
}

// arguments writes arguments. Some calls get one too few or one too many.
func (g *generator) arguments(params string, depth int) string {
	var arguments []string
	optional := false
	for _, param := range params {
		if param == '?' {
			optional = true
			continue
		}
		if (optional && g.chance(50)) || g.chance(3) {
			break
		}
		arguments = append(arguments, g.argument(param, depth))
	}
	if g.chance(2) {
		arguments = append(arguments, g.expression(anything, depth-1))
	}
	return strings.Join(arguments, ", ")
}

func (g *generator) argument(param rune, depth int) string {
	switch param {
	case '?':
		return g.expression(anything, depth-1)
	case 'f':
		return g.function(depth, 1+g.IntN(3))
	case 'F':
		return g.pick(g.function(depth, 2), "function($v, $w){ $v.n > $w.n }", "function($v, $w){ $v > $w }", "function($v, $w){ $v + $w }", "$append")
	case 'r':
		return g.pick(`"a"`, `","`, `""`, "/a/", "/[a-c]+/i", `/\s+/`, "/(a)(b)?/", `/\d/`, "/^a|c$/m", "/x*/", g.expression(textual, depth-1))
	case 't':
		return g.pick("texts", "tags", `["a", "b"]`, g.expression(listing, depth-1))
	case 'm':
		return g.pick("0", "1", "2", "-1", "16", "0.5", g.leaf(numeric))
	case 'e': // exponents for which Go and JavaScript round the power in the same way
		return g.pick("0", "1", "2", "-1", "0.5")
	case 'k':
		return g.pick(`"n"`, `"id"`, `"sub"`, g.expression(textual, depth-1))
	case 'p':
		return g.pick(`"0"`, `"#,##0.00"`, `"0.0##"`, `"00.0e0"`, `"0%"`, `"#0.00;(0.00)"`, `"1"`, g.leaf(textual))
	case 'q':
		return g.pick("{}", `{"decimal-separator": ","}`, `{"minus-sign": "~"}`, g.leaf(record))
	case 'i':
		return g.pick(`"0"`, `"w"`, `"W"`, `"Ww;o"`, `"I"`, `"a"`, `"#,##0"`, `"0;o"`, `"001"`, g.leaf(textual))
	case 'd':
		return g.pick(`"2026-11-24T10:15:00Z"`, `"2026-11-24"`, `"24/11/2026"`, g.leaf(textual))
	case 'D':
		return g.pick(`"[Y]-[M01]-[D01]"`, `"[FNn], [D1o] [MNn] [Y]"`, `"[H01]:[m01]:[s01].[f001][Z]"`, `"[D]/[M]/[Y]"`, `"[X]-W[W01]"`, g.leaf(textual))
	case 'z':
		return g.pick(`"+0100"`, `"-0500"`, `"0000"`, g.leaf(textual))
	case 'L':
		return g.pick("rows", "$spread(map)", `[{"a": 1}, {"a": 2}]`, g.expression(listing, depth-1))
	}
	return g.expression(kind(param), depth-1)
}
