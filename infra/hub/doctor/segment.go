package doctor

import (
	"context"
	"errors"
	"strings"
	"time"

	"commerce-segment/infra/hub/forecast"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/infra/hub/workspace"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

func (p Patient) segment(ctx context.Context) []Finding {
	values, err := p.Store.Parameters(ctx, []string{settings.SegmentHost, settings.SegmentWriteKey})
	if err != nil {
		return unknown(err)
	}
	host := strings.TrimSpace(values[settings.SegmentHost])
	if host == "" {
		host = p.Store.Defaults()[settings.SegmentHost]
	}
	key, flag := strings.TrimSpace(values[settings.SegmentWriteKey]), p.Store.Flag()
	l, err := workspace.Of(ctx, p.Store)
	found := append(segmentFindings(host, key, flag), workspaceFindings(l, err, host != "" && store.IsSourceKey(key), flag)...)
	if err != nil {
		return found
	}
	template, err := p.Store.Template(ctx, tracking.OrderCompleted)
	if err != nil {
		return append(found, unknown(err)...)
	}
	return append(found, doubleCountFindings(ctx, l, template.Source, flag)...)
}

// segmentRegions maps the hosts of Segment to the regions of a workspace.
var segmentRegions = map[string]string{
	settings.DefaultHost: "the United States",
	settings.EUHost:      "the European Union",
}

// segmentFindings checks the host and the write key, as far as that is possible without Segment.
func segmentFindings(host, key, flag string) []Finding {
	region, known := segmentRegions[strings.TrimRight(host, "/")]
	switch {
	case key == "":
		return []Finding{{State: Fault, Says: "there is no write key: every event is retried, for up to 30 hours", Do: "hub configure" + flag}}
	case host == "":
		return []Finding{{State: Note, Says: "no host is set: messages go to the inbox of the hub on this machine",
			Do: "to send to Segment, hub configure" + flag}}
	case store.IsInboxKey(key):
		return []Finding{{State: Fault, Says: "the write key was made for the inbox of a hub, and " + host + " would drop everything, so every event is retried",
			Do: "set the write key of a Segment source: hub configure" + flag}}
	case !known:
		return []Finding{{State: Warning, Says: "messages go to " + host + ", which is not a known host of Segment",
			Do: "if it is not your own proxy, correct it: hub configure" + flag}}
	default:
		return []Finding{{State: OK, Says: "a write key is set for a workspace in " + region}}
	}
}

// workspaceFindings says what Segment's Public API knows of the write key. The error is why the key was
// not looked up. sends reports whether the store sends to Segment.
func workspaceFindings(l workspace.Lookup, err error, sends bool, flag string) []Finding {
	switch {
	case errors.Is(err, store.ErrNoAPIToken) && !sends:
		return nil // segmentFindings has said what to do first
	case errors.Is(err, store.ErrNoAPIToken):
		return []Finding{{State: Note, Says: "whether the write key is correct cannot be checked without a token of Segment's Public API, because Segment answers 200 to any key",
			Do: "look for an event in the source's debugger in Segment, or set a token: hub configure" + flag}}
	case err != nil:
		return []Finding{{State: Warning, Says: "Segment's Public API cannot be asked: " + words.OneLine(err.Error()),
			Do: "if the token was revoked or is for another host, set another one: hub configure" + flag}}
	}
	if !sends {
		return nil
	}
	return []Finding{lookupFinding(l, flag)}
}

// doubleCountFindings says whether several sources send the events that the template of
// order-completed sends.
func doubleCountFindings(ctx context.Context, l workspace.Lookup, source, flag string) (found []Finding) {
	const notKnown = "whether several sources send the same orders is not known"
	names, err := forecast.EventNamesOf(ctx, tracking.OrderCompleted, source)
	switch {
	case err != nil:
		return []Finding{{State: Note, Says: notKnown + ": " + words.OneLine(err.Error())}}
	case names.Computed:
		found = append(found, Finding{State: Note, Says: notKnown + " for all events: the template of order-completed computes the name of an event"})
	case len(names.Known) == 0:
		return []Finding{{State: Note, Says: notKnown + ": the template of order-completed writes no event for the bundled samples"}}
	}
	if len(names.Known) == 0 {
		return found
	}
	sources, err := l.OrderSources(ctx, names.Known, time.Now())
	switch {
	case err != nil:
		found = append(found, Finding{State: Note, Says: notKnown + ": " + words.OneLine(err.Error())})
	case len(sources) > 1:
		found = append(found, Finding{State: Warning, Says: workspace.DescribeDoubleCount(names.Known, sources),
			Do: "if they are orders of the same shop, send the event from one of them only: disable order-completed here with hub configure --disable order-completed" + flag +
				", remove it from the other source, or filter it in front of the destination in Segment"})
	}
	return found
}

// lookupFinding says whether the write key is correct.
func lookupFinding(l workspace.Lookup, flag string) Finding {
	f := Finding{State: OK, Says: l.Says(), Do: l.WhatToDo(flag)}
	switch {
	case l.EventsAreDropped():
		f.State = Fault
	case l.Source == nil:
		f.State = Note
	}
	return f
}
