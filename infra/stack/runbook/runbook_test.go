package runbook_test

import (
	"slices"
	"strings"
	"testing"

	"commerce-segment/infra/stack/runbook"
)

func TestEveryAlarmSaysWhatItMeansAndWhatToDo(t *testing.T) {
	for _, a := range runbook.All() {
		for _, text := range []string{a.Means, a.Do} {
			if !strings.HasSuffix(text, ".") || strings.ContainsAny(text, "|\n`") {
				t.Errorf("%s: %q is not a sentence that a table can have", a.Kind, text)
			}
		}
		run := a.Run("/my-shop/eu", "order-completed")
		if !strings.Contains(run, "/my-shop/eu") && !strings.Contains(run, "my-shop--eu") {
			t.Errorf("%s: the command %q does not name the store", a.Kind, run)
		}
		if strings.ContainsAny(run, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
			t.Errorf("%s: the command %q does not work as it is", a.Kind, run)
		}
	}
}

func TestAlarmsAreFoundByTheirNames(t *testing.T) {
	on := []string{"my-shop-order-updated-dead-letters", "my-shop-blocked", "my-shop-order-completed-dead-letters", "my-shop-eu-late", "other"}
	found := runbook.Find("my-shop", func(name string) bool { return slices.Contains(on, name) })
	if len(found) != 2 || found[0].Kind != "dead-letters" || !slices.Equal(found[0].Trackings, []string{"order-completed", "order-updated"}) ||
		found[1].Kind != "blocked" || found[1].Trackings != nil {
		t.Errorf("found %+v", found)
	}
	names := runbook.Names("my-shop")
	if !slices.Contains(names, "my-shop-customer-created-age") || !slices.Contains(names, "my-shop-api-429") {
		t.Errorf("the names are %q", names)
	}
	if len(names) > 100 { // DescribeAlarms, AlarmNames
		t.Errorf("there are %d names", len(names))
	}
}
