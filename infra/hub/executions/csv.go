package executions

import (
	"encoding/csv"
	"errors"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"

	"commerce-segment/infra/hub/words"
)

var csvHeader = []string{"received", "tracking", "event", "order_or_customer", "number", "total", "webhook_id", "outcome", "reason", "detail", "attempts", "delay_ms", "message_ids", "left_out"}

// WriteCSV writes executions as a table for a spreadsheet. Times are in UTC.
func WriteCSV(w io.Writer, all iter.Seq2[Execution, error]) error {
	table := csv.NewWriter(w)
	_ = table.Write(csvHeader) // Error returns its error
	for e, err := range all {
		if err != nil {
			table.Flush()
			return errors.Join(err, table.Error())
		}
		delay := ""
		if e.Delay != nil {
			delay = strconv.FormatInt(int64(*e.Delay), 10)
		}
		row := []string{e.Received.UTC().Format(time.RFC3339Nano), e.Tracking, e.Event, e.Resource, e.Number, e.Total, e.WebhookID, string(e.Outcome),
			e.Reason, e.Detail, strconv.Itoa(e.Attempts), delay, strings.Join(e.MessageIDs, " "), strconv.Itoa(e.LeftOut)}
		for i := range row {
			row[i] = words.NoFormula(row[i])
		}
		if err := table.Write(row); err != nil {
			return err
		}
	}
	table.Flush()
	return table.Error()
}
