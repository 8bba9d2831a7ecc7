package syntax

import "commerce-segment/shared/jsonata/fault"

// Limits of an expression. They keep the stack of the parser small.
const (
	// MaxSourceBytes is the largest size of the source. Parameter Store holds 8 KB.
	MaxSourceBytes = 64 << 10
	// MaxNesting is how deep expressions can nest, and how many operators one expression
	// can have in a chain.
	MaxNesting = 250
)

// power has the binding powers of the operators, from the reference implementation.
var power = map[string]int{
	"[": 80, "(": 80, "@": 80, "#": 80,
	".": 75, "{": 70,
	"*": 60, "/": 60, "%": 60,
	"+": 50, "-": 50, "&": 50,
	"=": 40, "<": 40, ">": 40, "!=": 40, "<=": 40, ">=": 40, "~>": 40, "in": 40, "^": 40, "?:": 40, "??": 40,
	"and": 30, "or": 25, "?": 20, ":=": 10,
}

const negatePower = 70

// parser turns tokens into nodes by operator precedence (Pratt's algorithm). It stops at
// the first error with fault.Stop.
type parser struct {
	lexer lexer
	token token
	depth int
	Summary
}

// Summary lists the literals and the fields in the source of an expression.
type Summary struct {
	Literals map[string]bool // the string literals
	Fields   map[string]bool // the names of fields that it reads
}

// Parse returns the tree of an expression, which Resolve completes, and the summary of
// its source.
func Parse(source string) (n *Node, s Summary, err error) {
	defer fault.Catch(&err)
	p := &parser{lexer: lexer{source: source, line: 1}, Summary: Summary{Literals: map[string]bool{}, Fields: map[string]bool{}}}
	p.advance(false)
	if p.token.kind == tokenEnd {
		p.fail("the template is empty: to send nothing, write null")
	}
	n = p.expression(0)
	if p.token.kind != tokenEnd {
		p.fail("unexpected %s: is an operator, a comma or a bracket missing before it?", p.token)
	}
	return n, p.Summary, nil
}

func (p *parser) fail(format string, args ...any) {
	fault.Stopf(p.token.line, format, args...)
}

func (p *parser) advance(afterOperand bool) {
	t, err := p.lexer.next(afterOperand)
	fault.Stop(p.token.line, err)
	p.token = t
}

func (p *parser) expect(operator string, afterOperand bool) {
	if !p.token.is(operator) {
		p.fail("expected %s, found %s", operator, p.token)
	}
	p.advance(afterOperand)
}

// closeList expects the bracket that closes a list of expressions.
func (p *parser) closeList(bracket string, afterOperand bool) {
	if !p.token.is(bracket) && p.token.kind != tokenEnd {
		p.fail("expected a comma or %s, found %s", bracket, p.token)
	}
	p.expect(bracket, afterOperand)
}

// expression parses an expression whose operators bind tighter than min.
func (p *parser) expression(min int) *Node {
	if p.depth++; p.depth > MaxNesting {
		p.fail("expressions are nested more than %d deep: name parts of it with := in a block", MaxNesting)
	}
	defer func() { p.depth-- }()

	t := p.token
	p.advance(true)
	left := p.prefix(t)
	for chain := 0; p.token.kind == tokenOperator && min < power[p.token.text]; chain++ {
		if chain > MaxNesting {
			p.fail("one expression chains more than %d operators: name parts of it with := in a block", MaxNesting)
		}
		t = p.token
		p.advance(false)
		left = p.infix(t, left)
	}
	return left
}

func (p *parser) prefix(t token) *Node {
	n := &Node{Line: t.line, Text: t.text, Number: t.number, Flags: t.flags}
	switch t.kind {
	case tokenName:
		n.Kind = KindName
		if t.text != "function" {
			p.Fields[t.text] = true
		}
	case tokenVariable:
		if t.text == "eval" {
			fault.Stopf(t.line, "$eval is not supported: it would run a text, which may come from a shopper, as a template. Write the expression itself, or choose between several with ? and :")
		}
		n.Kind = KindVariable
	case tokenString:
		n.Kind = KindString
		p.Literals[t.text] = true
	case tokenNumber:
		n.Kind = KindNumber
	case tokenLiteral:
		n.Kind = KindLiteral
	case tokenRegex:
		n.Kind = KindRegex
	case tokenOperator:
		return p.prefixOperator(t, n)
	default:
		p.fail("the template ends where a value is expected")
	}
	return n
}

func (p *parser) prefixOperator(t token, n *Node) *Node {
	switch t.text {
	case "and", "or", "in":
		n.Kind = KindName
	case "*":
		n.Kind = KindWildcard
	case "**":
		n.Kind = KindDescendants
	case "%":
		n.Kind = KindParent
	case "-":
		n.Kind, n.Left = KindNegate, p.expression(negatePower)
	case "(":
		n.Kind, n.List = KindBlock, p.block()
	case "[":
		n.Kind, n.List = KindArray, p.items()
	case "{":
		n.Kind, n.Pairs = KindObject, p.object()
	case "|":
		n.Kind, n.List = KindTransform, p.transform()
	default:
		fault.Stopf(t.line, "unexpected %s: a value is expected here", t.text)
	}
	return n
}

func (p *parser) block() []*Node {
	var list []*Node
	for !p.token.is(")") {
		list = append(list, p.expression(0))
		if !p.token.is(";") {
			break
		}
		p.advance(false)
	}
	p.expect(")", true)
	return list
}

