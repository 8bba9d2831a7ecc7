package evaluate

import (
	"slices"

	"commerce-segment/shared/jsonata/value"
)

// tuple is an element of a path that has @, # or %, together with the variables that these
// bind. A % is a variable too: its value is the input of the step whose parent it refers to.
type tuple struct {
	value any
	vars  []bound
}

// bound is a variable with its value.
type bound struct {
	name  string
	value any
}

// get returns the value of a variable.
func (t *tuple) get(name string) any {
	for _, v := range t.vars {
		if v.name == name {
			return v.value
		}
	}
	return nil
}

// with returns a copy of the tuple with another value and additional variables.
func (t *tuple) with(value any, more ...bound) *tuple {
	vars := append(make([]bound, 0, len(t.vars)+len(more)), t.vars...)
	for _, b := range more {
		if i := slices.IndexFunc(vars, func(v bound) bool { return v.name == b.name }); i >= 0 {
			vars[i] = b
		} else {
			vars = append(vars, b)
		}
	}
	return &tuple{value: value, vars: vars}
}

// walkTuples evaluates the remaining steps of a path, from the first that has
// variables.
func (p *path) walkTuples(st *value.State, f frame, from int, input *value.Array) (any, error) {
	stream := &value.Array{Sequence: true, Tuples: true}
	started := false
	for i := from; i < len(p.steps); i++ {
		s := &p.steps[i]
		var err error
		if s.kind == stepSort {
			stream, err = s.sortTuples(st, f, input, stream, started)
		} else {
			if !started {
				if err := st.AllocateItems(2 * len(input.Items)); err != nil {
					return nil, err
				}
				stream = startTuples(input)
			}
			stream, err = s.takeTuples(st, f, stream)
		}
		if err != nil {
			return nil, err
		}
		started = true
		if stream, err = s.stageTuples(st, f, stream); err != nil {
			return nil, err
		}
	}
	if p.carries || p.group != nil {
		return stream, nil
	}
	if err := st.AllocateItems(len(stream.Items)); err != nil {
		return nil, err
	}
	result := value.NewSequence()
	for _, item := range stream.Items {
		result.Items = append(result.Items, item.(*tuple).value)
	}
	return result, nil
}

func startTuples(input *value.Array) *value.Array {
	stream := &value.Array{Sequence: true, Tuples: true}
	for _, item := range input.Items {
		stream.Items = append(stream.Items, &tuple{value: item})
	}
	return stream
}

func (s *step) takeTuples(st *value.State, f frame, stream *value.Array) (*value.Array, error) {
	result := &value.Array{Sequence: true, Tuples: true}
	for _, item := range stream.Items {
		t := item.(*tuple)
		v, err := s.evaluate(st, f, t.value, t)
		if err != nil {
			return nil, err
		}
		if v == nil {
			continue
		}
		if err := s.bindTuples(st, result, t, v); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// bindTuples adds a tuple for each element of the result of a step.
func (s *step) bindTuples(st *value.State, result *value.Array, t *tuple, v any) error {
	found := value.Elements(v)
	if err := st.AllocateItems(len(found) * (len(t.vars) + 6)); err != nil {
		return err
	}
	for i, item := range found {
		if inner, ok := item.(*tuple); ok {
			result.Items = append(result.Items, t.with(inner.value, inner.vars...))
			continue
		}
		v, more := item, make([]bound, 0, 3)
		if s.focus != "" {
			v, more = t.value, append(more, bound{s.focus, item})
		}
		if s.index != "" {
			more = append(more, bound{s.index, float64(i)})
		}
		if s.ancestor != "" {
			more = append(more, bound{s.ancestor, t.value})
		}
		result.Items = append(result.Items, t.with(v, more...))
	}
	return nil
}

func (s *step) sortTuples(st *value.State, f frame, input, stream *value.Array, started bool) (*value.Array, error) {
	if started {
		return s.sort.run(st, f, stream)
	}
	sorted, err := s.sort.run(st, f, input)
	if err != nil {
		return nil, err
	}
	if err := st.AllocateItems(5 * len(sorted.Items)); err != nil {
		return nil, err
	}
	stream = startTuples(sorted)
	for i, item := range stream.Items {
		item.(*tuple).vars = []bound{{s.index, float64(i)}}
	}
	return stream, nil
}

// stageTuples applies the predicates of a step, and binds the #$v among them.
func (s *step) stageTuples(st *value.State, f frame, stream *value.Array) (*value.Array, error) {
	for _, stage := range s.stages {
		if stage.index != "" {
			for i, item := range stream.Items {
				t := item.(*tuple)
				if err := st.AllocateItems(len(t.vars) + 4); err != nil {
					return nil, err
				}
				stream.Items[i] = t.with(t.value, bound{stage.index, float64(i)})
			}
			continue
		}
		v, err := stage.apply(st, f, stream)
		if err != nil {
			return nil, err
		}
		stream = v.(*value.Array)
	}
	return stream, nil
}
