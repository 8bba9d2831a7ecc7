// Package workspace says what Segment's Public API knows of the source to which a store sends:
// which source has the write key, and which other sources send the same orders. It also creates a
// source.
package workspace

import (
	"context"
	"fmt"
	"slices"

	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/chars"
	"commerce-segment/shared/publicapi"
)

// Lookup is the result of looking for a write key among the sources of a workspace.
type Lookup struct {
	Workspace publicapi.Workspace
	Sources   []publicapi.Source
	// Source has the write key. It is nil if none has it, as far as the token may see the keys.
	Source *publicapi.Source
	// URL is the address of Source in Segment's app.
	URL string
	// Hidden is the number of sources whose write keys the token may not see.
	Hidden int
}

// LookUp looks for a write key. No source has an empty one.
func LookUp(ctx context.Context, client *publicapi.Client, key string) (l Lookup, err error) {
	if l.Workspace, err = client.Workspace(ctx); err != nil {
		return l, err
	}
	if l.Sources, err = client.Sources(ctx); err != nil {
		return l, err
	}
	for i, source := range l.Sources {
		if len(source.WriteKeys) == 0 {
			l.Hidden++
		}
		if slices.Contains(source.WriteKeys, key) {
			l.Source, l.URL = &l.Sources[i], client.SourceURL(l.Workspace, source)
		}
	}
	return l, nil
}

// NoSourceHasKey reports whether no source of the workspace has the key.
func (l Lookup) NoSourceHasKey() bool { return l.Source == nil && l.Hidden == 0 }

// EventsAreDropped reports whether Segment drops everything that is sent with the key: no source has
// it, or its source is disabled.
func (l Lookup) EventsAreDropped() bool { return l.NoSourceHasKey() || l.Source != nil && !l.Source.Enabled }

// Says describes what is known of the key, in a sentence without a full stop.
func (l Lookup) Says() string {
	workspace := "the workspace " + Quote(l.Workspace.Name)
	switch {
	case l.NoSourceHasKey():
		return "no source of " + workspace + " has the write key: Segment answers 200 and drops the events. The key is wrong or of another workspace, or its source was deleted"
	case l.Source == nil:
		return fmt.Sprintf("whether the write key is right is not known, because the token of Segment's Public API may not see the write keys of %s of %s",
			words.Count(l.Hidden, "source"), workspace)
	}
	source := Quote(l.Source.Title())
	if l.URL != "" {
		source += " (" + l.URL + ")"
	}
	says := fmt.Sprintf("the write key is that of the source %s of %s", source, workspace)
	if !l.Source.Enabled {
		says += ", which is disabled: Segment drops the events"
	}
	return says
}

// WhatToDo returns what the operator can do about it, or "". Flag names the store in a command.
func (l Lookup) WhatToDo(flag string) string {
	switch {
	case l.NoSourceHasKey():
		return "copy the write key from the API keys of the source in Segment: hub configure" + flag + ". Or create a source: hub sources create NAME" + flag
	case l.Source == nil:
		return "give the token the role Source Admin for the source, or look for an event in the source's debugger in Segment"
	case !l.Source.Enabled:
		return "enable the source in Segment, in its settings"
	}
	return ""
}

// Quote returns a name from Segment as one printable line in quotes.
func Quote(name string) string { return "“" + chars.Line(name) + "”" }
