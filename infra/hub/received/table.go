package received

import (
	"encoding/csv"
	"io"
	"strconv"
	"time"

	"commerce-segment/infra/hub/words"
)

// WriteCSV writes what was sent and received by event and hour as a table for a spreadsheet. Times
// are in UTC.
func (r Report) WriteCSV(w io.Writer) error {
	table := csv.NewWriter(w)
	_ = table.Write([]string{"hour", "type", "event", "sent", "repeated", "received", "without_consent"}) // Error returns its error
	for _, row := range r.Rows {
		_ = table.Write([]string{row.Hour.UTC().Format(time.RFC3339), row.Type, words.NoFormula(row.Name),
			strconv.Itoa(row.Messages), strconv.Itoa(row.Repeated), strconv.Itoa(row.Received), strconv.Itoa(row.WithoutConsent)})
	}
	table.Flush()
	return table.Error()
}
