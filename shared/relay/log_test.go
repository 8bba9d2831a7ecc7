package relay_test

import "testing"

// An event can have so many messages that its line would be too long for CloudWatch.
func TestALineListsOnlySoManyMessages(t *testing.T) {
	for _, test := range []struct {
		name, template string
		listed, said   int
	}{
		{"as many as are listed", `[1..100].{"event": "E", "properties": {"n": $}}`, 100, 0},
		{"one more", `[1..101].{"event": "E", "properties": {"n": $}}`, 100, 101},
		{"a great many", `[1..50000].{"event": "E"}`, 100, 50000},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorldOver(&countingTransport{})
			w.settings.config.Template = test.template
			w.relay.Deliver(t.Context(), items(webhook("1")))
			line := w.log.last(t, "deliver")
			equal(t, "outcome", line.Outcome, "delivered")
			equal(t, "listed", len(line.MessageIDs), test.listed)
			equal(t, "said", line.Messages, test.said)
			if n := w.log.text.Len(); n > 16<<10 {
				t.Errorf("the line has %d bytes", n)
			}
		})
	}
}
