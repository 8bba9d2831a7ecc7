package template

// maxSource and maxSourceNesting bound a template, so that neither its parser nor
// the library's can run out of stack. Parameter Store holds 8 KB at most.
const (
	maxSource        = 64 << 10
	maxSourceNesting = 250
)

// power is how tightly the operators bind, from the reference implementation.
var power = map[string]int{
	"[": 80, "(": 80, "@": 80, "#": 80,
	".": 75, "{": 70,
	"*": 60, "/": 60, "%": 60,
	"+": 50, "-": 50, "&": 50,
	"=": 40, "<": 40, ">": 40, "!=": 40, "<=": 40, ">=": 40, "~>": 40, "in": 40, "^": 40, "?:": 40, "??": 40,
	"and": 30, "or": 25, "?": 20, ":=": 10,
}

const negatePower = 70

// parser turns a template into nodes by operator precedence (Pratt's algorithm).
// Problems travel as panics of *fault up to parse.
type parser struct {
	lexer lexer
	token token
	depth int
	known
}

// known is what the parser knows of a template beside its nodes.
type known struct {
	literals map[string]bool // the texts that it has literally
	fields   map[string]bool // the names of fields that it reads
}

func parse(source string) (n *node, k known, err error) {
	defer func() {
		if r := recover(); r != nil {
			f, ok := r.(*fault)
			if !ok {
				panic(r)
			}
			n, k, err = nil, known{}, f
		}
	}()
	p := &parser{lexer: lexer{source: source, line: 1}, known: known{literals: map[string]bool{}, fields: map[string]bool{}}}
	p.advance(false)
	if p.token.kind == tokenEnd {
		p.fail("the template is empty: to send nothing, write null")
	}
	n = p.expression(0)
	if p.token.kind != tokenEnd {
		p.fail("unexpected %s: is an operator, a comma or a bracket missing before it?", p.token)
	}
	return n, p.known, nil
}

func (p *parser) fail(format string, args ...any) {
	panic(faultf(p.token.line, format, args...))
}

func (p *parser) advance(afterOperand bool) {
	t, err := p.lexer.next(afterOperand)
	if err != nil {
		panic(err)
	}
	p.token = t
}

func (p *parser) expect(operator string, afterOperand bool) {
	if !p.token.is(operator) {
		p.fail("expected %s, found %s", operator, p.token)
	}
	p.advance(afterOperand)
}

// expression reads an expression whose operators bind tighter than min.
func (p *parser) expression(min int) *node {
	if p.depth++; p.depth > maxSourceNesting {
		p.fail("expressions are nested more than %d deep: name parts of it with := in a block", maxSourceNesting)
	}
	defer func() { p.depth-- }()

	t := p.token
	p.advance(true)
	left := p.prefix(t)
	for chain := 0; p.token.kind == tokenOperator && min < power[p.token.text]; chain++ {
		if chain > maxSourceNesting {
			p.fail("one expression chains more than %d operators: name parts of it with := in a block", maxSourceNesting)
		}
		t = p.token
		p.advance(false)
		left = p.infix(t, left)
	}
	return left
}

func (p *parser) prefix(t token) *node {
	n := &node{line: t.line, text: t.text, value: t.value, flags: t.flags}
	switch t.kind {
	case tokenName:
		n.kind = kindName
		if t.text != "function" {
			p.fields[t.text] = true
		}
	case tokenVariable:
		if t.text == "eval" {
			panic(faultf(t.line, "$eval is refused: it would run a text, which may come from a shopper, as a template. Write the expression itself, or choose between several with ? and :"))
		}
		n.kind = kindVariable
	case tokenString:
		n.kind = kindString
		p.literals[t.text] = true
	case tokenNumber:
		n.kind = kindNumber
	case tokenLiteral:
		n.kind = kindLiteral
	case tokenRegex:
		n.kind = kindRegex
	case tokenOperator:
		return p.prefixOperator(t, n)
	default:
		p.fail("the template ends where a value is expected")
	}
	return n
}

func (p *parser) prefixOperator(t token, n *node) *node {
	switch t.text {
	case "and", "or", "in":
		n.kind = kindName
	case "*":
		n.kind = kindWildcard
	case "**":
		n.kind = kindDescendants
	case "%":
		n.kind = kindParent
	case "-":
		n.kind, n.left = kindNegate, p.expression(negatePower)
	case "(":
		n.kind, n.list = kindBlock, p.block()
	case "[":
		n.kind, n.list = kindArray, p.items()
	case "{":
		n.kind, n.pairs = kindObject, p.object()
	case "|":
		n.kind, n.list = kindTransform, p.transform()
	default:
		panic(faultf(t.line, "unexpected %s: a value is expected here", t.text))
	}
	return n
}

