package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// scanOf returns the output of govulncheck for a vulnerability in a module at v1.26.8.
func scanOf(module, fixed, function string) string {
	return `{"config": {"go_version": "go1.26.8"}} {"osv": {"id": "GO-1", "summary": "Reads too much"}} {"progress": {}}
		{"finding": {"osv": "GO-1", "fixed_version": "` + fixed + `", "trace": [{"module": "` + module + `", "version": "v1.26.8"}]}}
		{"finding": {"osv": "GO-1", "fixed_version": "` + fixed + `", "trace": [{"module": "` + module + `", "version": "v1.26.8", "function": "` + function + `"}]}}`
}

func TestGoVulnerabilities(t *testing.T) {
	for _, c := range []struct {
		name, output string
		failed       int
		want         string
	}{
		{"a dependency has one that is reached", scanOf("example.com/m", "v1.26.9", "F"), 1,
			"GO-1 in example.com/m v1.26.8: Reads too much: go get example.com/m@v1.26.9 ("},
		{"a dependency has one that nothing fixes", scanOf("example.com/m", "", "F"), 1, "no version fixes it yet"},
		{"a dependency has one that is not reached", scanOf("example.com/m", "v1.26.9", ""), 0, "no other known"},
		{"an old Go has one that the toolchain has not", scanOf("stdlib", "v1.26.10", "F"), 0,
			"warning: go1.26.8 has 1 known vulnerabilities that are reached here, and go1.26.10 has none of them: install it, or unset GOTOOLCHAIN, with go env -u GOTOOLCHAIN if it is not in the environment\n"},
		{"an old Go has one that is not reached", scanOf("stdlib", "v1.26.10", ""), 0, "no other known"},
		{"the toolchain has one as well", scanOf("stdlib", "v1.26.11", "F"), 1, "raise the toolchain in go.mod to go1.26.11"},
		{"every Go has it", scanOf("stdlib", "", "F"), 1, "no version fixes it yet"},
		{"nothing is found", `{"config": {"go_version": "go1.26.10"}}`, 0, "no other known"},
	} {
		t.Run(c.name, func(t *testing.T) {
			report, err := readScan(strings.NewReader(c.output))
			if err != nil {
				t.Fatal(err)
			}
			var printed strings.Builder
			if failed := report.print(&printed, "v1.26.10"); failed != c.failed || !strings.Contains(printed.String(), c.want) {
				t.Errorf("%d failed, want %d, and it prints %q, want %q", failed, c.failed, printed.String(), c.want)
			}
		})
	}
	if _, err := readScan(strings.NewReader(`{"config": {`)); err == nil {
		t.Error("output that is cut off is accepted")
	}
}

func TestNPMVulnerabilities(t *testing.T) {
	for _, c := range []struct {
		name, output string
		failed       int
		want         string
	}{
		{"some are severe", `{"auditReportVersion": 2, "vulnerabilities": {"a": {"severity": "high"}, "b": {"severity": "critical"}, "c": {"severity": "low"}}}`, 2,
			"c in infra/package-lock.json: severity low"},
		{"there are none", `{"auditReportVersion": 2, "vulnerabilities": {}}`, 0, "npm packages of infra: no known vulnerability\n"},
		{"the registry offers no audit", `{"message": "405 Method Not Allowed", "statusCode": 405}`, 0,
			"npm packages of infra: skipped, npm audit got no answer from the registry (405 Method Not Allowed)\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var report npmReport
			if err := json.Unmarshal([]byte(c.output), &report); err != nil {
				t.Fatal(err)
			}
			var printed strings.Builder
			if failed := report.print(&printed, "infra"); failed != c.failed || !strings.Contains(printed.String(), c.want) {
				t.Errorf("%d failed, want %d, and it prints %q, want %q", failed, c.failed, printed.String(), c.want)
			}
		})
	}
}

func TestTheToolchainIsThatOfGoMod(t *testing.T) {
	for text, want := range map[string]string{
		"module m\n\ngo 1.26.0\n\ntoolchain go1.26.10\n": "v1.26.10",
		"module m\n\ngo 1.26.0\n":                        "",
	} {
		file := filepath.Join(t.TempDir(), "go.mod")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := toolchainOf(file); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", text, got, err, want)
		}
	}
}
