package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"time"

	"commerce-segment/infra/hub/render"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// catalogueFile is the file of the catalogue.
const catalogueFile = "shared/tracking/tracking.go"

// file is a file of the repository, with its path below the root.
type file struct {
	path    string
	content []byte
}

// files returns the files that the tracking needs: its own, and the catalogue with its row.
func (t newTracking) files(catalogue []byte) ([]file, error) {
	catalogue, err := t.addRow(catalogue)
	if err != nil {
		return nil, err
	}
	source := t.template()
	body, err := t.sample()
	if err != nil {
		return nil, err
	}
	golden, err := golden(t.Tracking, source, body)
	if err != nil {
		return nil, fmt.Errorf("the template does not work: %w", err)
	}
	// The sample of a deletion does not have the buyer.
	if t.user != "" && t.user != buyer && !bytes.Contains(golden, []byte(`"userId": `)) {
		return nil, fmt.Errorf("USER=%s has no value in the sample webhook: write a JSONata expression for the user's id, such as payload.data.attributes.account_id. If the sample only lacks the field, leave USER out, and edit the template afterwards", t.user)
	}
	return []file{
		{"functions/" + t.Name + "/main.go", []byte(strings.NewReplacer("NAME", t.Name, "IDENTIFIER", t.identifier(), "EVENTS", strings.Join(t.Observes, ", ")).Replace(program))},
		{"templates/" + t.Name + ".jsonata", []byte(source)},
		{"templates/testdata/" + t.Name + "/example.webhook.json", body},
		{"templates/testdata/" + t.Name + "/example.segment.json", golden},
		{catalogueFile, catalogue},
	}, nil
}

// identifier returns the name of the variable of the row: SubscriptionPaused.
func (t newTracking) identifier() string { return strings.ReplaceAll(titleOf(t.Name), " ", "") }

// program is the source of a function.
const program = `// Command NAME sends the events EVENTS of Commerce to Segment.
package main

import (
	"commerce-segment/shared/serve"
	"commerce-segment/shared/tracking"
)

func main() { serve.Lambda(tracking.IDENTIFIER) }
`

// addRow returns the source of the catalogue with one more row, after the last one.
func (t newTracking) addRow(catalogue []byte) ([]byte, error) {
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, catalogueFile, catalogue, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	end := 0
	for _, declared := range parsed.Decls {
		if group, ok := declared.(*ast.GenDecl); ok && group.Tok == token.VAR && group.Rparen.IsValid() {
			end = set.Position(group.Rparen).Offset
		}
	}
	if end == 0 {
		return nil, fmt.Errorf("%s has no group of variables, to which the row could be added", catalogueFile)
	}
	quoted := make([]string, len(t.Observes))
	for i, event := range t.Observes {
		quoted[i] = strconv.Quote(event)
	}
	call, once := "Track", ""
	if t.Call == tracking.Identify {
		call = "Identify"
	}
	if t.Once {
		once = "Once: true, "
	}
	row := fmt.Sprintf("\t%s = add(Tracking{\n\t\tName: %q, Title: %q, Call: %s,\n\t\tObserves: []string{%s},\n\t\t%sOptional: true,\n\t})\n",
		t.identifier(), t.Name, t.Title, call, strings.Join(quoted, ", "), once)
	return format.Source(bytes.Join([][]byte{catalogue[:end], []byte(row), catalogue[end:]}, nil))
}

// template returns the source of the template. For orders and customers it is the one of another
// tracking, and for other resources one that reads what all of them have.
func (t newTracking) template() string {
	if t.user == "" {
		like := tracking.OrderFulfilled // without revenue: the sale would count twice
		if t.Resource() == "customer" {
			like = tracking.CustomerCreated
		}
		_, rest, _ := strings.Cut(templates.Default(like.Name), "\n")
		rest = strings.Replace(rest, strconv.Quote(like.Title), strconv.Quote(t.Title), 1)
		if t.Resource() == "customer" { // the comment goes on after its first line
			_, rest, _ = strings.Cut(rest, "*/\n")
			return "/* " + t.Title + ": " + strings.Join(t.Observes, ", ") + ". */\n" + rest
		}
		return "/* " + t.Title + ": " + strings.Join(t.Observes, ", ") + ".\n" + rest
	}
	content := track
	if t.Call == tracking.Identify {
		content = identify
	}
	return strings.NewReplacer(
		"TITLE", t.Title, "EVENTS", strings.Join(t.Observes, ", "), "USER", t.user, "RESOURCE", strings.NewReplacer("-", "_", ".", "_").Replace(t.Resource()),
	).Replace(head + content)
}

