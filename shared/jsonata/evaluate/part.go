package evaluate

import (
	"commerce-segment/shared/jsonata/syntax"
	"commerce-segment/shared/jsonata/value"
)

// part is an expression that is evaluated in other contexts than the one that it
// stands in: a step of a path, a predicate, a key to sort by. On a path that has @, #
// or % its context is a tuple, whose variables are a scope of their own.
type part struct {
	binding
	body evaluation
}

// binding is the scope of a part. Without variables it is none.
type binding struct {
	names     []string
	variables []*variable
	locals    []*variable
}

// in compiles a part that gets these variables of the tuples.
func (c *compiler) in(n *syntax.Node, vars []string) (*part, error) {
	p := &part{}
	err := c.within(&p.binding, vars, []*syntax.Node{n}, func() (err error) {
		p.body, err = c.expression(n)
		return err
	})
	return p, err
}

// within opens the scope of a part, if it needs one, around what compiles nodes.
func (c *compiler) within(b *binding, vars []string, nodes []*syntax.Node, compile func() error) error {
	if len(vars) == 0 {
		return compile()
	}
	b.names, b.variables = vars, c.open(c.scope.plan, vars, nodes...)
	b.locals = c.scope.locals
	err := compile()
	c.close()
	return err
}

// enter evaluates the part on an element.
func (p *part) enter(st *value.State, f frame, item any) (any, error) {
	if t, ok := item.(*tuple); ok {
		return p.enterWith(st, f, t.value, t)
	}
	return p.enterWith(st, f, item, nil)
}

// enterWith evaluates the part on a value, with the variables of a tuple.
func (p *part) enterWith(st *value.State, f frame, context any, t *tuple) (any, error) {
	if err := st.Spend(1); err != nil {
		return nil, err
	}
	if len(p.variables) > 0 {
		p.bind(f, t)
	}
	return p.body(st, f, context)
}

// bind gives the variables the values that a tuple has of them.
func (b *binding) bind(f frame, t *tuple) {
	for i, v := range b.variables {
		var bound any
		if t != nil {
			bound = value.Collapse(t.vars[b.names[i]])
		}
		v.bind(f, bound)
	}
	clearLocals(f, b.locals)
}
