package evaluate

import (
	"commerce-segment/shared/jsonata/syntax"
	"commerce-segment/shared/jsonata/value"
)

// frame has the values of the variables of a function, or of the whole expression,
// during one evaluation.
type frame []any

// variable is a variable in the scope that binds it.
type variable struct {
	slot int // the index in the frame of the function that the scope belongs to
	// captured means that the frame has a *cell with the value. All functions that use
	// the variable share the cell.
	captured bool
	// set means that the variable always has a value in the code that is compiled next.
	set bool
}

// cell has the value of a captured variable.
type cell struct{ value any }

// unset is the value of a variable before its assignment. Until then its name refers to
// the variable of an outer scope.
var unset any = &cell{}

// load returns the value of the variable.
func (v *variable) load(f frame) any {
	if v.captured {
		return f[v.slot].(*cell).value
	}
	return f[v.slot]
}

// assign changes the value of a variable that is bound.
func (v *variable) assign(f frame, value any) {
	if v.captured {
		f[v.slot].(*cell).value = value
		return
	}
	f[v.slot] = value
}

// bind creates a new variable with a value. A function that captured the previous one
// keeps that one.
func (v *variable) bind(f frame, value any) {
	if v.captured {
		value = &cell{value}
	}
	f[v.slot] = value
}

// scope is the set of variables that a block, a function or an element of a path binds.
type scope struct {
	outer     *scope
	plan      *Plan
	variables map[string]*variable
	locals    []*variable // the variables that only an assignment sets
}

// Plan is a compiled function, or the compiled expression itself.
type Plan struct {
	outer    *Plan // the plan of the enclosing function
	size     int   // of the frame
	params   []*variable
	locals   []*variable
	captures []capture
	body     evaluation
}

// capture copies a variable of the enclosing function to a function.
type capture struct{ from, to *variable }

func (p *Plan) newVariable() *variable {
	p.size++
	return &variable{slot: p.size - 1}
}

// lambda is a function with the variables that it captured, and its context.
type lambda struct {
	*Plan
	captured []any
	context  any
}

func (p *Plan) lambda(f frame, context any) *lambda {
	captured := make([]any, len(p.captures))
	for i, c := range p.captures {
		captured[i] = f[c.from.slot]
	}
	return &lambda{Plan: p, captured: captured, context: context}
}

// enter evaluates the body in a new frame. Missing arguments are undefined.
func (l *lambda) enter(st *value.State, context any, args []any) (any, error) {
	if err := st.Spend(value.CallCost); err != nil {
		return nil, err
	}
	f := frame(st.Push(l.size))
	for i, c := range l.captures {
		f[c.to.slot] = l.captured[i]
	}
	for i, param := range l.params {
		var arg any
		if i < len(args) {
			arg = args[i]
		}
		param.bind(f, arg)
	}
	clearLocals(f, l.locals)
	v, err := l.body(st, f, context)
	if err != nil {
		return nil, err
	}
	st.Pop(l.size)
	return v, nil
}

func clearLocals(f frame, locals []*variable) {
	for _, v := range locals {
		v.bind(f, unset)
	}
}

// open opens a scope in a plan. The names in names are bound from the beginning. The names
// that the nodes assign are bound when they are assigned.
func (c *compiler) open(p *Plan, names []string, nodes ...*syntax.Node) (bound []*variable) {
	s := &scope{outer: c.scope, plan: p, variables: map[string]*variable{}}
	for _, name := range names {
		v := p.newVariable()
		v.set = true
		s.variables[name] = v
		bound = append(bound, v)
	}
	for _, name := range assigned(nodes) {
		if s.variables[name] == nil {
			v := p.newVariable()
			s.variables[name] = v
			s.locals = append(s.locals, v)
		}
	}
	c.scope = s
	return bound
}

func (c *compiler) close() { c.scope = c.scope.outer }

// assigned lists the variables that nodes assign in their own scope.
func assigned(nodes []*syntax.Node) []string {
	var names []string
	for _, n := range nodes {
		if n == nil || n.Kind == syntax.KindBlock || n.Kind == syntax.KindLambda || n.Kind == syntax.KindTransform {
			if n != nil {
				names = appendNew(names, assigned(n.Attachments())...)
			}
			continue
		}
		if n.Kind == syntax.KindAssign {
			names = appendNew(names, n.Left.Text)
		}
		names = appendNew(names, assigned(n.Children())...)
		names = appendNew(names, assigned(n.Attachments())...)
	}
	return names
}

// find returns the variables to which a name can refer, the innermost first. The list ends
// with the first variable that always has a value. known reports whether there is one.
func (c *compiler) find(name string) (found []*variable, known bool) {
	for s := c.scope; s != nil; s = s.outer {
		v := s.variables[name]
		if v == nil {
			continue
		}
		found = append(found, reach(v, s.plan, c.scope.plan))
		if v.set {
			return found, true
		}
	}
	return found, false
}

// reach returns the variable through which a function sees v, a variable of an enclosing
// function. It adds the captures that are needed for that.
func reach(v *variable, owner, from *Plan) *variable {
	if owner == from {
		return v
	}
	v.captured = true
	outer := reach(v, owner, from.outer)
	for _, known := range from.captures {
		if known.from == outer {
			return known.to
		}
	}
	own := from.newVariable()
	own.captured = true
	from.captures = append(from.captures, capture{from: outer, to: own})
	return own
}

// reference compiles the use of a variable.
func (c *compiler) reference(name string) evaluation {
	found, known := c.find(name)
	var builtIn any
	if fn, ok := c.functions["$"+name]; ok && !known {
		builtIn = fn
	} else if !known {
		found, known = append(found, reach(c.external(name), c.program, c.scope.plan)), true
	}
	switch {
	case len(found) == 0:
		return constant(builtIn)
	case len(found) == 1 && known:
		v := found[0]
		return func(_ *value.State, f frame, _ any) (any, error) { return v.load(f), nil }
	}
	return func(st *value.State, f frame, _ any) (any, error) {
		if err := st.Spend(len(found)); err != nil {
			return nil, err
		}
		for _, v := range found {
			if value := v.load(f); value != unset {
				return value, nil
			}
		}
		return builtIn, nil
	}
}

// external returns a new variable that the caller must bind.
func (c *compiler) external(name string) *variable {
	v := c.program.newVariable()
	v.set = true
	c.outermost.variables[name] = v
	c.bindings = append(c.bindings, name)
	c.program.params = append(c.program.params, v)
	return v
}
