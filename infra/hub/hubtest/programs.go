package hubtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FakePrograms writes shell scripts to a folder, and sets the PATH to that folder alone. HERE
// in a script stands for the folder. It returns a function that reads a file there.
func FakePrograms(t *testing.T, programs map[string]string) (written func(name string) string) {
	t.Helper()
	folder := t.TempDir()
	t.Setenv("PATH", folder)
	for name, script := range programs {
		program := filepath.Join(folder, name)
		WriteFile(t, program, "#!/bin/sh\n"+strings.ReplaceAll(script, "HERE", folder))
		if err := os.Chmod(program, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return func(name string) string {
		t.Helper()
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
}

// FakeDocker is a script that answers as a docker whose containers reach this machine at
// 127.0.0.1.
const FakeDocker = `case "$*" in *"cat "*"/etc/hosts") echo "127.0.0.1 host.docker.internal";; esac
`
