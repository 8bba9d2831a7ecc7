package executions

import (
	"strings"
	"testing"
	"time"
)

// Details can quote what others wrote.
func TestATableHasNoFormulas(t *testing.T) {
	var table strings.Builder
	at := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	list := List{{Received: at, Tracking: "order-completed", Outcome: Failed, Detail: `=HYPERLINK("x")`, Attempts: 2, MessageIDs: []string{"a", "b"}}}
	if err := WriteCSV(&table, list.Seq()); err != nil {
		t.Fatal(err)
	}
	const row = `2026-11-24T10:00:00Z,order-completed,,,,,,failed,,"'=HYPERLINK(""x"")",2,,a b,0`
	if lines := strings.Split(table.String(), "\n"); len(lines) != 3 || lines[1] != row {
		t.Errorf("the table is\n%s, want\n%s", table.String(), row)
	}
}
