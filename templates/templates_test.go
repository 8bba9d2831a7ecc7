package templates_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/jsonata/value"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

var update = flag.Bool("update", false, "write the golden files again")

// received is when every sample came in.
var received = time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC)

// maxSource is what a standard parameter of Parameter Store holds, in bytes. A
// default beyond it would cost the merchant an advanced parameter.
const maxSource = 4096

func TestEveryTrackingHasADefaultThatFitsAStandardParameter(t *testing.T) {
	for _, tracked := range tracking.All() {
		source := templates.Default(tracked.Name)
		if _, err := template.Compile(tracked.Name, source); err != nil {
			t.Errorf("%s: %v", tracked.Name, err)
		}
		if strings.Contains(source, "{{") {
			t.Errorf("%s has {{ in it, with which Parameter Store refers to another parameter", tracked.Name)
		}
		if len(source) >= maxSource {
			t.Errorf("%s is %d bytes: keep it under %d", tracked.Name, len(source), maxSource)
		}
		if !strings.HasPrefix(source, "/* "+tracked.Title+": ") {
			t.Errorf("%s: its first line does not say what it is: begin it with %q", tracked.Name, "/* "+tracked.Title+": ")
		}
	}
}

func TestDefaultPanicsForANameThatIsNoTracking(t *testing.T) {
	defer func() {
		if said, _ := recover().(string); !strings.Contains(said, `"order-completd"`) {
			t.Errorf("got panic %q, want it to name the name", said)
		}
	}()
	templates.Default("order-completd")
}

// A fix to one of the order templates that is forgotten in another would make
// the same order look different in Order Completed and Order Refunded.
func TestOrderTemplatesDifferOnlyInTheirOwnFieldsAndComments(t *testing.T) {
	comments := regexp.MustCompile(`(?s)\s*/\*.*?\*/`)
	own := strings.NewReplacer(
		`"value": $decimal`, `"total": $decimal`,
		"      \"checkout_id\": $order.id,\n", "",
		"      \"status\": $text($order.status),\n", "",
		"      \"payment_status\": $text($order.payment),\n", "",
		"      \"shipping_status\": $text($order.shipping),\n", "",
		// What was refunded:
		"  $refunded := $sum($commerce($order.id.(\"/v2/orders/\" & $ & \"/transactions\")).data.refunded_amount[$type($) = \"number\"]);\n", "",
		"  $part     := $not($order.payment = \"refunded\") and $refunded > 0 and $refunded < $minor($price.with_tax);\n", "",
		"  $price    := $part ? {\"with_tax\": {\"amount\": $refunded}} : $price;\n", "",
		"  $items    := $part ? [] : $items;\n", "",
		"      \"payment_status\": $part ? \"partially_refunded\" : $text($order.payment),\n", "",
		"      \"refunded_amount\": $refunded ? $decimal($refunded),\n", "",
	)
	shapeOf := func(tracked tracking.Tracking) string {
		bare := strings.ReplaceAll(comments.ReplaceAllString(templates.Default(tracked.Name), ""), "\n\n", "\n")
		return strings.Replace(own.Replace(bare), `"event": "`+tracked.Title+`"`, `"event": ""`, 1)
	}
	completed := shapeOf(tracking.OrderCompleted)
	// A destination that adds up revenue would count a sale again, for example with its fulfilment.
	withoutRevenue := strings.NewReplacer("  $revenue  := $total - $tax - ($shipping ?: 0);\n", "", "      \"revenue\": $decimal($revenue),\n", "").Replace(completed)
	for _, tracked := range tracking.All() {
		want := completed
		if tracked.Optional {
			want = withoutRevenue
		}
		if tracked.Resource() == "order" && shapeOf(tracked) != want {
			t.Errorf("%s differs from order-completed in more than its name and its own fields", tracked.Name)
		}
	}
}

func TestEverySampleHasATitleAndEveryTrackingASample(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.webhook.json")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, sample := range templates.Samples() {
		seen[sample.Tracking] = true
		file := filepath.Join("testdata", filepath.FromSlash(sample.Name)+".webhook.json")
		files = slices.DeleteFunc(files, func(other string) bool { return other == file })
		if tracked, _ := tracking.ByName(sample.Tracking); strings.HasSuffix(tracked.Title, " "+sample.Title) {
			t.Errorf("the title of %s only repeats a word of the tracking: %q", sample.Name, sample.Title)
		}
		if title := sample.Tracking + ": " + sample.Title; sample.Title == "" || seen[title] {
			t.Errorf("%s has no title, or one that another sample has: %q", sample.Name, sample.Title)
		} else {
			seen[title] = true
		}
		tracked, err := tracking.ByName(sample.Tracking)
		if err != nil {
			t.Errorf("%s: %v", sample.Name, err)
			continue
		}
		if event := readWebhook(t, sample).Event; !slices.Contains(tracked.Observable(), event) {
			t.Errorf("%s is an %s, which %s cannot observe", sample.Name, event, tracked.Name)
		}
		if sample.Name != sample.Tracking+"/"+filepath.Base(sample.Name) || strings.Contains(sample.Name, ".") {
			t.Errorf("%q is not <tracking>/<case>", sample.Name)
		}
	}
	for _, tracked := range tracking.All() {
		if !seen[tracked.Name] {
			t.Errorf("there is no sample of %s", tracked.Name)
		}
	}
	if len(files) > 0 {
		t.Errorf("these files are no samples: %s", strings.Join(files, ", "))
	}
}

