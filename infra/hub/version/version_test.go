package version

import (
	"runtime/debug"
	"testing"
)

const (
	one   = "0123456789abcdef0123456789abcdef01234567"
	other = "76543210fedcba9876543210fedcba9876543210"
)

func TestVersionString(t *testing.T) {
	for _, c := range []struct {
		name, version, revision, modified, want string
	}{
		{"a release", "v1.2.3", one, "false", "v1.2.3 (revision " + one + ", go1.26.10)"},
		{"a commit", "v0.0.0-20261129120000-0123456789ab", one, "false", "v0.0.0-20261129120000-0123456789ab (revision " + one + ", go1.26.10)"},
		{"with changes", "v1.2.4-0.20261129120000-0123456789ab+dirty", one, "true", "v1.2.4-0.20261129120000-0123456789ab+dirty (revision " + one + " with changes, go1.26.10)"},
		{"without a module's version", "(devel)", one, "false", "(revision " + one + ", go1.26.10)"},
		{"without version control", "(devel)", "", "", "unknown (built without version control, go1.26.10)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			info := &debug.BuildInfo{GoVersion: "go1.26.10", Main: debug.Module{Version: c.version}}
			if c.revision != "" {
				info.Settings = []debug.BuildSetting{{Key: "vcs.revision", Value: c.revision}, {Key: "vcs.modified", Value: c.modified}}
			}
			if got := of(info).String(); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestCompareABuildWithTheDeployedSource(t *testing.T) {
	built := Version{Name: "v1.2.3", Revision: one}
	for _, c := range []struct {
		name, deployed string
		version        Version
		want           Match
	}{
		{"the same release", "v1.2.3-0-g" + one, built, Same},
		{"the same commit, and no tag", one, built, Same},
		{"another commit", other, built, Different},
		{"a commit after the release", "v1.2.3-4-g" + other, built, Different},
		{"another commit, with changes", other + "-dirty", built, Different},
		{"the same commit, deployed with changes", "v1.2.3-0-g" + one + "-dirty", built, Unknown},
		{"the same commit, built with changes", one, Version{Revision: one, Changed: true}, Unknown},
		{"deployed from a source without history", "unknown", built, Unknown},
		{"deployed by a version that named the tag only", "v1.2.3", built, Unknown},
		{"the deployed source is not known", "", built, Unknown},
		{"built without version control", one, Version{}, Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.version.Compare(c.deployed); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}
