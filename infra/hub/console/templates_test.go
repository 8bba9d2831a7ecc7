package console

import (
	"html"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/deadletters"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/executions/disk"
	"commerce-segment/infra/hub/health"
	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/infra/hub/redact"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// machineWith is a hub with recent webhooks, dead letters and log lines.
type machineWith struct {
	Machine
	recent []Recent
	queues deadletters.Queues
	lines  *disk.Store

	changes func() uint64 // of the dead letters
}

func (m machineWith) Recent() []Recent                { return m.recent }
func (m machineWith) URL() string                     { return "http://127.0.0.1:1" }
func (m machineWith) DeadLetters() deadletters.Queues { return m.queues }
func (m machineWith) DeadLetterChanges() uint64       { return m.changes() }
func (m machineWith) Queue(t tracking.Tracking) deadletters.Local {
	i := slices.IndexFunc(m.queues, func(q deadletters.TrackingQueue) bool { return q.Tracking.Name == t.Name })
	return m.queues[i].Queue.(deadletters.Local)
}
func (m machineWith) Resources() health.Machine { return health.Machine{} }

func (m machineWith) Queues() (waiting, deadLetters int, oldest time.Time) { return 0, 0, time.Time{} }

func (m machineWith) Executions() executions.Log {
	if m.lines == nil {
		return nil
	}
	return m.lines
}

// author is a user who edits templates in the console.
type author struct {
	*testing.T
	console *Console
}

func write(t *testing.T) author { return author{t, open(t)} }

// page is a response.
type page struct {
	status         int
	html, location string
}

// text returns the page with its HTML entities decoded.
func (p page) text() string { return html.UnescapeString(p.html) }

func (b author) ask(method, path string, form url.Values) page {
	b.Helper()
	request := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	local(request)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer := httptest.NewRecorder()
	b.console.Handler().ServeHTTP(answer, request)
	return page{answer.Code, answer.Body.String(), answer.Header().Get("Location")}
}

// post sends the form of the template order-completed, as if the page was just opened.
func (b author) post(action, source string, more ...string) page {
	b.Helper()
	form := url.Values{"do": {action}, "source": {source}, "replaces": {b.stored().Fingerprint()}}
	for i := 0; i < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return b.ask("POST", "/templates/order-completed", form)
}

func (b author) stored() store.Template {
	b.Helper()
	stored, err := b.console.Store.Template(b.Context(), tracking.OrderCompleted)
	if err != nil {
		b.Fatal(err)
	}
	return stored
}

func (b author) put(source string) {
	b.Helper()
	if err := b.console.Store.Put(b.Context(), settings.Template(tracking.OrderCompleted), source); err != nil {
		b.Fatal(err)
	}
}

// want fails unless the page has that status and contains those texts.
func (b author) want(p page, status int, texts ...string) {
	b.Helper()
	if p.status != status {
		b.Errorf("answered %d, want %d:\n%s", p.status, status, p.text())
	}
	for _, text := range texts {
		if !strings.Contains(p.text(), text) {
			b.Errorf("the page lacks %q:\n%s", text, p.text())
		}
	}
}

const sold = "{\n  \"event\": \"Sold\",\n  \"userId\": payload.data.id\n}"

func TestTheTemplatesAreListed(t *testing.T) {
	b := write(t)
	b.put(`{"event": "Order Completed", "properties": {"total": "12"}}`)
	b.want(b.ask("GET", "/templates", nil), 200, "Orders", "Customers", "Order Refunded", "default", "edited", "findings", "Not edited", "Changed ")
	b.put("{\n  \"event\": }")
	b.want(b.ask("GET", "/templates", nil), 200, "fails", "line 2: ")
}

func TestAnUnknownTemplateOrVersionIsNotFound(t *testing.T) {
	b := write(t)
	for _, path := range []string{"/templates/order-paid", "/templates/order-completed/versions/7", "/templates/order-completed/versions/x"} {
		b.want(b.ask("GET", path, nil), 404, "there is no")
	}
}

func TestATemplateIsSaved(t *testing.T) {
	b := write(t)
	review := b.post("review", strings.ReplaceAll(sold, "\n", "\r\n")) // as browsers send it
	b.want(review, 200, " samples change: ", `"event": "Sold"`, `"event": "Order Completed"`)
	if b.stored().Own {
		t.Fatal("the review saved it")
	}
	if saved := b.post("save", strings.ReplaceAll(sold, "\n", "\r\n")); saved.status != 303 || saved.location != "/templates/order-completed" {
		t.Fatalf("answered %d to %q", saved.status, saved.location)
	}
	if got := b.stored().Source; got != sold {
		t.Errorf("the template is %q", got)
	}
}

func TestTheReviewShowsFindingsAndAllowsSaving(t *testing.T) {
	b := write(t)
	b.want(b.post("review", templates.Default("order-completed")+" "), 200, "None for the samples and for variants of them")
	guests := strings.Replace(templates.Default("order-completed"), `"userId": `, `"userId": $string(payload.data.customer.id), "was": `, 1)
	b.want(b.post("review", guests), 200, "variant", "payload.data.customer.id", "when it is null", "userId is the text")
	renamed := strings.Replace(templates.Default("order-completed"), `"Order Completed"`, `"Sold"`, 1)
	b.want(b.post("review", renamed), 200, "promise", "may be intended")
	if saved := b.post("save", guests); saved.status != 303 || !b.stored().Own {
		t.Errorf("answered %d", saved.status)
	}
}

func TestATemplateThatCannotBeSavedStaysInTheEditor(t *testing.T) {
	for _, c := range []struct {
		name, source string
		says         []string
	}{
		{"one that does not compile", "{\n  \"event\": \"</textarea><b>\",\n  \"x\": }", []string{"Nothing was saved: line 3: ", `data-line="3"`, `data-go-to="3"`, `<code>"x": }</code>`}},
		{"one that is too large", "/*" + strings.Repeat("x", 8<<10) + "*/ 1", []string{"stores at most 8192"}},
		{"one that is blank", " \n", []string{"is blank"}},
	} {
		for _, action := range []string{"review", "save"} {
			t.Run(c.name+", to "+action, func(t *testing.T) {
				b := write(t)
				answer := b.post(action, c.source)
				b.want(answer, 422, append(c.says, ">\n"+c.source+"</textarea>")...)
				if strings.Contains(answer.html, "</textarea><b>") {
					t.Error("the page does not escape the template")
				}
				if b.stored().Own {
					t.Error("the template was saved")
				}
			})
		}
	}
}

// Two users may edit the same template. The second must see the change of the first before
// replacing it.
func TestSavingDoesNotReplaceAnotherUsersChangeUnseen(t *testing.T) {
	b := write(t)
	opened := b.stored().Fingerprint()
	theirs := strings.Replace(sold, "Sold", "Theirs", 1)
	b.put(theirs)
	for _, action := range []string{"review", "save"} {
		conflict := b.post(action, sold, "replaces", opened)
		b.want(conflict, 409, "another user changed this template", `"event": "Theirs"`, ">\n"+sold+"</textarea>", b.stored().Fingerprint())
	}
	if got := b.stored().Source; got != theirs {
		t.Fatalf("the template is %q", got)
	}
	b.post("save", sold) // with the fingerprint of the other user's template, as the page then has
	if got := b.stored().Source; got != sold {
		t.Errorf("the template is %q", got)
	}
}

func TestATemplateThatIsTheSameIsNotSaved(t *testing.T) {
	b := write(t)
	if answer := b.post("save", b.stored().Source+"\n"); answer.status != 303 || b.stored().Own {
		t.Errorf("answered %d, saved %v", answer.status, b.stored().Own)
	}
}

func TestVersionsAreShownAndRestored(t *testing.T) {
	b := write(t)
	b.put(sold)
	b.put(strings.Replace(sold, "Sold", "Bought", 1))
	b.want(b.ask("GET", "/templates/order-completed", nil), 200, "Restore version 1", "live", "Restore the default")
	b.want(b.ask("GET", "/templates/order-completed/versions/1", nil), 200, "version 1", `"event": "Bought"`, `"event": "Sold"`)
	b.want(b.ask("GET", "/templates/order-completed/versions/default", nil), 200, "the default", `"event": "Order Completed"`)
	restore := func(version, replaces string) page {
		return b.ask("POST", "/templates/order-completed/restore", url.Values{"version": {version}, "replaces": {replaces}})
	}
	b.want(restore("1", "another"), 409, "The differences are shown below", "The saved version and yours")
	b.want(restore("9", b.stored().Fingerprint()), 404, "version 9")
	save := func(source string, confirmed ...string) page {
		return b.ask("POST", "/templates/order-completed", url.Values{"source": {source}, "replaces": {b.stored().Fingerprint()}, "do": {"save"}, "confirm": confirmed})
	}
	b.want(restore("1", b.stored().Fingerprint()), 200, "The messages of", "change: event.", `<button name="do" value="save">Save</button>`)
	if b.stored().Source == sold {
		t.Error("it is restored before it was reviewed")
	}
	b.want(save(sold), 303)
	if got := b.stored().Source; got != sold {
		t.Errorf("the template is %q", got)
	}
	b.want(restore("default", b.stored().Fingerprint()), 200, "The messages of")
	b.want(save(templates.Default("order-completed")), 303)
	if !b.stored().IsDefault() {
		t.Errorf("the template is %q", b.stored().Source)
	}
}

// Another release may have accepted a template that this one rejects.
func TestAVersionThatDoesNotCompileIsNotRestored(t *testing.T) {
	b := write(t)
	b.put("{")
	b.put(sold)
	answer := b.ask("POST", "/templates/order-completed/restore", url.Values{"version": {"1"}, "replaces": {b.stored().Fingerprint()}})
	b.want(answer, 422, "Nothing was saved", ">\n{</textarea>")
	if got := b.stored().Source; got != sold {
		t.Errorf("the template is %q", got)
	}
}

// preview requests a preview of a template.
func (b author) preview(source string, more ...string) page {
	b.Helper()
	form := url.Values{"source": {source}, "event": {"sample:order-completed/registered-customer"}}
	for i := 0; i < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return b.ask("POST", "/templates/order-completed/preview", form)
}

// A sample includes the answers of Commerce.
func TestThePreviewOfASampleUsesItsAnswers(t *testing.T) {
	b := write(t)
	form := url.Values{"source": {templates.Default("order-refunded")}, "event": {"sample:order-refunded/partial"}}
	b.want(b.ask("POST", "/templates/order-refunded/preview", form), 200, "64.26", "None for this event and the samples")
}

func TestThePreviewShowsTheResultForAnEvent(t *testing.T) {
	b := write(t)
	b.want(b.ask("GET", "/templates/order-completed", nil), 200, "one message", "order_id")
	for _, c := range []struct {
		name   string
		source string
		more   []string
		says   []string
	}{
		{"a message", templates.Default("order-completed"), nil, []string{"order.paid: one message.", "409.44", "mara.lind@example.com", "None for this event and the samples"}},
		{"a message with markup", `{"event": "<b>&", "properties": {}}`, nil, []string{`"<b>&"`}},
		{"two messages", `[{"event": "A"}, {"type": "identify", "traits": {}}]`, nil, []string{"2 messages"}},
		{"a filtered event", `triggered_by = "order.none" ? {}`, nil, []string{"the template filters this event"}},
		{"a template that does not compile", "\n\n(", nil, []string{"Line 3", `data-line="3"`}},
		{"a template that fails", "(\n  $error(\"no \" & payload.data.customer.name))", nil, []string{"Line 2", "Message: no Mara Lind"}},
		{"a message that Segment would drop", `{"event": ""}`, nil, []string{"message 1: event "}},
		{"a finding of the linter", `{"event": "Order Completed", "properties": {"total": "409.44"}}`, nil, []string{"properties.total", "is a text", "write a number", "In this event, and in "}},
		{"an event that is no longer there", sold, []string{"event", "recent:1"}, []string{"no longer among the latest ones"}},
		{"nothing is pasted", sold, []string{"event", "pasted"}, []string{"paste the body"}},
		{"a pasted text that is not a webhook", sold, []string{"event", "pasted", "pasted", "{"}, []string{"not JSON"}},
		{"a real event, and a template that uses $commerce", `{"event": $commerce("/v2/orders").data.x ?: "A"}`,
			[]string{"event", "pasted", "pasted", `{"triggered_by":"order.paid","payload":{"data":{"type":"order","id":"o"}}}`}, []string{"Previews send no requests to Commerce", "one message"}},
		{"another tracking's webhook", `{"event": "A"}`, []string{"event", "pasted", "pasted", `{"triggered_by":"order.refunded","payload":{"data":{"type":"order","id":"o"}}}`}, []string{"it would be skipped", "one message"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := author{t, b.console}
			part := b.preview(c.source, c.more...)
			// The colours stand between the parts of the JSON text.
			part.html = strings.NewReplacer(`<span class="is-string">`, "", `<span class="is-name">`, "", `<span class="is-number">`, "", "</span>", "").Replace(part.html)
			b.want(part, 200, c.says...)
			if strings.Contains(part.html, "<b>&") || strings.Contains(part.html, "<!doctype") {
				t.Errorf("the part is not escaped, or is a whole page:\n%s", part.html)
			}
		})
	}
}

// A user may share the screen without showing the shop's customers.
func TestPersonalValuesOfRealEventsAreHiddenUntilAskedFor(t *testing.T) {
	b := write(t)
	at := time.Now()
	b.console.Machine = machineWith{recent: []Recent{{At: at, Tracking: tracking.OrderCompleted, Event: "order.paid", Resource: "o-1", Body: []byte(hubtest.PersonalOrder)}}}
	recent := eventOf(b.console.realEvents(t.Context(), tracking.OrderCompleted))
	failing := `$error("no " & payload.data.customer.name)`
	for _, c := range []struct {
		name, source string
		more         []string
		shown        bool
	}{
		{"in a webhook that was received", templates.Default("order-completed"), []string{"event", recent}, false},
		{"in a webhook that was pasted", templates.Default("order-completed"), []string{"event", "pasted", "pasted", hubtest.PersonalOrder}, false},
		{"in the error of a template", failing, []string{"event", recent}, false},
		{"asked for", templates.Default("order-completed"), []string{"event", recent, "personal", "yes"}, true},
		{"asked for, in the error of a template", failing, []string{"event", recent, "personal", "yes"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			part := author{t, b.console}.preview(c.source, c.more...)
			for _, personal := range []string{"Mara", "Quarry", "503"} {
				if shown := strings.Contains(part.text(), personal); shown && !c.shown {
					t.Errorf("the page shows %s:\n%s", personal, part.text())
				}
			}
			if c.shown && !strings.Contains(part.text(), "Mara Lind") {
				t.Errorf("the page does not show the name:\n%s", part.text())
			}
			if strings.Contains(part.text(), redact.Hidden) == c.shown {
				t.Errorf("hidden: %v\n%s", !c.shown, part.text())
			}
		})
	}
}

func eventOf(events []event) string { return events[0].Value }

func TestTheReviewShowsTheLastEventsThatDiffer(t *testing.T) {
	b := write(t)
	b.put(sold)
	other := strings.ReplaceAll(hubtest.PersonalOrder, `"o-1"`, `"o-2"`)
	b.console.Machine = machineWith{recent: []Recent{
		{At: time.Now(), Tracking: tracking.OrderCompleted, Event: "order.paid", Resource: "o-1", Body: []byte(hubtest.PersonalOrder)},
		{At: time.Now().Add(-time.Minute), Tracking: tracking.OrderCompleted, Event: "order.paid", Resource: "o-2", Body: []byte(other)},
		{At: time.Now(), Tracking: tracking.OrderUpdated, Event: "order.updated", Resource: "o-3", Body: []byte(hubtest.PersonalOrder)},
	}}
	named := strings.Replace(sold, `"Sold"`, `payload.data.id = "o-1" ? "Sold to " & payload.data.customer.name : "Sold"`, 1)
	review := b.post("review", named)
	b.want(review, 200, "The messages of 1 of the last 2 events change: event.", "order.paid o-1", `"event": "•••"`)
	if strings.Contains(review.text(), "order.paid o-2") || strings.Contains(review.text(), "Mara") {
		t.Errorf("the page shows an event that does not differ, or a name:\n%s", review.text())
	}
	b.want(b.post("review", named, "personal", "yes"), 200, `"event": "Sold to Mara Lind"`)
	b.want(b.post("review", sold+"/* as before */"), 200, "No message of the last 2 events changes.")
	asks := strings.Replace(sold, `"Sold"`, `"Sold" & $commerce("/v2/orders/x").data.suffix`, 1)
	b.want(b.post("review", asks), 200, "No message of the last 2 events changes. Commerce was not asked for this: what $commerce adds is not in it.")
	bad := b.post("review", `$error("x" & "y")`)
	b.want(bad, 200, "2 of the last 2 events would fail: ", "Message: •••", "Save it although events would not be sent")
	b.want(b.post("review", `$error("x" & "y")`, "personal", "yes"), 200, "Message: xy")
	b.want(b.post("save", `$error("x" & "y")`, "bad", "yes"), 200, "Nothing was saved. With this template events would not be sent")
	if got := b.post("save", `$error("x" & "y")`, "bad", "yes", "confirm", "yes"); got.status != 303 {
		t.Errorf("after the confirmation the answer is %d", got.status)
	}
	b.put(sold)
	if text := b.post("review", `$error("x")`).text(); !strings.Contains(text, "would fail") || strings.Contains(text, "Message: x") {
		t.Errorf("the page does not show a fixed text of $error once:\n%s", text)
	}
}

// A template that was not saved on a page may not compile.
func TestTheReviewShowsThatTheLiveTemplateFails(t *testing.T) {
	b := write(t)
	b.put("{")
	b.want(b.post("review", sold), 200, "Fails: line 1: ", `"event": "Sold"`)
}

// A form above the size limit arrives without its fields. They must not be read as empty.
func TestAFormThatIsTooLargeIsRejected(t *testing.T) {
	b := write(t)
	b.want(b.post("save", sold, "pasted", strings.Repeat("x", maxForm)), 413)
	if b.stored().Own {
		t.Error("the template was saved")
	}
}