func (p *parser) block() []*node {
	var list []*node
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

func (p *parser) items() []*node {
	var list []*node
	for !p.token.is("]") {
		item := p.expression(0)
		if p.token.is("..") {
			n := &node{kind: kindBinary, text: "..", line: p.token.line, left: item}
			p.advance(false)
			n.right = p.expression(0)
			item = n
		}
		list = append(list, item)
		if !p.comma("]") {
			break
		}
	}
	p.expect("]", true)
	return list
}

// comma moves over a comma, after which something must follow.
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

func (p *parser) object() [][2]*node {
	var pairs [][2]*node
	for !p.token.is("}") {
		key := p.expression(0)
		p.expect(":", false)
		pairs = append(pairs, [2]*node{key, p.expression(0)})
		if !p.comma("}") {
			break
		}
	}
	p.expect("}", true)
	return pairs
}

func (p *parser) transform() []*node {
	list := []*node{p.expression(0)}
	p.expect("|", false)
	list = append(list, p.expression(0))
	if p.token.is(",") {
		p.advance(false)
		list = append(list, p.expression(0))
	}
	p.expect("|", false)
	return list
}

func (p *parser) infix(t token, left *node) *node {
	n := &node{line: t.line, text: t.text, left: left}
	switch t.text {
	case ".":
		n.kind = kindDot
	case "@", "#":
		return p.bindStep(n)
	case "(":
		return p.call(n)
	case "[":
		return p.predicate(n)
	case "{":
		n.kind = kindGroup
		n.right = &node{kind: kindObject, line: t.line, pairs: p.object()}
		return n
	case "^":
		n.kind, n.terms = kindOrderBy, p.sortTerms()
		return n
	case ":=":
		return p.bind(n)
	case "?":
		return p.condition(n)
	case "??", "?:":
		n.kind = kindCoalesce
		if t.text == "?:" {
			n.kind = kindDefault
		}
		n.right = p.expression(0)
		return n
	case "~>":
		n.kind = kindApply
	default:
		n.kind = kindBinary
	}
	n.right = p.expression(power[t.text])
	return n
}

func (p *parser) bindStep(n *node) *node {
	n.kind = kindFocus
	if n.text == "#" {
		n.kind = kindIndex
	}
	n.right = p.expression(power[n.text])
	if n.right.kind != kindVariable {
		panic(faultf(n.line, "%s must be followed by a variable, as in %s$v", n.text, n.text))
	}
	return n
}

func (p *parser) bind(n *node) *node {
	n.kind = kindBind
	if n.left.kind != kindVariable {
		panic(faultf(n.line, "the left side of := must be a variable, as in $v := 1"))
	}
	n.right = p.expression(power[":="] - 1)
	return n
}

func (p *parser) condition(n *node) *node {
	n.kind = kindCondition
	n.list = []*node{p.expression(0)}
	if p.token.is(":") {
		p.advance(false)
		n.list = append(n.list, p.expression(0))
	}
	return n
}

func (p *parser) predicate(n *node) *node {
	if !p.token.is("]") {
		n.kind, n.right = kindPredicate, p.expression(0)
		p.expect("]", true)
		return n
	}
	step := n.left
	for step.kind == kindPredicate {
		step = step.left
	}
	step.keep = true
	p.advance(true)
	return n.left
}

func (p *parser) sortTerms() []sortTerm {
	p.expect("(", false)
	var terms []sortTerm
	for {
		var term sortTerm
		if p.token.is("<") || p.token.is(">") {
			term.descending = p.token.is(">")
			p.advance(false)
		}
		term.expr = p.expression(0)
		terms = append(terms, term)
		if !p.comma(")") {
			break
		}
	}
	p.expect(")", true)
	return terms
}

func (p *parser) call(n *node) *node {
	n.kind = kindCall
	for !p.token.is(")") {
		if p.token.is("?") {
			n.kind = kindPartial
			n.list = append(n.list, &node{kind: kindPlaceholder, line: p.token.line})
			p.advance(false)
		} else {
			n.list = append(n.list, p.expression(0))
		}
		if !p.comma(")") {
			break
		}
	}
	p.expect(")", true)
	if n.left.kind == kindName && (n.left.text == "function" || n.left.text == "λ") {
		return p.lambda(n)
	}
	return n
}

func (p *parser) lambda(n *node) *node {
	for _, param := range n.list {
		if param.kind != kindVariable {
			panic(faultf(n.line, "the parameters of a function must be variables, as in function($a, $b){ $a + $b }"))
		}
	}
	n.kind = kindLambda
	if p.token.is("<") {
		n.signature = p.signature()
	}
	p.expect("{", false)
	n.left = p.expression(0)
	p.expect("}", true)
	return n
}

// signature reads <...> after the parameters of a lambda. It is written in the
// characters of other tokens, so it is read as text.
func (p *parser) signature() *signature {
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
			s, err := newSignature(p.lexer.source[start:end])
			if err != nil {
				panic(at(line, err))
			}
			p.lexer.advance(end + 1 - start)
			p.advance(false)
			return s
		}
	}
	panic(faultf(line, "the signature of the function has no end: close it with >"))
}
