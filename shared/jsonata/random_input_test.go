package jsonata

import (
	"fmt"
	"strconv"
	"strings"
)

// The fields of random inputs. Some templates read a field that no input has.
const (
	documentNames = "rows rows rows one none nested deep name total flag nil map texts numbers mixed row missing"
	rowNames      = "id id n n s b x tags sub missing"
)

// document makes an input: usually an object, sometimes a list, another value, or none.
func (g *generator) document() string {
	switch n := g.IntN(100); {
	case n < 65:
		return g.record(documentNames, 50, g.documentField)
	case n < 82:
		return g.jsonList(0, 3, g.row)
	case n < 88:
		return g.jsonList(0, 2, func() string { return g.jsonList(0, 2, g.row) })
	case n < 98:
		return g.json(3)
	}
	return ""
}

// record makes an object with the given fields. Some fields are missing, by the given
// percentage, and some have a value of another kind.
func (g *generator) record(names string, missing int, value func(name string) string) string {
	var fields []string
	seen := map[string]bool{"missing": true}
	for _, name := range strings.Fields(names) {
		if seen[name] || g.chance(missing) {
			continue
		}
		seen[name] = true
		v := value(name)
		if g.chance(8) {
			v = g.json(2)
		}
		fields = append(fields, strconv.Quote(name)+":"+v)
	}
	return "{" + strings.Join(fields, ",") + "}"
}

func (g *generator) documentField(name string) string {
	switch name {
	case "rows":
		return g.jsonList(0, 3, g.row)
	case "one":
		return "[" + g.row() + "]"
	case "none":
		return "[]"
	case "nested":
		return g.jsonList(0, 2, func() string { return g.jsonList(0, 2, g.row) })
	case "deep":
		return g.jsonList(0, 3, func() string { return g.jsonList(0, 3, g.jsonNumber) })
	case "name":
		return g.jsonText()
	case "total":
		return g.jsonNumber()
	case "flag":
		return g.pick("true", "false")
	case "nil":
		return "null"
	case "map":
		return fmt.Sprintf(`{"a":%s,"b":%s,"2":%s}`, g.jsonNumber(), g.jsonText(), g.json(1))
	case "texts":
		return g.jsonList(0, 4, g.jsonText)
	case "numbers":
		return g.jsonList(0, 5, g.jsonNumber)
	case "mixed":
		return g.jsonList(0, 4, func() string { return g.json(1) })
	}
	return g.row()
}

func (g *generator) row() string { return g.rowOf(1) }

func (g *generator) rowOf(depth int) string {
	return g.record(rowNames, 25, func(name string) string {
		switch name {
		case "id":
			return g.pick(`"A"`, `"B"`, `"C"`)
		case "n":
			return g.jsonNumber()
		case "s":
			return g.jsonText()
		case "b":
			return g.pick("true", "false")
		case "tags":
			return g.jsonList(0, 3, func() string { return g.pick(`"p"`, `"q"`, `"r"`) })
		case "sub":
			if depth == 0 {
				return "{}"
			}
			if g.chance(40) {
				return g.rowOf(depth - 1)
			}
			return g.jsonList(0, 2, func() string { return g.rowOf(depth - 1) })
		}
		return g.json(1)
	})
}

func (g *generator) jsonNumber() string {
	return g.pick("0", "1", "2", "3", "10", "-1", "0.5", "2.5", "19.99", "1e3", "-7.25", "100")
}

func (g *generator) jsonText() string {
	return g.pick(`""`, `"a"`, `"b"`, `"abc"`, `"Ada Lovelace"`, `"12"`, `"2.50"`, `" x  y "`, `"é😀"`, `"a,b,c"`, `"2026-11-24"`, `"id"`, `"A"`)
}

// json makes a JSON value of any kind.
func (g *generator) json(depth int) string {
	n := g.IntN(10)
	if depth == 0 {
		n = g.IntN(6)
	}
	switch n {
	case 0, 1:
		return g.jsonNumber()
	case 2, 3:
		return g.jsonText()
	case 4:
		return g.pick("true", "false", "null")
	case 5:
		return g.pick("[]", "{}", "null")
	case 6, 7:
		return g.jsonList(0, 3, func() string { return g.json(depth - 1) })
	case 8:
		return g.row()
	}
	return fmt.Sprintf(`{"id":%s,"n":%s}`, g.json(depth-1), g.json(depth-1))
}

func (g *generator) jsonList(least, most int, item func() string) string {
	return "[" + g.list(least, most, item) + "]"
}
