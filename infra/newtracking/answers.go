package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"commerce-segment/shared/loggable"
	"commerce-segment/shared/tracking"
)

// answers describe the tracking to add, as texts.
type answers struct {
	name, title, events, call, user string
}

// newTracking is a tracking to add.
type newTracking struct {
	tracking.Tracking
	user string // the JSONata expression of the userId; empty if the template of its resource has one
}

// maxName is the longest name of a tracking, in characters. The names of the functions and
// queues on AWS begin with the name of the stack and end with that of the tracking: Lambda
// allows 64 characters, and SQS 80.
const maxName = 30

var namePattern = regexp.MustCompile(`^[a-z]+(-[a-z]+)+$`)

// checkName returns an error if no new tracking can have the name.
func (a answers) checkName() error {
	const remedy = "give one such as make tracking NAME=subscription-paused"
	switch {
	case a.name == "":
		return errors.New("NAME is missing: " + remedy)
	case !namePattern.MatchString(a.name):
		return fmt.Errorf("NAME=%s is not two or more words of lowercase letters with hyphens between them: %s", a.name, remedy)
	case len(a.name) > maxName:
		return fmt.Errorf("NAME=%s has more than %d characters, and the names of its function and queues on AWS would be too long: %s", a.name, maxName, remedy)
	}
	for _, t := range tracking.All() {
		switch {
		case t.Name == a.name:
			return fmt.Errorf("there is a tracking %s already: choose another name", a.name)
		case strings.HasSuffix(a.name, "-"+t.Name) || strings.HasSuffix(t.Name, "-"+a.name):
			return fmt.Errorf("NAME=%s and the tracking %s end in the same words, so that two stores could have a resource of the same name on AWS: choose another name", a.name, t.Name)
		}
	}
	return nil
}

func (a *answers) defaultTitle() string { return titleOf(a.name) }

// defaultEvents returns the event with the words of the name, if Commerce has it:
// subscription.paused for subscription-paused.
func (a *answers) defaultEvents() string {
	i := strings.LastIndex(a.name, "-")
	for _, verb := range []string{a.name[i+1:], strings.Replace(a.name[i+1:], "cancelled", "canceled", 1)} {
		if event := a.name[:i] + "." + verb; loggable.Event(event) == event {
			return event
		}
	}
	return ""
}

func (a *answers) defaultCall() string {
	if a.resource() == "customer" && !tracking.AtDeletion(a.events) {
		return string(tracking.Identify)
	}
	return string(tracking.Track)
}

// resource returns the type of the resource of the first event.
func (a *answers) resource() string {
	resource, _, _ := strings.Cut(a.events, ".")
	return resource
}

// buyer is the userId for a resource that belongs to a customer or an account.
const buyer = "$data.relationships.customer.data.id ?: $fields.customer_id ?: $data.relationships.account.data.id ?: $fields.account_id"

// defaultUser returns the id of the customer or the account that a resource has, or of the
// customer or account itself. The templates of orders and of customers have it already.
func (a *answers) defaultUser() string {
	switch {
	case a.isLike():
		return ""
	case a.resource() == "customer", a.resource() == "account":
		return "$data.id"
	}
	return buyer
}

// isLike reports whether the template is a copy of that of another tracking about the same
// resource, with another title.
func (a *answers) isLike() bool {
	return a.resource() == "order" || a.resource() == "customer" && a.call == string(tracking.Identify) && !tracking.AtDeletion(a.events)
}

// happensOnce are the verbs of events that happen at most once to a resource.
var happensOnce = []string{"created", "deleted", "authorized", "paid", "fulfilled", "cancelled", "canceled", "closed"}

// newTracking returns the tracking, or an error that says what is wrong with the answers.
func (a answers) newTracking() (newTracking, error) {
	t := newTracking{Tracking: tracking.Tracking{Name: a.name, Title: a.title, Call: tracking.Call(a.call), Observes: splitEvents(a.events), Optional: true}, user: a.user}
	if strings.ReplaceAll(strings.ToLower(a.title), " ", "-") != a.name {
		return t, fmt.Errorf("TITLE=%q must have the words of NAME: use %q. Only capital letters may differ", a.title, titleOf(a.name))
	}
	for _, event := range t.Observes {
		if loggable.Event(event) != event {
			return t, fmt.Errorf("EVENTS: Commerce has no event %q: %s", event, similar(event))
		}
	}
	if len(t.Observes) == 0 {
		return t, errors.New("EVENTS is empty: name at least one event, such as subscription.paused")
	}
	for _, event := range t.Observes {
		if !strings.HasPrefix(event, t.Resource()+".") {
			return t, fmt.Errorf("EVENTS: %s and %s are about different resources: add a tracking for each", t.Observes[0], event)
		}
	}
	_, verb, _ := strings.Cut(t.Observes[0], ".")
	t.Once = len(t.Observes) == 1 && slices.Contains(happensOnce, verb)
	switch {
	case t.Call != tracking.Track && t.Call != tracking.Identify:
		return t, fmt.Errorf("CALL=%s is not a call: write track or identify", a.call)
	case t.Resource() == "order" && t.Call != tracking.Track:
		return t, errors.New("CALL=identify: an order is sent as a track call: write CALL=track")
	case a.isLike() && a.user != "":
		return t, fmt.Errorf("USER: the template of every %s has the userId already: leave USER out, and edit the template afterwards", t.Resource())
	case !a.isLike() && a.user == "":
		return t, errors.New("USER is empty: write a JSONata expression, such as payload.data.attributes.account_id")
	}
	return t, nil
}

// similar lists the events of the resource of an event.
func similar(event string) string {
	resource, _, _ := strings.Cut(event, ".")
	if verbs := loggable.Verbs(resource); len(verbs) > 0 {
		return "for " + resource + " it has " + strings.Join(verbs, ", ")
	}
	return "the observable events are in shared/loggable/loggable.go"
}