// head begins a template. A resource has its fields either in itself or in its attributes.
const head = `/* TITLE: EVENTS.
   Commerce does not document the payload: compare it with a webhook that Commerce sent. */
(
  $data   := payload.data ?: payload;
  $fields := $merge([$data, $data.attributes][$type($) = "object"]);
  $text   := function($v) { $type($v) in ["string", "number"] and $v ? $string($v) };
  $user   := $text(USER);
  $agreed := $consent($fields.segment_consent);

  {
`

const track = `    "event": "TITLE",
    "userId": $user,
    "anonymousId": $exists($user) = false ? $text($data.id),
    "properties": {
      "RESOURCE_id": $text($data.id),
      "external_ref": $text($fields.external_ref),
      "status": $text($data.meta.status)
    },
    "context": $agreed ? {"consent": $agreed}
  }
)
`

const identify = `    "userId": $user,
    "anonymousId": $exists($user) = false ? $text($data.id),
    "traits": {
      "name": $text($fields.name),
      "email": $text($fields.email),
      "createdAt": $text($data.meta.timestamps.created_at)
    },
    "context": $agreed ? {"consent": $agreed}
  }
)
`

// The ids and the times of the sample.
const (
	sampleID       = "0f8fad5b-d9cb-469f-a165-70867728950e"
	sampleOwner    = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
	sampleDelivery = "16fd2706-8baf-433b-82eb-8c7fada847da"
	sampleTime     = "2026-11-20T10:15:00.000Z"
)

// sample returns an example of the tracking's webhook. For an order or a customer it has the payload
// of the first bundled one of the event, in which the event has happened, or else of another event.
func (t newTracking) sample() ([]byte, error) {
	payload := map[string]any{"data": map[string]any{
		"type": t.Resource(), "id": sampleID,
		"attributes":    map[string]any{"external_ref": "example", "name": "An example", "account_id": sampleOwner},
		"relationships": map[string]any{"customer": map[string]any{"data": map[string]any{"type": "customer", "id": sampleOwner}}},
		"meta":          map[string]any{"timestamps": map[string]any{"created_at": sampleTime, "updated_at": sampleTime}},
	}}
	if tracking.AtDeletion(t.Observes[0]) {
		payload = map[string]any{"type": t.Resource(), "id": sampleID}
	} else if bundled := map[string]string{"order": "order-completed/guest", "customer": "customer-created/new-customer"}[t.Resource()]; bundled != "" {
		for _, sample := range templates.Samples() {
			var webhook struct {
				Event   string `json:"triggered_by"`
				Payload map[string]any
			}
			if err := json.Unmarshal(sample.Body, &webhook); err != nil {
				return nil, err
			}
			if webhook.Event == t.Observes[0] {
				payload = webhook.Payload
				break
			}
			if sample.Name == bundled {
				payload = webhook.Payload
			}
		}
	}
	body, err := json.MarshalIndent(map[string]any{
		"id": sampleDelivery, "triggered_by": t.Observes[0], "attempt": 1,
		"integration": map[string]any{"id": sampleOwner, "integration_type": "webhook", "name": "Segment: " + t.Name, "description": ""},
		"payload":     payload,
		// A test shows that it is not sent.
		"configuration": map[string]any{"secret_key": "not-a-real-secret", "url": "https://hooks.example.com/webhooks/" + t.Name},
	}, "", "  ")
	return append(body, '\n'), err
}

// What the golden files are rendered with: see the test of the templates.
var goldenReceived = time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC)

const goldenWriteKey = "test-write-key"

// golden returns the messages that a sample becomes, as a golden file has them.
func golden(t tracking.Tracking, source string, body []byte) ([]byte, error) {
	compiled, err := template.Compile(t.Name, source)
	if err != nil {
		return nil, err
	}
	webhook, err := commerce.Parse(body)
	if err != nil {
		return nil, err
	}
	messages, err := render.Render(context.Background(), t, compiled, nil, goldenWriteKey, webhook, goldenReceived)
	if err != nil {
		return nil, err
	}
	batch := make([]json.RawMessage, len(messages))
	for i, message := range messages {
		batch[i] = message.JSON
	}
	return render.Batch(batch)
}
