package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/tracking"
)

// checkPromise finds what is missing in the messages for a webhook, taken together, if
// the tracking promises it: the Elastic Path source has one call with a fixed name for
// each tracking.
func checkPromise(t tracking.Tracking, messages []*message) []Finding {
	if len(messages) == 0 { // the template filters the event
		return nil
	}
	first := new(message)
	calls := slices.DeleteFunc(slices.Clone(messages), func(m *message) bool { return m.call() != string(t.Call) })
	switch {
	case len(calls) == 0:
		first.warn("type", "promise", fmt.Sprintf("is not %s, the call that %s promises", t.Call, t.Title),
			"leave it out, unless another call is meant")
	case t.Call == tracking.Identify:
		first.checkIdentify(calls)
	default:
		first.checkEvent(t, calls)
	}
	if t.Call == tracking.Track && t.Resource() == "order" && !slices.ContainsFunc(messages, (*message).hasOrder) {
		first.add("properties", "promise", "has none of order_id, total, value and products, which "+t.Title+" promises",
			"write them as the default template does")
	}
	for i := range first.findings {
		first.findings[i].Message = 1
	}
	return first.findings
}

// checkEvent warns if no message has the name of the tracking. checkEventName finds one
// that is only spelled differently.
func (m *message) checkEvent(t tracking.Tracking, calls []*message) {
	isIt := func(call *message) bool { return plain(text(at(call.fields, "event"))) == plain(t.Title) }
	hasNone := func(call *message) bool { return isMissing(at(call.fields, "event")) } // checkAccepted has found it
	if !slices.ContainsFunc(calls, isIt) && !slices.ContainsFunc(calls, hasNone) {
		m.warn("event", "promise", fmt.Sprintf("is not %q, the name that destinations recognize", t.Title),
			fmt.Sprintf("write %q, unless another name is meant", t.Title))
	}
}

// hasOrder reports whether a message has a property that identifies or describes an
// order.
func (m *message) hasOrder() bool {
	return slices.ContainsFunc([]string{"order_id", "checkout_id", "total", "value", "products"},
		func(name string) bool { return m.property(name) != nil })
}

// checkIdentify finds that no call has traits, or that none has the customer's id.
func (m *message) checkIdentify(calls []*message) {
	hasTraits := func(call *message) bool {
		traits, _ := at(call.fields, "traits").(map[string]any)
		return len(traits) > 0
	}
	// If both ids are missing, the customer's id is filled in.
	hasUser := func(call *message) bool {
		return at(call.fields, "userId") != nil || at(call.fields, "anonymousId") == nil
	}
	if !slices.ContainsFunc(calls, hasTraits) {
		m.add("traits", "promise", "is missing or empty, so Segment learns nothing about the customer", "write name and email as the default template does")
	}
	if !slices.ContainsFunc(calls, hasUser) {
		m.add("userId", "promise", "is missing", "write payload.data.id")
	}
}

// Written is a webhook and the messages that a template wrote for it.
type Written struct {
	Body     []byte // as Commerce posted it
	Messages []map[string]any
}

// CheckSame finds ids that a template writes identically for every webhook, although
// the webhooks are about different people or orders and do not contain that text.
func CheckSame(all []Written) ([]Finding, error) {
	var findings []Finding
	for _, id := range []struct {
		path     []string
		ofPerson bool
		wrong    string
	}{
		{[]string{"userId"}, true, "which merges all customers into one person"},
		{[]string{"anonymousId"}, true, "which merges all customers into one person"},
		{[]string{"messageId"}, false, "and Segment drops every message after the first"},
		{[]string{"properties", "order_id"}, false, "which merges all orders into one"},
	} {
		same, err := isSame(all, id.path, id.ofPerson)
		if err != nil {
			return nil, err
		}
		if same {
			findings = append(findings, Finding{Message: 1, Path: strings.Join(id.path, "."), Rule: "same_id",
				Wrong: "is the same for every sample, " + id.wrong, Instead: "write it from payload.data"})
		}
	}
	return findings, nil
}

// isSame reports whether an id is one fixed text for webhooks about different people,
// or orders.
func isSame(all []Written, path []string, ofPerson bool) (bool, error) {
	var id string
	var with [][]byte // the webhooks for which it was written
	for _, one := range all {
		for _, fields := range one.Messages {
			written := text(at(fields, path...))
			if id != "" && written != "" && written != id {
				return false, nil
			}
			if written != "" {
				id, with = written, append(with, one.Body)
			}
		}
	}
	subjects := map[string]bool{}
	for _, body := range with {
		webhook, err := commerce.Parse(body)
		if err != nil {
			return false, err
		}
		if has(webhook.Document(), id) {
			return false, nil
		}
		subject := webhook.ResourceID
		if ofPerson {
			subject = cmp.Or(webhook.CustomerID, subject)
		}
		subjects[subject] = true
	}
	return len(subjects) > 1, nil
}

// has reports whether a value contains a text.
func has(value any, text string) bool {
	switch value := value.(type) {
	case map[string]any:
		return slices.ContainsFunc(names(value), func(name string) bool { return has(value[name], text) })
	case []any:
		return slices.ContainsFunc(value, func(inner any) bool { return has(inner, text) })
	}
	return value == text
}
