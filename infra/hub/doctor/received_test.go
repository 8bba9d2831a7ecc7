package doctor

import (
	"testing"

	"commerce-segment/infra/hub/received"
)

func TestReceived(t *testing.T) {
	lost := received.Finding{Key: "fewer/Order Completed", Severity: received.Warning, Says: "3 are missing", Do: "send them"}
	for _, c := range []struct {
		name   string
		report received.Report
		states string
		says   []string
	}{
		{"everything arrived", received.Report{Sent: 3, Received: 3}, "ok", []string{"received 3 of 3"}},
		{"no token", received.Report{Unknown: "there is no token: hub configure"}, "note", []string{"there is no token"}},
		{"some are missing", received.Report{Sent: 9, Received: 6, Findings: []received.Finding{lost}}, "ok warning", []string{"3 are missing", "send them"}},
		{"nothing arrived", received.Report{Sent: 3, Findings: []received.Finding{{Key: "nothing", Severity: received.Fault, Says: "received none of them", Do: "check it"}}}, "ok fault", []string{"received none of them"}},
		{"the check segment says it", received.Report{Unknown: "no source: it is", Findings: []received.Finding{{Key: "key"}, {Key: "disabled"}}}, "note", nil},
	} {
		t.Run(c.name, func(t *testing.T) { finds(t, receivedFindings(c.report), c.states, c.says...) })
	}
}
