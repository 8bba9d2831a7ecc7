package docs

import (
	"os"
	"strings"
	"testing"

	"commerce-segment/infra/stack/runbook"
)

func TestTheTableOfTheAlarmsIsTheRunbook(t *testing.T) {
	document, err := os.ReadFile("operate.md")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.ReplaceAll(runbook.Table("/commerce-segment"), "`hub ", "`bin/hub ")
	if !strings.Contains(string(document), "\n\n"+want+"\n") {
		t.Errorf("operate.md does not have this table:\n%s", want)
	}
}
