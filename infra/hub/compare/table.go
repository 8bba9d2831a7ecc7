package compare

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"

	"commerce-segment/infra/hub/words"
)

// WriteDifferences writes the differences as CSV.
func (c *Comparison) WriteDifferences(w io.Writer) error {
	table := csv.NewWriter(w)
	rows := [][]string{{"difference", "field", "event", "events", "of", "examples"}}
	for _, d := range c.Differences {
		row := []string{string(d.Kind), d.Field, d.Event, strconv.Itoa(d.Events), strconv.Itoa(d.Of), strings.Join(d.Examples, " ")}
		for i := range row {
			row[i] = words.NoFormula(row[i])
		}
		rows = append(rows, row)
	}
	return table.WriteAll(rows)
}
