package console

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"commerce-segment/shared/segment"
	"commerce-segment/shared/tracking"
	"commerce-segment/shared/turn"
)

// pastedOrder is a pasted webhook of at least so many bytes.
func pastedOrder(bytes int) []string {
	return []string{"event", pasted, "pasted", `{"triggered_by":"order.paid","payload":{"data":{"type":"order","id":"o"},"x":"` +
		strings.Repeat("x", bytes) + `"}}`}
}

func TestAPreviewIsBoundedHoweverLargeTheResultIs(t *testing.T) {
	b := write(t)
	for _, c := range []struct {
		name, source string
		more         []string
		says         []string
		most         int // bytes of the page
	}{
		{"as many messages as fit", `[1..60].{"event": "E", "userId": "u", "properties": {"x": $pad("", 900, "x")}}`, nil, []string{"60 messages.<"}, 200_000},
		{"many messages", `[1..300].{"event": "E", "userId": "u", "properties": {"x": $pad("", 900, "x")}}`, nil, []string{"300 messages. The first ", " are shown."}, 200_000},
		{"one message that is as large as they can be", `{"event": "E", "userId": "u", "properties": {"x": $pad("", 31000, "x")}}`, nil, []string{"one message.<"}, 100_000},
		{"a webhook that is small enough", `{"event": "E", "userId": "u"}`, pastedOrder(1000), []string{"one message", "order.paid"}, 100_000},
		{"a large webhook", `{"event": "E", "userId": "u"}`, pastedOrder(1_100_000), []string{"one message", "A page shows none over 1048576."}, 100_000},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := author{t, b.console}
			part := b.preview(c.source, c.more...)
			b.want(part, 200, c.says...)
			if n := len(part.html); n > c.most {
				t.Errorf("the page has %d bytes, want at most %d", n, c.most)
			}
		})
	}
}

func TestAResultDiffersByAMessageThatIsNotShown(t *testing.T) {
	results := func(last string) result {
		messages := make([]segment.Message, 200)
		for i := range messages {
			messages[i].JSON = json.RawMessage(`{"x":"` + strings.Repeat("x", 900) + `"}`)
		}
		messages[len(messages)-1].JSON = json.RawMessage(last)
		return resultOf(messages)
	}
	one, other := results(`{"n":1}`), results(`{"n":2}`)
	if one.Text() != other.Text() || !strings.HasSuffix(one.Text(), " more messages are not shown.") {
		t.Errorf("the texts end with %q and %q", one.Text()[len(one.Text())-40:], other.Text()[len(other.Text())-40:])
	}
	if one.Digest == other.Digest || one.Digest != results(`{"n":1}`).Digest {
		t.Error("the digests do not tell the results apart")
	}
}

func TestThePreviewOfALargeWebhookTakesATurn(t *testing.T) {
	b := write(t)
	var ends []func()
	defer func() {
		for _, end := range ends {
			end()
		}
	}()
	for err := error(nil); err == nil; {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		scope, end := turn.Scope(ctx)
		ends = append(ends, end)
		err = turn.Take(scope)
		cancel()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	large := pastedOrder(100_000)[3]
	form := templateForm{Tracking: tracking.OrderCompleted, Source: sold, Event: pasted, Pasted: large}
	if p := b.console.preview(ctx, form); p.Problem != turn.ErrBusy.Error() {
		t.Errorf("the problem is %q", p.Problem)
	}
}
