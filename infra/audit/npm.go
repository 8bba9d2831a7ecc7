package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strings"
)

// npmReport is the output of npm audit.
type npmReport struct {
	AuditReportVersion int // 0 if the registry gave no report
	Vulnerabilities    map[string]struct{ Severity string }
	Message            string // why there is no report
}

// scanNPM asks the registry about the packages in the lock file of a folder.
func scanNPM(ctx context.Context, folder string) (npmReport, error) {
	command := exec.CommandContext(ctx, "npm", "audit", "--package-lock-only", "--json")
	command.Dir = folder
	output, failed := command.Output() // it fails where it finds something, too
	var report npmReport
	if err := json.Unmarshal(output, &report); err != nil {
		return report, fmt.Errorf("npm audit in %s: %w", folder, cmp.Or(failed, err))
	}
	return report, nil
}

// print prints each vulnerable package, and returns how many are of high or critical
// severity. Many registries do not offer npm audit, which is no failure.
func (r npmReport) print(w io.Writer, folder string) (failed int) {
	if r.AuditReportVersion == 0 {
		reason, _, _ := strings.Cut(r.Message, "\n")
		fmt.Fprintf(w, "npm packages of %s: skipped, npm audit got no answer from the registry (%s)\n", folder, reason)
		return 0
	}
	for _, name := range slices.Sorted(maps.Keys(r.Vulnerabilities)) {
		severity := r.Vulnerabilities[name].Severity
		if severity == "high" || severity == "critical" {
			failed++
		}
		fmt.Fprintf(w, "%s in %s/package-lock.json: severity %s: run npm audit in %s\n", name, folder, severity, folder)
	}
	if len(r.Vulnerabilities) == 0 {
		fmt.Fprintf(w, "npm packages of %s: no known vulnerability\n", folder)
	}
	return failed
}
