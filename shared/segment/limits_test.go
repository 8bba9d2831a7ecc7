package segment

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// padded returns a message with product lines of 100 bytes each, and a note of a number of
// bytes.
func padded(lines, note int) map[string]any {
	products := make([]any, lines)
	for i := range products {
		// {"sku":"0000…"} is 10 bytes and the number.
		products[i] = map[string]any{"sku": fmt.Sprintf("%090d", i)}
	}
	return map[string]any{
		"type": "track", "event": "E", "userId": "u", "messageId": "m", "timestamp": "2026-01-02T03:04:05Z",
		"properties": map[string]any{"note": strings.Repeat("x", note), "products": products},
	}
}

// base is a padded message without note and lines. It has 151 bytes.
const base = `{"event":"E","messageId":"m","properties":{"note":"","products":[],"products_omitted":},` +
	`"timestamp":"2026-01-02T03:04:05Z","type":"track","userId":"u"}`

func TestTooManyProducts(t *testing.T) {
	if len(base) != 151 {
		t.Fatalf("the base has %d bytes: the numbers below are wrong", len(base))
	}
	tests := []struct {
		name          string
		lines, note   int
		kept, omitted int
		bytes         int
	}{
		// 151 + note + 101k-1 + the count's digits <= 32,000
		{"500 lines keep as many as fit", 500, 0, 315, 185, 31968},
		{"the last line that fits fills the message to the byte", 500, 32, 315, 185, 32000},
		{"one byte more costs a line", 500, 33, 314, 186, 31900},
		{"the count's own digits are part of the size", 325, 33, 315, 10, 32000},
		{"a count of one digit fewer makes room for a line", 324, 34, 315, 9, 32000},
		{"a single line that does not fit leaves none", 1, 31848, 0, 1, 32000},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			written := padded(test.lines, test.note)
			messages, err := NewMessages(anOrder(), []map[string]any{written})
			if err != nil {
				t.Fatal(err)
			}
			var got struct {
				Event      string
				Properties struct {
					Note     string
					Products []struct{ SKU string }
					Omitted  *int `json:"products_omitted"`
				}
			}
			if err := json.Unmarshal(messages[0].JSON, &got); err != nil {
				t.Fatal(err)
			}
			kept, omitted := len(got.Properties.Products), got.Properties.Omitted
			if omitted == nil {
				t.Fatal("the message does not show that lines were left off")
			}
			if kept != test.kept || *omitted != test.omitted || len(messages[0].JSON) != test.bytes {
				t.Errorf("kept %d, omitted %d, %d bytes; want %d, %d, %d",
					kept, *omitted, len(messages[0].JSON), test.kept, test.omitted, test.bytes)
			}
			for i, product := range got.Properties.Products {
				if product.SKU != fmt.Sprintf("%090d", i) {
					t.Fatalf("line %d is %s", i, product.SKU)
				}
			}
			if got.Event != "E" || len(got.Properties.Note) != test.note {
				t.Error("the rest of the message changed")
			}
			if kept := len(written["properties"].(map[string]any)["products"].([]any)); kept != test.lines {
				t.Errorf("NewMessages left %d lines in its argument", kept)
			}
		})
	}
}

// For every size, the products that are kept are as many as fit.
func TestKeptProductsAreTheMostThatFit(t *testing.T) {
	for _, lines := range []int{324, 325, 415} {
		for note := range 102 {
			written := padded(lines, note)
			messages, err := NewMessages(anOrder(), []map[string]any{written})
			if err != nil {
				t.Fatal(err)
			}
			longest := lines
			for size(note, longest, lines) > maxMessageBytes {
				longest--
			}
			if got := len(messages[0].JSON); got != size(note, longest, lines) || got > maxMessageBytes {
				t.Fatalf("%d lines, note %d: %d bytes, want %d", lines, note, got, size(note, longest, lines))
			}
		}
	}
}

// size returns the size of a padded message with a number of lines kept.
func size(note, kept, lines int) int {
	size := len(base) + note + 100*kept + max(0, kept-1)
	if kept == lines {
		return size - len(`,"products_omitted":`)
	}
	return size + len(fmt.Sprint(lines-kept))
}

func TestLimitOfAMessage(t *testing.T) {
	// without products_omitted the base has 131 bytes
	for note, want := range map[int]bool{31869: true, 31870: false} {
		messages, err := NewMessages(anOrder(), []map[string]any{padded(0, note)})
		if want && (err != nil || len(messages[0].JSON) != maxMessageBytes || strings.Contains(string(messages[0].JSON), "products_omitted")) {
			t.Errorf("a message of 32,000 bytes: got error %v, want it unchanged", err)
		}
		if !want && (err == nil || !strings.Contains(err.Error(), "over Segment's limit of 32000 bytes")) {
			t.Errorf("a message of 32,001 bytes: got error %v, want that it is too large", err)
		}
	}
}

// A hundred times as many lines may take a hundred times as long, not ten thousand times.
// The lines that do not fit are not encoded again.
func TestTooManyProductsTakesLinearMemory(t *testing.T) {
	allocations := func(lines int) float64 {
		written := []map[string]any{padded(lines, 0)}
		return testing.AllocsPerRun(2, func() {
			if _, err := NewMessages(anOrder(), written); err != nil {
				t.Fatal(err)
			}
		})
	}
	few, many := allocations(400), allocations(40_000)
	if many > 120*few {
		t.Errorf("400 lines take %.0f allocations, 40,000 take %.0f", few, many)
	}
}

func TestSplit(t *testing.T) {
	of := func(count, bytes int) []Message {
		messages := make([]Message, count)
		for i := range messages {
			messages[i] = sized("m", bytes)
		}
		return messages
	}
	tests := []struct {
		name     string
		messages []Message
		want     []int // messages of each request
	}{
		{"nothing takes no request", nil, nil},
		{"one message takes one", of(1, 100), []int{1}},
		{"2,500 messages take one", of(2500, 0), []int{2500}},
		{"2,501 messages take two", of(2501, 0), []int{2500, 1}},
		// 48 bytes of envelope + 15 x 31,999 + 14 commas = 480,047; the 16th does not fit
		{"messages of the largest size go fifteen to a request", of(40, 31_999), []int{15, 15, 10}},
		// 48 + 9 x 49,994 + 9 commas + 49,997 = 500,000
		{"500,000 bytes are one request", append(of(9, 49_994), of(1, 49_997)...), []int{10}},
		{"500,001 bytes are two", append(of(9, 49_994), of(1, 49_998)...), []int{9, 1}},
		{"a message over a request's limit goes alone, in its place", append(of(1, 100), append(of(1, 600_000), of(2, 100)...)...), []int{1, 1, 2}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []int
			total := 0
			for _, part := range split(test.messages) {
				got = append(got, len(part))
				total += len(part)
			}
			if fmt.Sprint(got) != fmt.Sprint(test.want) || total != len(test.messages) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
