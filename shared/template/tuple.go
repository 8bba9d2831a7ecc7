package template

// tuple is an element of a path that has @, # or %, with the variables that these
// bind. A % is a variable too: the input of the step whose parent it asks for.
type tuple struct {
	value any
	vars  map[string]any
}

// with gives a copy that has further variables.
func (t *tuple) with(value any, more map[string]any) *tuple {
	vars := make(map[string]any, len(t.vars)+len(more)+2)
	for k, v := range t.vars {
		vars[k] = v
	}
	for k, v := range more {
		vars[k] = v
	}
	return &tuple{value: value, vars: vars}
}

// walkTuples takes the rest of the steps of a path, from the first that carries
// variables.
func (p *path) walkTuples(st *state, f frame, from int, input *array) (any, error) {
	stream := &array{sequence: true, tuples: true}
	started := false
	for i := from; i < len(p.steps); i++ {
		s := &p.steps[i]
		var err error
		if s.kind == stepSort {
			stream, err = s.sortTuples(st, f, input, stream, started)
		} else {
			if !started {
				if err := st.collect(2 * len(input.items)); err != nil {
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
	if err := st.collect(len(stream.items)); err != nil {
		return nil, err
	}
	result := newSequence()
	for _, item := range stream.items {
		result.items = append(result.items, item.(*tuple).value)
	}
	return result, nil
}

func startTuples(input *array) *array {
	stream := &array{sequence: true, tuples: true}
	for _, item := range input.items {
		stream.items = append(stream.items, &tuple{value: item})
	}
	return stream
}

func (s *step) takeTuples(st *state, f frame, stream *array) (*array, error) {
	result := &array{sequence: true, tuples: true}
	for _, item := range stream.items {
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

// bindTuples adds a tuple for each element that a step gave.
func (s *step) bindTuples(st *state, result *array, t *tuple, v any) error {
	found := elements(v)
	if err := st.collect(len(found) * (2*len(t.vars) + 14)); err != nil {
		return err
	}
	for i, item := range found {
		if inner, ok := item.(*tuple); ok {
			result.items = append(result.items, t.with(inner.value, inner.vars))
			continue
		}
		next := t.with(item, nil)
		if s.focus != "" {
			next.vars[s.focus], next.value = item, t.value
		}
		if s.index != "" {
			next.vars[s.index] = float64(i)
		}
		if s.ancestor != "" {
			next.vars[s.ancestor] = t.value
		}
		result.items = append(result.items, next)
	}
	return nil
}

func (s *step) sortTuples(st *state, f frame, input, stream *array, started bool) (*array, error) {
	if started {
		return s.sort.run(st, f, stream)
	}
	sorted, err := s.sort.run(st, f, input)
	if err != nil {
		return nil, err
	}
	if err := st.collect(14 * len(sorted.items)); err != nil {
		return nil, err
	}
	stream = startTuples(sorted)
	for i, item := range stream.items {
		item.(*tuple).vars = map[string]any{s.index: float64(i)}
	}
	return stream, nil
}

// stageTuples applies the predicates of a step, and binds the #$v among them.
func (s *step) stageTuples(st *state, f frame, stream *array) (*array, error) {
	for _, stage := range s.stages {
		if stage.index != "" {
			if err := st.collect(len(stream.items) * 16); err != nil {
				return nil, err
			}
			for i, item := range stream.items {
				t := item.(*tuple)
				stream.items[i] = t.with(t.value, map[string]any{stage.index: float64(i)})
			}
			continue
		}
		v, err := stage.apply(st, f, stream)
		if err != nil {
			return nil, err
		}
		stream = v.(*array)
	}
	return stream, nil
}
