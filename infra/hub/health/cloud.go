package health

import (
	"slices"
	"strings"
)

// brokenAlarms are the alarms on AWS about events that are lost or not delivered until an
// operator fixes something. The ends of their names are in infra/stack/alarms.go.
var brokenAlarms = []string{"api-5xx", "api-429", "blocked", "too-large", "-errors", "-throttles", "-age"}

// alarmsOn reports the alarms of CloudWatch that are on. It leaves out those about what
// another rule has found in the queues.
func alarmsOn(f Facts) (found []Problem) {
	for _, a := range f.Cloud.Alarms {
		if strings.HasSuffix(a.Name, "-dead-letters") {
			continue // rule deadLetters counts them
		}
		p := Problem{Key: "alarm/" + a.Name, State: Degraded, Since: a.Since, Says: "The alarm " + a.Name + " is on since " + clock(f, a.Since) + ". " + firstSentence(a.Says),
			Do: restOf(a.Says), Run: "hub doctor" + f.Flag}
		if slices.ContainsFunc(brokenAlarms, func(end string) bool { return strings.HasSuffix(a.Name, end) }) {
			p.State = Broken
		}
		found = append(found, p)
	}
	return found
}

// firstSentence returns the first sentence of a description.
func firstSentence(text string) string {
	first, _, found := strings.Cut(text, ". ")
	if found {
		first += "."
	}
	return first
}

// restOf returns a description without its first sentence.
func restOf(text string) string {
	_, rest, _ := strings.Cut(text, ". ")
	return rest
}

// alarmsUnconfirmed reports that no one receives the alarms of a deployed store.
func alarmsUnconfirmed(f Facts) []Problem {
	if !f.Deployed || f.Cloud.Topic == "" || f.Cloud.Subscriptions != 0 {
		return nil
	}
	return []Problem{{Key: "unconfirmed", State: Degraded, Says: "No one receives the alarms: their topic has no confirmed subscription.",
		Do:  "Subscribe an address, and confirm it with the link in the mail that AWS sends to it.",
		Run: "aws sns subscribe --topic-arn " + f.Cloud.Topic + " --protocol email --notification-endpoint ADDRESS"}}
}
