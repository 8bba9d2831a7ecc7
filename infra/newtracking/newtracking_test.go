package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"commerce-segment/infra/hub/lint"
	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// repository makes a folder with the catalogue, which is all that an addition reads.
func repository(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	catalogue, err := os.ReadFile("../../" + catalogueFile)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(root, catalogueFile)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, catalogue, 0o644); err != nil {
		t.Fatal(err)
	}
	return root
}

func read(t *testing.T, root, file string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// filesIn returns the paths of all files below a folder.
func filesIn(t *testing.T, root string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			relative, _ := filepath.Rel(root, path)
			files = append(files, filepath.ToSlash(relative))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// The names are those of no real tracking: a repository to which one was added runs this test too.
func TestATrackingIsItsOwnFilesAndOneRow(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers answers
		row     string
		message []string // parts of the golden file
	}{
		{"a resource of several words, by the name alone", answers{name: "subscription-schedule-updated"},
			`SubscriptionScheduleUpdated = add(Tracking{ Name: "subscription-schedule-updated", Title: "Subscription Schedule Updated", Call: Track, Observes: []string{"subscription-schedule.updated"}, Optional: true, })`,
			[]string{`"event": "Subscription Schedule Updated"`, `"userId": "` + sampleOwner, `"subscription_schedule_id": "` + sampleID}},
		{"an order event has the template of orders", answers{name: "order-example", events: "order.authorized"},
			`OrderExample = add(Tracking{ Name: "order-example", Title: "Order Example", Call: Track, Observes: []string{"order.authorized"}, Once: true, Optional: true, })`,
			[]string{`"event": "Order Example"`, `"products": [`, `"total": 254.03`}},
		{"a customer event has the template of customers", answers{name: "customer-example", events: "customer.created"},
			`Call: Identify, Observes: []string{"customer.created"}, Once: true, Optional: true, })`,
			[]string{`"type": "identify"`, `"email": "mara.lind@example.com"`}},
		{"a deletion has no data", answers{name: "account-example", events: "account.deleted"},
			`Observes: []string{"account.deleted"}, Once: true, Optional: true, })`,
			[]string{`"event": "Account Example"`, `"userId": "` + sampleID}},
		{"two events of a member, with every answer given", answers{"member-example", "Member Example", "account-member.created, account-member.updated", "identify", "payload.data.id"},
			`Call: Identify, Observes: []string{"account-member.created", "account-member.updated"}, Optional: true, })`,
			[]string{`"type": "identify"`, `"userId": "` + sampleID, `"name": "An example"`}},
		{"the event has another name than the tracking", answers{name: "plan-example", events: "subscription.closed", user: "payload.data.attributes.account_id"},
			`Observes: []string{"subscription.closed"}, Once: true, Optional: true, })`,
			[]string{`"event": "Plan Example"`, `"userId": "` + sampleOwner}},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, name := repository(t), c.answers.name
			before := read(t, root, catalogueFile)
			var out strings.Builder
			if err := run(root, c.answers, nil, &out); err != nil {
				t.Fatal(err)
			}
			own := []string{"functions/" + name + "/main.go", catalogueFile, "templates/" + name + ".jsonata",
				"templates/testdata/" + name + "/example.segment.json", "templates/testdata/" + name + "/example.webhook.json"}
			if got := filesIn(t, root); !slices.Equal(got, own) {
				t.Errorf("the files are %v, want %v", got, own)
			}
			for _, file := range own[:2] {
				if _, err := parser.ParseFile(token.NewFileSet(), file, read(t, root, file), 0); err != nil {
					t.Errorf("it does not compile: %v", err)
				}
			}
			after := read(t, root, catalogueFile)
			if row := strings.Join(strings.Fields(after), " "); !strings.Contains(row, c.row) {
				t.Errorf("the catalogue does not have %s:\n%s", c.row, after)
			}
			if added := addedTo(before, after); added == "" || strings.Count(added, "add(Tracking{") != 1 {
				t.Errorf("the catalogue differs in more than one row, which is %q", added)
			}
			if identifier := strings.ReplaceAll(titleOf(name), " ", ""); !strings.Contains(read(t, root, own[0]), "tracking."+identifier+")") {
				t.Errorf("the function does not run the tracking:\n%s", read(t, root, own[0]))
			}
			golden := read(t, root, own[3])
			for _, part := range c.message {
				if !strings.Contains(golden, part) {
					t.Errorf("the message has no %s:\n%s", part, golden)
				}
			}
			if strings.Contains(golden, `"revenue"`) {
				t.Errorf("the sale of Order Completed counts twice:\n%s", golden)
			}
			checkTemplate(t, c.answers, read(t, root, own[2]), []byte(read(t, root, own[4])))
			if !strings.Contains(out.String(), "hub configure --enable "+name) {
				t.Errorf("it does not say what to do next:\n%s", out.String())
			}
		})
	}
}

// A backfill sends only what has happened, and the tests compare it with the sample.
func TestTheSampleOfAnOrderEventIsAnOrderToWhichItHappened(t *testing.T) {
	root := repository(t)
	if err := run(root, answers{name: "parcel-example", events: "order.fulfilled"}, nil, &strings.Builder{}); err != nil {
		t.Fatal(err)
	}
	if sample := read(t, root, "templates/testdata/parcel-example/example.webhook.json"); !strings.Contains(sample, `"shipping": "fulfilled"`) {
		t.Errorf("the order is not fulfilled:\n%s", sample)
	}
}

// addedTo returns the text that was added to another at one place, or "" if there are several.
func addedTo(before, after string) string {
	start := 0
	for start < len(before) && before[start] == after[start] {
		start++
	}
	length := len(after) - len(before)
	if length <= 0 || before[start:] != after[start+length:] {
		return ""
	}
	return after[start : start+length]
}

