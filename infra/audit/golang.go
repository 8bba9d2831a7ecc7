package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
	"golang.org/x/vuln/scan"
)

// The vulnerability database is a module of the Go proxy: it is the same at every run, and
// needs no other host. To update it, take the version that
// go list -m golang.org/x/vulndb@latest prints, and the checksum that the error then names.
const (
	databaseVersion  = "v0.0.0-20261105234957-e22db6528018"
	databaseChecksum = "h1:mfngRv0Yoh0VApsXKEN82CjD99kl7mtparN3bs3JnqI="
)

// download fetches the database into the module cache and returns its URL.
func download(ctx context.Context) (string, error) {
	command := exec.CommandContext(ctx, "go", "mod", "download", "-json", "golang.org/x/vulndb@"+databaseVersion)
	command.Dir = os.TempDir() // outside of this module: the database is not one of its dependencies
	output, failed := command.Output()
	var module struct{ Dir, Sum, Error string }
	if err := json.Unmarshal(output, &module); err != nil || module.Error != "" {
		return "", fmt.Errorf("downloading the vulnerability database: %w", errors.Join(failed, err, errors.New(module.Error)))
	}
	if module.Sum != databaseChecksum {
		return "", fmt.Errorf("the vulnerability database %s has the checksum %s: infra/audit names %s", databaseVersion, module.Sum, databaseChecksum)
	}
	location := url.URL{Scheme: "file", Path: path.Join("/", filepath.ToSlash(module.Dir), "data", "osv")}
	return location.String(), nil
}

// toolchainOf returns the toolchain that a go.mod names, as a version such as v1.26.10.
func toolchainOf(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	parsed, err := modfile.Parse(file, text, nil)
	if err != nil {
		return "", err
	}
	if parsed.Toolchain == nil {
		return "", fmt.Errorf("%s names no toolchain: add the oldest Go without known vulnerabilities", file)
	}
	return "v" + parsed.Toolchain.Name[len("go"):], nil
}

// vulnerability is one that code of this module reaches.
type vulnerability struct {
	id, summary    string
	module         string // stdlib for Go's own library
	version, fixed string // fixed is empty if there is no version without it
}

// isFixedBy reports whether it is in Go's own library, and not in that of a toolchain.
func (v vulnerability) isFixedBy(toolchain string) bool {
	return v.module == "stdlib" && v.fixed != "" && semver.Compare(v.fixed, toolchain) <= 0
}

// goReport is the result of scanning Go packages.
type goReport struct {
	goVersion string
	found     []vulnerability // by id
}

// message is one value of the output of govulncheck.
type message struct {
	Config *struct {
		GoVersion string `json:"go_version"`
	}
	OSV *struct {
		ID      string `json:"id"`
		Summary string `json:"summary"`
	}
	Finding *struct {
		OSV          string `json:"osv"`
		FixedVersion string `json:"fixed_version"`
		Trace        []struct{ Module, Version, Function string }
	}
}

// scanGo returns the vulnerabilities of a database whose code the packages reach.
func scanGo(ctx context.Context, database string, packages []string) (goReport, error) {
	var output bytes.Buffer
	command := scan.Command(ctx, append([]string{"-format", "json", "-db", database}, packages...)...)
	command.Stdout = &output
	if err := command.Start(); err != nil {
		return goReport{}, err
	}
	if err := command.Wait(); err != nil {
		return goReport{}, fmt.Errorf("scanning %q for vulnerabilities: %w", packages, err)
	}
	return readScan(&output)
}

// readScan reads the output of govulncheck.
func readScan(r io.Reader) (goReport, error) {
	var report goReport
	summaries := map[string]string{}
	reached := map[string]vulnerability{}
	for decoder := json.NewDecoder(r); ; {
		var m message
		if err := decoder.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return report, fmt.Errorf("reading the output of govulncheck: %w", err)
		}
		switch {
		case m.Config != nil:
			report.goVersion = m.Config.GoVersion
		case m.OSV != nil:
			summaries[m.OSV.ID] = m.OSV.Summary
		case m.Finding != nil && len(m.Finding.Trace) > 0 && m.Finding.Trace[0].Function != "":
			at := m.Finding.Trace[0]
			reached[m.Finding.OSV] = vulnerability{id: m.Finding.OSV, module: at.Module, version: at.Version, fixed: m.Finding.FixedVersion}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(reached)) {
		v := reached[id]
		v.summary = summaries[id]
		report.found = append(report.found, v)
	}
	return report, nil
}

// print prints each vulnerability, and one line for all that the toolchain has fixed. It
// returns the number of the others.
func (r goReport) print(w io.Writer, toolchain string) (failed int) {
	old := 0
	for _, v := range r.found {
		if v.isFixedBy(toolchain) {
			old++
			continue
		}
		failed++
		remedy := "no version fixes it yet: stop using what it is in"
		switch {
		case v.module == "stdlib" && v.fixed != "":
			remedy = "raise the toolchain in go.mod to go" + v.fixed[1:]
		case v.fixed != "":
			remedy = "go get " + v.module + "@" + v.fixed
		}
		fmt.Fprintf(w, "%s in %s %s: %s: %s (https://pkg.go.dev/vuln/%s)\n", v.id, v.module, v.version, v.summary, remedy, v.id)
	}
	if old > 0 {
		fmt.Fprintf(w, "warning: %s has %d known vulnerabilities that are reached here, and go%s has none of them: install it, or unset GOTOOLCHAIN, with go env -u GOTOOLCHAIN if it is not in the environment\n",
			r.goVersion, old, toolchain[1:])
	}
	if failed == 0 {
		fmt.Fprintf(w, "Go packages: no other known vulnerability is reached\n")
	}
	return failed
}
