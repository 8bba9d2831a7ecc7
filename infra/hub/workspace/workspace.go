// Package workspace says what Segment's Public API knows of the source to which a store sends:
// which source has the write key, and which other sources send the same orders. It also creates a
// source.
package workspace

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/chars"
	"commerce-segment/shared/publicapi"
	"commerce-segment/shared/settings"
)

// Lookup is the result of looking for a write key among the sources of a workspace.
type Lookup struct {
	Workspace publicapi.Workspace
	Sources   []publicapi.Source
	// NoKey reports that there was no key to look for: it is empty, or that of an inbox.
	NoKey bool
	// Inbox reports that the messages go to the inbox of the hub on this machine, not to Segment.
	Inbox bool
	// Source has the write key. It is nil if none has it, as far as the token may see the keys.
	Source *publicapi.Source
	// URL is the address of Source in Segment's app.
	URL string
	// Hidden is the number of sources whose write keys the token may not see.
	Hidden int

	client *publicapi.Client
}

// Of looks for the write key of a store. The error is a store.ErrNoAPIToken if the store has no token
// of the Public API.
func Of(ctx context.Context, s store.Store) (Lookup, error) {
	values, err := s.Parameters(ctx, append(settings.PublicAPINames(), settings.SegmentWriteKey))
	if err != nil {
		return Lookup{}, err
	}
	client, err := s.PublicAPIOf(values)
	if err != nil {
		return Lookup{}, err
	}
	l, err := LookUp(ctx, client, strings.TrimSpace(values[settings.SegmentWriteKey]))
	l.Inbox = s.SendsToInbox(values)
	return l, err
}

// LookUp looks for a write key.
func LookUp(ctx context.Context, client *publicapi.Client, key string) (l Lookup, err error) {
	l.NoKey, l.client = !store.IsSourceKey(key), client
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
		if !l.NoKey && slices.Contains(source.WriteKeys, key) {
			l.Source, l.URL = &l.Sources[i], client.SourceURL(l.Workspace, source)
		}
	}
	return l, nil
}

// NoSourceHasKey reports whether no source of the workspace has the key.
func (l Lookup) NoSourceHasKey() bool { return !l.NoKey && l.Source == nil && l.Hidden == 0 }

// EventsAreDropped reports whether Segment drops everything that is sent with the key: no source has
// it, or its source is disabled.
func (l Lookup) EventsAreDropped() bool {
	return !l.Inbox && (l.NoSourceHasKey() || l.Source != nil && !l.Source.Enabled)
}

// Says describes what is known of the key, in a sentence without a full stop.
func (l Lookup) Says() string {
	if l.Inbox {
		return l.saysOfKey() + ". The messages go to the hub's inbox, because no Segment host is set"
	}
	return l.saysOfKey()
}

// saysOfKey describes what is known of the key, wherever the messages go.
func (l Lookup) saysOfKey() string {
	workspace := "the workspace " + Quote(l.Workspace.Name)
	switch {
	case l.NoKey:
		return fmt.Sprintf("the store has no write key of a source. The token belongs to %s, which has %s", workspace, words.Count(len(l.Sources), "source"))
	case l.NoSourceHasKey():
		return "no source of " + workspace + " has the write key" + l.ifSent(": Segment answers 200 and drops the events") + ". The key is wrong, it belongs to another workspace, or its source was deleted"
	case l.Source == nil:
		return fmt.Sprintf("it is not known whether the write key is correct: the token of Segment's Public API cannot see the write keys of %s in %s",
			words.Count(l.Hidden, "source"), workspace)
	}
	source := Quote(l.Source.Title())
	if l.URL != "" {
		source += " (" + l.URL + ")"
	}
	says := fmt.Sprintf("the write key belongs to the source %s in %s", source, workspace)
	if !l.Source.Enabled {
		says += ", which is disabled" + l.ifSent(": Segment drops the events")
	}
	return says
}

// ifSent returns a text about what Segment does with the messages, or "" if they are not sent to it.
func (l Lookup) ifSent(text string) string {
	if l.Inbox {
		return ""
	}
	return text
}

// WhatToDo returns what the operator can do about it, or "". Flag names the store in a command.
func (l Lookup) WhatToDo(flag string) string {
	switch {
	case l.NoKey, l.NoSourceHasKey():
		return "copy the write key from the API keys of the source in Segment: hub configure" + flag + ". Or create a source: hub sources create NAME" + flag
	case l.Source == nil:
		return "give the token the role Source Admin for the source, or look for an event in the source's debugger in Segment"
	case !l.Source.Enabled:
		return "enable the source in Segment, in its settings"
	case l.Inbox:
		return "to send to Segment, " + store.SetHost(flag)
	}
	return ""
}

// Quote returns a name from Segment as one printable line in quotes.
func Quote(name string) string { return "“" + chars.Line(name) + "”" }