// checkTemplate checks what the tests of the templates check.
func checkTemplate(t *testing.T, a answers, source string, sample []byte) {
	t.Helper()
	if err := a.complete(nil, &strings.Builder{}); err != nil {
		t.Fatal(err)
	}
	made, err := a.newTracking()
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := template.Compile(a.name, source)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(source, "/* "+a.title+": ") || len(source) >= 4096 {
		t.Errorf("the template has %d bytes and begins with %.40q", len(source), source)
	}
	found, err := lint.Lint(t.Context(), made.Tracking, compiled, []templates.Sample{{Name: a.name + "/example", Tracking: a.name, Body: sample}})
	if err != nil || len(lint.Certain(found)) > 0 {
		t.Errorf("lint finds %v, %v", found, err)
	}
}

// The golden files that an addition writes must be those that the tests of the templates expect.
func TestAGoldenFileIsRenderedAsTheTestOfTheTemplatesRendersIt(t *testing.T) {
	for _, sample := range templates.Samples() {
		tracked, err := tracking.ByName(sample.Tracking)
		if err != nil {
			t.Fatal(err)
		}
		if !tracked.Optional {
			continue
		}
		got, err := golden(tracked, templates.Default(tracked.Name), sample.Body)
		if err != nil {
			t.Fatal(err)
		}
		if want := read(t, "../../templates/testdata", sample.Name+".segment.json"); string(got) != want {
			t.Errorf("%s is\n%s\nwant\n%s", sample.Name, got, want)
		}
	}
}

func TestAnAdditionSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers answers
		says    string
	}{
		{"no name", answers{}, "NAME is missing: give one such as make tracking NAME=subscription-paused"},
		{"a name with capitals", answers{name: "Subscription-Paused"}, "is not two or more words of lowercase letters"},
		{"a name that is a path", answers{name: "../subscription-schedule-updated"}, "is not two or more words of lowercase letters"},
		{"a name that is too long", answers{name: "subscription-" + strings.Repeat("a", 18)}, "has more than 30 characters"},
		{"a tracking that exists", answers{name: "order-completed"}, "there is a tracking order-completed already"},
		{"a name that ends in that of another tracking", answers{name: "big-order-completed"}, "end in the same words"},
		{"a name that does not say the event", answers{name: "parcel-lost"}, "EVENTS is missing: give it as in make tracking NAME=parcel-lost EVENTS=…"},
		{"an event that Commerce does not have", answers{name: "subscription-renewed", events: "subscription.renewed"},
			`Commerce has no event "subscription.renewed": for subscription it has created, create-failed, paused`},
		{"an event of a resource that Commerce does not have", answers{name: "parcel-lost", events: "parcel.lost"}, "the observable events are in shared/loggable/loggable.go"},
		{"events of two resources", answers{name: "all-created", events: "order.created,customer.created"}, "are about different resources: add a tracking for each"},
		{"a title of other words", answers{name: "subscription-schedule-updated", title: "On Hold"}, `use "Subscription Schedule Updated"`},
		{"an unknown call", answers{name: "subscription-schedule-updated", call: "page"}, "CALL=page is not a call: write track or identify"},
		{"an identify call for an order", answers{name: "order-example", events: "order.authorized", call: "identify"}, "write CALL=track"},
		{"a user of an order", answers{name: "order-example", events: "order.authorized", user: "payload.data.id"}, "leave USER out"},
		{"a user that is a word", answers{name: "subscription-schedule-updated", user: "customer"}, "USER=customer has no value in the sample webhook: write a JSONata expression"},
		{"a user of a deletion that is a word", answers{name: "invoice-example", events: "subscription-invoice.deleted", user: "person"}, "USER=person has no value in the sample webhook"},
		{"a user that is no JSONata", answers{name: "subscription-schedule-updated", user: "(("}, "the template does not work"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := repository(t)
			if err := run(root, c.answers, nil, &strings.Builder{}); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want …%s…", err, c.says)
			}
			if files := filesIn(t, root); len(files) != 1 {
				t.Errorf("it wrote %v", files)
			}
		})
	}
}

func TestAnAdditionReplacesNoFile(t *testing.T) {
	root := repository(t)
	file := filepath.Join(root, "templates", "subscription-schedule-updated.jsonata")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := run(root, answers{name: "subscription-schedule-updated"}, nil, &strings.Builder{}); err == nil || !strings.Contains(err.Error(), "templates/subscription-schedule-updated.jsonata exists") {
		t.Errorf("got %v", err)
	}
	if got := read(t, root, "templates/subscription-schedule-updated.jsonata"); got != "mine" {
		t.Errorf("it is %s now", got)
	}
}

func TestAtAKeyboardItAsksAndEnterTakesTheDefault(t *testing.T) {
	root := repository(t)
	var out strings.Builder
	typed := strings.NewReader("\nsubscription.closed\n\npayload.data.attributes.account_id\n")
	if err := run(root, answers{name: "subscription-example"}, typed, &out); err != nil {
		t.Fatal(err)
	}
	for _, asked := range []string{"the event in Segment [Subscription Example]: ", "Commerce events, with commas between them []: ", "track or identify [track]: ", "the userId [$data.relationships"} {
		if !strings.Contains(out.String(), asked) {
			t.Errorf("it does not ask %q:\n%s", asked, out.String())
		}
	}
	if source := read(t, root, "templates/subscription-example.jsonata"); !strings.Contains(source, "$text(payload.data.attributes.account_id)") {
		t.Errorf("the template does not have the user:\n%s", source)
	}
}
