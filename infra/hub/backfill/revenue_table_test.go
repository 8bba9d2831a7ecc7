package backfill

import (
	"strings"
	"testing"
	"time"
)

// Segment's figures have no currency: in each row of a day they would be counted again.
func TestOnlyTheFirstRowOfADayHasWhatSegmentReceived(t *testing.T) {
	first := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	second := first.AddDate(0, 0, 1)
	r := Revenue{Days: []RevenueDay{{Day: first, Currency: "EUR"}, {Day: first, Currency: "USD"}, {Day: second, Currency: "EUR"}, {Day: second, Currency: "USD"}}}
	r.AddMessages(func(day time.Time) (sent, received int, known bool) { return 150, 149, day.Equal(first) })
	var texts []string
	for _, d := range r.Days {
		texts = append(texts, d.ReceivedText())
	}
	if got := strings.Join(texts, ", "); got != "149 of 150, , not known, " {
		t.Errorf("the rows have %q", got)
	}
	var table strings.Builder
	if err := r.WriteDays(&table); err != nil {
		t.Fatal(err)
	}
	var ends []string
	for line := range strings.Lines(table.String()) {
		cells := strings.Split(strings.TrimSpace(line), ",")
		ends = append(ends, strings.Join(cells[len(cells)-2:], " "))
	}
	if got := strings.Join(ends, ", "); got != "messages_sent messages_received, 150 149,  ,  ,  " {
		t.Errorf("the table has %q", got)
	}
}
