package settings

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// bound is what PutTogether writes to Parameter Store in the place of a secret: the secret,
// and the parameters with which it is used. All of it changes with one PutParameter, so a
// reader has a complete state, whatever it reads of the others and wherever the writer was
// killed.
type bound struct {
	Value string            `json:"value"`
	With  map[string]string `json:"with"` // by name; empty where one is not set
	// Changing means that the others may not be written yet: those in With are in effect.
	// Otherwise other values were written since by hand, and the secret is not for them.
	Changing bool `json:"changing,omitempty"`
}

// parseBound reports whether a value is a bound secret. No secret begins with a brace.
func parseBound(value string) (b bound, is bool) {
	if !strings.HasPrefix(value, "{") {
		return bound{}, false
	}
	err := json.Unmarshal([]byte(value), &b)
	return b, err == nil && b.Value != ""
}

func (b bound) String() string {
	text, _ := json.Marshal(b) // never fails: it is texts
	return string(text)
}

// differing are the names of those parameters that have other values than the secret is for.
func (b bound) differing(parameters map[string]string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(b.With)), func(name string) bool {
		return strings.TrimSpace(parameters[name]) == strings.TrimSpace(b.With[name])
	})
}

// open makes, of what was read for these names, the parameters that are in effect. A secret
// that is for other values stays as it is, for Parse to refuse.
func open(parameters map[string]string, names []string) {
	for _, group := range Together() {
		b, is := parseBound(parameters[group[0]])
		if !is {
			continue
		}
		maps.DeleteFunc(b.With, func(name, _ string) bool { return !slices.Contains(names, name) })
		if b.Changing {
			maps.Copy(parameters, b.With)
		}
		if len(b.differing(parameters)) == 0 {
			parameters[group[0]] = b.Value
		}
	}
}

// unbind returns a secret alone, or says that it is for other values than those that are set.
func unbind(secret string, parameters map[string]string) (string, error) {
	b, is := parseBound(secret)
	if !is {
		return secret, nil
	}
	for _, name := range b.differing(parameters) {
		return "", fmt.Errorf("it was saved for the %s %q and is not used with %q, which was set since: "+
			"save both again with hub configure or on the console's page Connections, or put %s back", name, b.With[name], parameters[name], name)
	}
	return b.Value, nil
}

// PutTogether writes several of the parameters that belong together. Their secret is written
// first, with all of them: from then on they are in effect. It completes what another
// PutTogether has begun, where its process was killed. Nothing else may save meanwhile.
func (s EditableParameterStore) PutTogether(ctx context.Context, values map[string]string) error {
	for _, group := range Together() {
		if err := s.putGroup(ctx, group, values); err != nil {
			return err
		}
	}
	return nil
}

func (s EditableParameterStore) putGroup(ctx context.Context, group []string, values map[string]string) (err error) {
	stored, err := s.read(ctx, group)
	if err != nil {
		return err
	}
	secret, wanted := group[0], maps.Clone(stored)
	open(wanted, group)
	before, _ := parseBound(stored[secret])
	changes := before.Changing
	for _, name := range group {
		if value, given := values[name]; given {
			wanted[name], changes = value, true
		}
	}
	if !changes {
		return nil
	}
	if wanted[secret], err = unbind(wanted[secret], wanted); err != nil {
		return fmt.Errorf("parameter %s: %w", secret, err)
	}
	others := slices.DeleteFunc(slices.Clone(group[1:]), func(name string) bool { return wanted[name] == stored[name] })
	for _, name := range others {
		if err := CheckValue(name, wanted[name]); err != nil {
			return err
		}
	}
	if wanted[secret] == "" { // nothing is sent yet, so in which order the others come does not matter
		return s.putEach(ctx, others, wanted)
	}
	b := bound{Value: wanted[secret], With: map[string]string{}, Changing: len(others) > 0}
	for _, name := range group[1:] {
		b.With[name] = wanted[name]
	}
	if b.Changing {
		if err := s.Put(ctx, secret, b.String()); err != nil {
			return err
		}
		if err := s.putEach(ctx, others, wanted); err != nil {
			return err
		}
		b.Changing = false
	}
	return s.Put(ctx, secret, b.String())
}

func (s EditableParameterStore) putEach(ctx context.Context, names []string, values map[string]string) error {
	for _, name := range names {
		if err := s.Put(ctx, name, values[name]); err != nil {
			return err
		}
	}
	return nil
}
