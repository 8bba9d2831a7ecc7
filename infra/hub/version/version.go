// Package version is which version of the hub this is, and whether a store was deployed from
// the same source.
package version

import (
	"regexp"
	"runtime/debug"
	"strings"
)

// Version is a build of the hub, as the Go command recorded it.
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

func of(info *debug.BuildInfo) Version {
	v := Version{Name: info.Main.Version, Go: info.GoVersion}
	if v.Name == "(devel)" { // of a build without version control
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
		return "of an unknown version (built without version control, " + v.Go + ")"
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

// The results. Unknown means that one of the two does not say its revision, or had changes
// that were not committed.
const (
	Unknown Match = iota
	Same
	Different
)

// commit matches the revision in the output of git describe --long --abbrev=40.
var commit = regexp.MustCompile(`(?:^|-g)([0-9a-f]{40})(-dirty)?$`)

// Compare compares the build with what git describe said of the source that is deployed.
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
