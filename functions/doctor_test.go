package functions_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"commerce-segment/infra/emulator/standin"
	"commerce-segment/shared/metrics"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// A template breaks while webhooks arrive: the metric of the alarm is counted, the doctor and
// the console name the template and how to restore it, and after that the retrying events
// are delivered automatically.
func TestABrokenTemplateIsFoundAndEventsFlowOnceItIsFixed(t *testing.T) {
	t.Parallel()
	const many = 20
	aws, segment := standin.Start(t), newStandIn(t)
	cloud := deployed(t, aws, tracking.OrderCompleted)
	hub(t, cloud, []string{"SEGMENT_WRITE_KEY=" + writeKey, "COMMERCE_WEBHOOK_SECRET=" + secret}, "configure", "--segment-host", segment.url)
	equal(t, "the templates at first", doctorsFinding(t, cloud, "templates").State, "ok")

	cloud.put(map[string]string{settings.Template(cloud.tracking): `{"event": }`})
	function := newFleet(cloud)
	mapEventSource(cloud, function)
	shop := newShop(t, cloud)
	for range many {
		shop.begin(func(order int) { shop.posts(function, secret, order) })
	}
	shop.underway.Wait()
	shop.allAccepted()
	eventually(t, "every event was tried", func() bool { return strings.Count(function.log(), `"reason":"template"`) >= many })
	equal(t, "messages to Segment", len(segment.drain()), 0)
	counts(t, function.log(), cloud.prefix, cloud.tracking, metrics.Accepted, metrics.Retrying, metrics.Blocked)

	found := doctorsFinding(t, cloud, "health")
	equal(t, "the health now", found.State, "fault")
	contains(t, "the doctor", found.Says, "The template of order-completed does not compile", "line 1")
	contains(t, "the doctor's advice", found.Do, "hub templates versions order-completed --prefix "+cloud.prefix, "delivered automatically")
	eventually(t, "hub status counts the events", func() bool { return isCountOf(many, waiting(t, cloud)) })
	open := browseConsole(t, cloud)
	contains(t, "the console", open("/doctor"), `<span class="pill is-fault">fault</span>`, "The template of order-completed does not compile")

	page := open("/deadletters")
	contains(t, "the console", page, "There are no dead letters.", "Order Completed")
	counted := regexp.MustCompile(`<td data-label="Events">(\d+)</td>`)
	eventually(t, "the console counts the events", func() bool {
		match := counted.FindStringSubmatch(open("/deadletters"))
		if match == nil {
			return false
		}
		n, err := strconv.Atoi(match[1])
		return err == nil && isCountOf(many, n)
	})

	hub(t, cloud, nil, "templates", "restore", cloud.tracking.Name, "default")
	equal(t, "the templates at once", doctorsFinding(t, cloud, "templates").State, "ok")
	shop.arrives(segment, many)
	cloud.isLeftWith(0)
	eventually(t, "hub status counts no events in the end", func() bool { return waiting(t, cloud) == 0 })
}

// isCountOf reports whether a count of undelivered events is right. A tick that is on the queue is
// counted for a moment, and this test sends one each second.
func isCountOf(events, counted int) bool { return counted >= events && counted <= events+3 }

// waiting returns how many events are queued or retried, as hub status says it.
func waiting(t *testing.T, c *cloud) int {
	t.Helper()
	said, err := hubCommand(t, c, nil, "status", "--json").Output() // it exits with the state
	var status struct{ Waiting int }
	if failed := json.Unmarshal(said, &status); failed != nil {
		t.Fatalf("hub status says %q: %v, %v", said, failed, err)
	}
	return status.Waiting
}

// finding is a finding of hub doctor.
type finding struct{ Check, State, Says, Do string }

// doctorsFinding returns the first finding of a check of hub doctor.
func doctorsFinding(t *testing.T, c *cloud, check string) finding {
	t.Helper()
	command := hubCommand(t, c, nil, "doctor", "--json")
	said, err := command.Output()
	var report struct {
		State    string
		Findings []finding
	}
	if failed := json.Unmarshal(said, &report); failed != nil {
		t.Fatalf("hub doctor says %q: %v, %v", said, failed, err)
	}
	faults := false
	of := finding{}
	for _, f := range report.Findings {
		faults = faults || f.State == "fault"
		if f.Check == check && of == (finding{}) {
			of = f
		}
	}
	equal(t, "whether the store is broken", report.State == "broken", faults)
	equal(t, "the exit code of hub doctor", command.ProcessState.ExitCode(), map[string]int{"working": 0, "degraded": 1, "broken": 2}[report.State])
	return of
}

// browseConsole runs the console of a store, and returns what opens a page of it.
func browseConsole(t *testing.T, c *cloud) (open func(path string) string) {
	t.Helper()
	address, link := console(t, c)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := http.Client{Jar: jar}
	first, err := browser.Get(address + link)
	if err != nil {
		t.Fatal(err)
	}
	first.Body.Close()
	session, _, _ := strings.Cut(link, "/?key=")
	return func(path string) string {
		t.Helper()
		response, err := browser.Get(address + session + path)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		page, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(page)
	}
}

// contains checks that a text has all these parts.
func contains(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s does not say %q:\n%s", what, part, text)
		}
	}
}