func TestASampleAtATimeDiffersOnlyInItsTimes(t *testing.T) {
	happens := time.Date(2027, 2, 3, 4, 5, 6, 789e6, time.UTC)
	for _, sample := range templates.Samples() {
		moved := sample.At(happens)
		event := readWebhook(t, moved)
		if at, err := time.Parse(time.RFC3339, event.UpdatedAt); event.UpdatedAt != "" && (err != nil || !at.Equal(happens)) {
			t.Errorf("%s happens at %s, not at %s (%v)", sample.Name, event.UpdatedAt, happens, err)
		}
		before := readWebhook(t, sample)
		created, _ := time.Parse(time.RFC3339, before.CreatedAt)
		updated, _ := time.Parse(time.RFC3339, before.UpdatedAt)
		if at, _ := time.Parse(time.RFC3339, event.CreatedAt); !created.IsZero() && happens.Sub(at) != updated.Sub(created) {
			t.Errorf("%s: %s lie between its times, not %s", sample.Name, happens.Sub(at), updated.Sub(created))
		}
		if event.Event != before.Event || event.ResourceID != before.ResourceID || len(moved.Body) != len(sample.Body) {
			t.Errorf("%s differs in more than its times:\n%s", sample.Name, moved.Body)
		}
	}
}

// The answers of the API say when the part of an order was refunded.
func TestTheAnswersOfASampleMoveWithIt(t *testing.T) {
	for _, sample := range templates.Samples() {
		moved := sample.At(time.Now())
		if got, want := strings.Count(string(renderAnew(t, moved)), "messageId"), strings.Count(string(render(t, sample)), "messageId"); got != want {
			t.Errorf("%s becomes %d messages, not %d", sample.Name, got, want)
		}
	}
}

// The golden files are what Segment gets. Rewrite them with
// go test ./templates -update, and read the difference.
func TestGolden(t *testing.T) {
	expected := map[string]bool{}
	for _, sample := range templates.Samples() {
		golden := filepath.Join("testdata", filepath.FromSlash(sample.Name)+".segment.json")
		expected[golden] = true
		t.Run(sample.Name, func(t *testing.T) {
			got := indent(t, render(t, sample))
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
	for _, pattern := range []string{".segment.json", ".commerce.json"} {
		files, err := filepath.Glob("testdata/*/*" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if !expected[strings.TrimSuffix(file, pattern)+".segment.json"] {
				t.Errorf("%s has no webhook next to it", file)
			}
		}
	}
}

// The same template is applied to one event after another in a warm function.
func TestATemplateKeepsNothingOfTheLastEvent(t *testing.T) {
	samples := templates.Samples()
	first := make([][]byte, len(samples))
	for i, sample := range samples {
		first[i] = renderAnew(t, sample)
	}
	for i := len(samples) - 1; i >= 0; i-- {
		if again := renderAnew(t, samples[i]); !bytes.Equal(again, first[i]) {
			t.Errorf("%s: got %s, and the first time %s", samples[i].Name, again, first[i])
		}
	}
}

// What the tests share, because every one of them goes through all the samples.
var (
	compiled = map[string]*template.Template{}
	rendered = map[string][]byte{}
)

// render returns the batch that Segment gets of a sample.
func render(t *testing.T, sample templates.Sample) []byte {
	t.Helper()
	if rendered[sample.Name] == nil {
		rendered[sample.Name] = renderAnew(t, sample)
	}
	return rendered[sample.Name]
}

// renderAnew takes a sample through what a function does with it.
func renderAnew(t *testing.T, sample templates.Sample) []byte {
	t.Helper()
	if compiled[sample.Tracking] == nil {
		var err error
		if compiled[sample.Tracking], err = template.Compile(sample.Tracking, templates.Default(sample.Tracking)); err != nil {
			t.Fatal(err)
		}
	}
	tracked, err := tracking.ByName(sample.Tracking)
	if err != nil {
		t.Fatal(err)
	}
	webhook := readWebhook(t, sample)
	fact := relay.FactOf(tracked, webhook, "test-write-key", received)
	if happened, err := relay.Complete(t.Context(), &fact, webhook, sample.Commerce); err != nil || !happened {
		t.Fatalf("%s is about nothing: %v", sample.Name, err)
	}
	written, err := compiled[sample.Tracking].WithCommerce(sample.Commerce).Apply(t.Context(), inputOf(t, webhook.Document()))
	if err != nil {
		t.Fatal(err)
	}
	messages, err := segment.NewMessages(fact, written)
	if err != nil {
		t.Fatal(err)
	}
	batch := make([]json.RawMessage, len(messages))
	for i, message := range messages {
		batch[i] = message.JSON
	}
	var encoded bytes.Buffer
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(map[string]any{"batch": batch}); err != nil {
		t.Fatal(err)
	}
	return encoded.Bytes()
}

func readWebhook(t *testing.T, sample templates.Sample) commerce.Webhook {
	t.Helper()
	webhook, err := commerce.Parse(sample.Body)
	if err != nil {
		t.Fatalf("%s: %v", sample.Name, err)
	}
	return webhook
}

func indent(t *testing.T, compact []byte) []byte {
	t.Helper()
	var indented bytes.Buffer
	if err := json.Indent(&indented, compact, "", "  "); err != nil {
		t.Fatal(err)
	}
	return indented.Bytes()
}

// inputOf is what a template sees of a document.
func inputOf(t *testing.T, document map[string]any) any {
	t.Helper()
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	input, err := value.FromJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	return input
}
