package functions_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"commerce-segment/infra/emulator/standin"
	"commerce-segment/infra/stack/outputs"
	"commerce-segment/shared/metrics"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// poison has bad templates for two trackings. One does not compile. The other never ends for
// some orders and so uses a whole processor; for the other orders it uses all memory.
var poison = map[string]string{
	tracking.OrderUpdated.Name: `{"event": `,
	tracking.OrderRefunded.Name: `$contains(payload.data.id, /3$/)
		? ($f := function($n){$f($n + 1)}; $f(1))
		: $reduce([1..60], function($text, $i){$text & $text}, payload.data.id)`,
}

// Two functions of a store have a bad template, and their events are retrying. The other five
// functions run at the same time with good templates. They deliver every event at the first
// attempt, including events that arrive later.
func TestABadTemplateDoesNotAffectTheOtherFunctions(t *testing.T) {
	t.Parallel()
	const before, after = 10, 5 // of each tracking
	segment := newStandIn(t)
	fleets := allFunctions(t, standin.Start(t), segment)
	want := map[string]int{}
	for _, orders := range [][]int{{0, before}, {before, before + after}} {
		var commerce sync.WaitGroup
		for _, function := range fleets {
			shop := newShop(t, function.cloud)
			commerce.Go(func() {
				for order := orders[0]; order < orders[1]; order++ {
					shop.posts(function, secret, order)
				}
				shop.allAccepted()
			})
			for order := orders[0]; order < orders[1] && poison[function.cloud.tracking.Name] == ""; order++ {
				want[fmt.Sprintf("%s of order-%d", function.cloud.tracking.Name, order)]++
			}
		}
		commerce.Wait()
		for _, function := range fleets {
			name := function.cloud.tracking.Name
			eventually(t, "every event of "+name+" was tried", func() bool {
				return strings.Count(function.log(), `"message":"deliver"`) >= orders[1]
			})
		}
	}

	got := map[string]int{}
	for _, message := range segment.drain() {
		got[eventOf(t, message)]++
	}
	equal(t, "the messages, and how often they were sent", got, want)
	for _, function := range fleets {
		c := function.cloud
		if poison[c.tracking.Name] == "" {
			counts(t, function.log(), c.prefix, c.tracking, metrics.Accepted, metrics.Delivered, metrics.DelayMilliseconds)
			c.isLeftWith(0)
			continue
		}
		counts(t, function.log(), c.prefix, c.tracking, metrics.Accepted, metrics.Retrying, metrics.Blocked)
		eventually(t, "all events of "+c.tracking.Name+" are retrying", func() bool {
			visible, invisible := c.count(c.waiting)
			return visible+invisible == before+after
		})
		dead, _ := c.count(c.dead)
		equal(t, "dead letters of "+c.tracking.Name, dead, 0)
		for _, process := range function.known {
			select {
			case <-process.ended:
				t.Errorf("a process of %s has ended because of its template", c.tracking.Name)
			default:
			}
		}
	}
}

// allFunctions returns the functions that every store has, each with its queue. Their
// templates are those in poison, or the default one with the tracking's name in the message.
func allFunctions(t *testing.T, aws *standin.AWS, segment *standIn) (fleets []*fleet) {
	t.Helper()
	store := deployed(t, aws, tracking.OrderCompleted)
	store.configure(segment, nil)
	for _, tracked := range tracking.All() {
		if tracked.Optional {
			continue
		}
		c := *store
		c.tracking, c.queue, c.waiting, c.dead = tracked, store.stack[outputs.Queue(tracked)], store.stack[outputs.Waiting(tracked)], store.stack[outputs.DeadLetters(tracked)]
		template := poison[tracked.Name]
		if template == "" {
			template = fmt.Sprintf(`$merge([%s, {"templateOf": %q}])`, templates.Default(tracked.Name), tracked.Name)
		}
		c.put(map[string]string{settings.Template(tracked): template})
		function := newFleet(&c)
		mapEventSource(&c, function)
		fleets = append(fleets, function)
	}
	return fleets
}

// eventOf returns the tracking and the order of a message, from its id and its template.
func eventOf(t *testing.T, message json.RawMessage) string {
	t.Helper()
	var written struct{ MessageID, TemplateOf string }
	if err := json.Unmarshal(message, &written); err != nil {
		t.Fatal(err)
	}
	order, err := orderOf(message)
	if err != nil {
		t.Fatal(err)
	}
	if name, _, _ := strings.Cut(written.MessageID, ":"); name != written.TemplateOf {
		t.Errorf("a message of %s is written by the template of %s", name, written.TemplateOf)
	}
	return written.TemplateOf + " of " + order
}
