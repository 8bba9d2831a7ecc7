// Package version returns the version of the hub, and compares it with the source from which a
// store was deployed.
package version

import (
	"regexp"
	"runtime/debug"
	"strings"
)

// Version is the version of a program, as the Go command recorded it in the build.
type Version struct {
	Name     string // a release such as v1.2.3, or a pseudo-version; empty if it is not known
	Revision string // the commit, 40 hexadecimal digits; empty if it is not known
	Changed  bool   // the source had changes that were not committed
	Go       string // the Go that compiled it
}

// This returns the version of this program.
func This() Version {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return Version{}
	}
	return of(info)
}

// of returns the version in the information about a build.
func of(info *debug.BuildInfo) Version {
	v := Version{Name: info.Main.Version, Go: info.GoVersion}
	if v.Name == "(devel)" { // a build without version control
		v.Name = ""
	}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			v.Revision = setting.Value
		case "vcs.modified":
			v.Changed = setting.Value == "true"
		}
	}
	return v
}

// String returns the version with its revision and the Go that compiled it.
func (v Version) String() string {
	if v.Name == "" && v.Revision == "" {
		return "unknown (built without version control, " + v.Go + ")"
	}
	revision := "revision " + v.Revision
	if v.Revision == "" {
		revision = "revision unknown"
	}
	if v.Changed {
		revision += " with changes"
	}
	return strings.TrimSpace(v.Name + " (" + revision + ", " + v.Go + ")")
}

// Match is the result of comparing a build with what is deployed.
type Match int

// The results. Unknown means that a revision is not known, or that there were changes that
// were not committed.
const (
	Unknown Match = iota
	Same
	Different
)

// commit matches the revision in the output of git describe --long --abbrev=40.
var commit = regexp.MustCompile(`(?:^|-g)([0-9a-f]{40})(-dirty)?$`)

// Compare compares the build with the output of git describe for the deployed source.
func (v Version) Compare(deployed string) Match {
	found := commit.FindStringSubmatch(deployed)
	switch {
	case found == nil || v.Revision == "":
		return Unknown
	case found[1] != v.Revision:
		return Different
	case v.Changed || found[2] != "":
		return Unknown
	default:
		return Same
	}
}
