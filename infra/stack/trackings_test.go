package stack

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"commerce-segment/infra/stack/outputs"
	"commerce-segment/shared/tracking"
)

// A tracking that is not used must cost nothing, and one more must not change the others.
func TestAnOptionalTrackingIsDeployedOnlyIfTheOptionNamesIt(t *testing.T) {
	without, err := synthesize(nil, noCompiler{})
	if err != nil {
		t.Fatal(err)
	}
	with := deployedTemplate(t)
	for _, name := range tracking.Optional() {
		id := outputs.Identifier(name)
		of := func(tmpl template) (found []string) {
			for _, resource := range slices.Concat(slices.Collect(maps.Keys(tmpl.Resources)), slices.Collect(maps.Keys(tmpl.Outputs))) {
				if strings.Contains(resource, id) {
					found = append(found, resource)
				}
			}
			return found
		}
		if has := of(without); len(has) > 0 {
			t.Errorf("a store without %s has %v", name, has)
		}
		if has := of(with); len(has) == 0 {
			t.Errorf("a store with %s has nothing of it", name)
		}
	}
	for id, resource := range without.Resources {
		if resource.Type != "AWS::CloudWatch::Dashboard" && !reflect.DeepEqual(resource, with.Resources[id]) {
			t.Errorf("%s is another one in a store with the optional trackings:\n%v\n%v", id, with.Resources[id], resource)
		}
	}
}

func TestTheOptionTrackingsSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name      string
		prefix    string
		trackings any
		says      string
	}{
		{"a name that no tracking has", "/shop", []any{"no-such-tracking"}, `there is no tracking "no-such-tracking": use some of order-fulfilled`},
		{"a tracking that every store has", "/shop", []any{"order-completed"}, "every store has order-completed: leave it out"},
		{"a prefix that is too long for the name of the function", "/" + strings.Repeat("a", maxStackName), []any{tracking.SubscriptionCancelled.Name}, "is too long, because Lambda allows at most 64 characters: use a prefix of at most 41 characters"},
		{"something that is no list", "/shop", 7, "is not a list of strings"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := OptionsFor(map[string]any{"prefix": c.prefix, "trackings": c.trackings}); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want …%s…", err, c.says)
			}
		})
	}
}
