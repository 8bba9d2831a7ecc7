package evaluate

import (
	"commerce-segment/shared/jsonata/syntax"
	"commerce-segment/shared/jsonata/value"
)

// part is an expression whose context differs from that of the expression around it: a
// step of a path, a predicate, or a sort key. On a path that has @, # or %, the context is
// a tuple, and the variables of the tuple are in a separate scope.
type part struct {
	binding
	body evaluation
}

// binding is the scope of a part. It is empty if the part has no variables.
type binding struct {
	names     []string
	variables []*variable
	locals    []*variable
}

// in compiles a part, which can use the variables of the tuples named in vars.
func (c *compiler) in(n *syntax.Node, vars []string) *part {
	p := &part{}
	c.within(&p.binding, vars, []*syntax.Node{n}, func() { p.body = c.expression(n) })
	return p
}

// within calls compile for the nodes of a part. If the part has variables, their scope is
// open during that call.
func (c *compiler) within(b *binding, vars []string, nodes []*syntax.Node, compile func()) {
	if len(vars) == 0 {
		compile()
		return
	}
	b.names, b.variables = vars, c.open(c.scope.plan, vars, nodes...)
	b.locals = c.scope.locals
	compile()
	c.close()
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

// bind sets the variables to their values in a tuple.
func (b *binding) bind(f frame, t *tuple) {
	for i, v := range b.variables {
		var bound any
		if t != nil {
			bound = value.Collapse(t.get(b.names[i]))
		}
		v.bind(f, bound)
	}
	clearLocals(f, b.locals)
}
