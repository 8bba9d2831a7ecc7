package settings

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// bound is the value that PutTogether writes to Parameter Store for a secret: the secret
// and the parameters with which it is used. One PutParameter changes all of it. So a reader
// always has a complete state, even if the writer was killed before it wrote the other
// parameters.
type bound struct {
	Value string            `json:"value"`
	With  map[string]string `json:"with"` // by name; empty if a parameter is not set
	// Changing means that the other parameters may not be written yet, and that the values
	// in With are in effect. Without it, other values were written by hand, and the secret
	// must not be used with them.
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
	text, _ := json.Marshal(b) // never fails for strings
	return string(text)
}

// differing returns the names of the parameters whose values are not those in With.
func (b bound) differing(parameters map[string]string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(b.With)), func(name string) bool {
		return strings.TrimSpace(parameters[name]) == strings.TrimSpace(b.With[name])
	})
}

// unwrap replaces bound secrets in the parameters that were read for these names by the
// parameters that are in effect. A secret that belongs to other values stays bound, and
// Parse returns an error for it.
func unwrap(parameters map[string]string, names []string) {
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

// unbind returns the value of a parameter, of a secret with what it is for the secret alone.
// The error says that it belongs to other values than those that are set. A template may be
// JSON and look like one, so only the secrets in Together are unbound.
func unbind(name string, parameters map[string]string) (string, error) {
	value := parameters[name]
	isFirst := slices.ContainsFunc(Together(), func(group []string) bool { return group[0] == name })
	b, is := parseBound(value)
	if !is || !isFirst {
		return value, nil
	}
	for _, name := range b.differing(parameters) {
		return "", fmt.Errorf("it was saved for the %s %q and is not used with %q, which was set later: "+
			"save both again with hub configure or on the console's page Connections, or put %s back", name, b.With[name], parameters[name], name)
	}
	return b.Value, nil
}

// PutTogether writes several of the parameters that belong together. It writes their secret
// first, bound to all of them: from then on they are in effect. It also completes a
// PutTogether whose process was killed. Nothing else may save at the same time.
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
	unwrap(wanted, group)
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
	if wanted[secret], err = unbind(secret, wanted); err != nil {
		return fmt.Errorf("parameter %s: %w", secret, err)
	}
	others := slices.DeleteFunc(slices.Clone(group[1:]), func(name string) bool { return wanted[name] == stored[name] })
	for _, name := range others {
		if err := CheckValue(name, wanted[name]); err != nil {
			return err
		}
	}
	if wanted[secret] == "" { // nothing is sent yet, so the order does not matter
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
