package relay_test

import (
	"errors"
	"testing"

	"commerce-segment/shared/relay"
)

// While something is out of order that all events need, functions attempt only a few of them.
func TestWhatABatchSaysAboutOtherEvents(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*breaking)
		want   relay.Outlook
	}{
		{"all are delivered", func(*breaking) {}, relay.Success},
		{"all are skipped", func(b *breaking) { b.world.settings.config.Enabled = false }, relay.Success},
		{"Segment is down", func(b *breaking) { b.answers(503, "") }, relay.Outage},
		{"Segment rejects all", func(b *breaking) { b.answers(400, "") }, relay.Outage},
		{"the settings cannot be read", func(b *breaking) { b.world.settings.err = errors.New("throttled") }, relay.Outage},
		{"the template fails", func(b *breaking) { b.world.settings.config.Template = `$error("no")` }, relay.OwnFaults},
		{"the template fails for one", func(b *breaking) {
			b.world.settings.config.Template = `payload.data.id = "1" ? $error("no") : ` + echo
		}, relay.Success},
		{"the template fails for one, and Segment is down", func(b *breaking) {
			b.world.settings.config.Template = `payload.data.id = "1" ? $error("no") : ` + echo
			b.answers(503, "")
		}, relay.Outage},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBreaker(t, func(t *testing.T, b *breaking) {
				c.change(b)
				_, got := b.world.relay.Attempt(t.Context(), items(webhook("1"), webhook("2")))
				equal(t, "it", got, c.want)
			})
		})
	}
}