func (p *parser) items() []*Node {
	var list []*Node
	for !p.token.is("]") {
		item := p.expression(0)
		if p.token.is("..") {
			n := &Node{Kind: KindBinary, Text: "..", Line: p.token.line, Left: item}
			p.advance(false)
			n.Right = p.expression(0)
			item = n
		}
		list = append(list, item)
		if !p.comma("]") {
			break
		}
	}
	p.closeList("]", true)
	return list
}

// comma skips a comma, and reports whether there was one. After a comma, an element must
// follow.
func (p *parser) comma(closing string) bool {
	if !p.token.is(",") {
		return false
	}
	p.advance(false)
	if p.token.is(closing) {
		p.fail("a comma before %s: remove it", closing)
	}
	return true
}

func (p *parser) object() [][2]*Node {
	var pairs [][2]*Node
	for !p.token.is("}") {
		key := p.expression(0)
		p.expect(":", false)
		pairs = append(pairs, [2]*Node{key, p.expression(0)})
		if !p.comma("}") {
			break
		}
	}
	p.closeList("}", true)
	return pairs
}

func (p *parser) transform() []*Node {
	list := []*Node{p.expression(0)}
	p.expect("|", false)
	list = append(list, p.expression(0))
	if p.token.is(",") {
		p.advance(false)
		list = append(list, p.expression(0))
	}
	p.expect("|", false)
	return list
}

func (p *parser) infix(t token, left *Node) *Node {
	n := &Node{Line: t.line, Text: t.text, Left: left}
	switch t.text {
	case ".":
		n.Kind = kindDot
	case "@", "#":
		return p.bindStep(n)
	case "(":
		return p.call(n)
	case "[":
		return p.predicate(n)
	case "{":
		n.Kind = kindGroup
		n.Right = &Node{Kind: KindObject, Line: t.line, Pairs: p.object()}
		return n
	case "^":
		n.Kind, n.Terms = kindOrderBy, p.sortTerms()
		return n
	case ":=":
		return p.assign(n)
	case "?":
		return p.condition(n)
	case "??", "?:":
		n.Kind = KindCoalesce
		if t.text == "?:" {
			n.Kind = KindDefault
		}
		n.Right = p.expression(0)
		return n
	case "~>":
		n.Kind = KindApply
	default:
		n.Kind = KindBinary
	}
	n.Right = p.expression(power[t.text])
	return n
}

func (p *parser) bindStep(n *Node) *Node {
	n.Kind = kindFocus
	if n.Text == "#" {
		n.Kind = kindIndex
	}
	n.Right = p.expression(power[n.Text])
	if n.Right.Kind != KindVariable {
		fault.Stopf(n.Line, "%s must be followed by a variable, as in %s$v", n.Text, n.Text)
	}
	return n
}

func (p *parser) assign(n *Node) *Node {
	n.Kind = KindAssign
	if n.Left.Kind != KindVariable {
		fault.Stopf(n.Line, "the left side of := must be a variable, as in $v := 1")
	}
	n.Right = p.expression(power[":="] - 1)
	return n
}

func (p *parser) condition(n *Node) *Node {
	n.Kind = KindCondition
	n.List = []*Node{p.expression(0)}
	if p.token.is(":") {
		p.advance(false)
		n.List = append(n.List, p.expression(0))
	}
	return n
}

func (p *parser) predicate(n *Node) *Node {
	if !p.token.is("]") {
		n.Kind, n.Right = kindPredicate, p.expression(0)
		p.expect("]", true)
		return n
	}
	step := n.Left
	for step.Kind == kindPredicate {
		step = step.Left
	}
	step.KeepArray = true
	p.advance(true)
	return n.Left
}

func (p *parser) sortTerms() []SortTerm {
	p.expect("(", false)
	var terms []SortTerm
	for {
		var term SortTerm
		if p.token.is("<") || p.token.is(">") {
			term.Descending = p.token.is(">")
			p.advance(false)
		}
		term.Expr = p.expression(0)
		terms = append(terms, term)
		if !p.comma(")") {
			break
		}
	}
	p.closeList(")", true)
	return terms
}

func (p *parser) call(n *Node) *Node {
	n.Kind = KindCall
	for !p.token.is(")") {
		if p.token.is("?") {
			n.Kind = KindPartial
			n.List = append(n.List, &Node{Kind: KindPlaceholder, Line: p.token.line})
			p.advance(false)
		} else {
			n.List = append(n.List, p.expression(0))
		}
		if !p.comma(")") {
			break
		}
	}
	p.closeList(")", true)
	if n.Left.Kind == KindName && (n.Left.Text == "function" || n.Left.Text == "λ") {
		return p.lambda(n)
	}
	return n
}

func (p *parser) lambda(n *Node) *Node {
	for _, param := range n.List {
		if param.Kind != KindVariable {
			fault.Stopf(n.Line, "the parameters of a function must be variables, as in function($a, $b){ $a + $b }")
		}
	}
	n.Kind = KindLambda
	if p.token.is("<") {
		n.Signature = p.signature()
	}
	p.expect("{", false)
	n.Left = p.expression(0)
	p.expect("}", true)
	return n
}

// signature returns the text <...> after the parameters of a lambda. It takes the text from
// the source, because a signature does not consist of the tokens of the lexer.
func (p *parser) signature() string {
	line, start := p.token.line, p.lexer.pos
	depth := 1
	for end := start; end < len(p.lexer.source); end++ {
		switch p.lexer.source[end] {
		case '<':
			depth++
		case '>':
			depth--
		case '{':
			end = len(p.lexer.source)
			continue
		}
		if depth == 0 {
			text := "<" + p.lexer.source[start:end+1]
			p.lexer.advance(end + 1 - start)
			p.advance(false)
			return text
		}
	}
	fault.Stopf(line, "the signature of the function has no end: close it with >")
	return ""
}
