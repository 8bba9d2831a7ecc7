package tools

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestAnOldGoIsWarnedOfInOneLine(t *testing.T) {
	script := filepath.Join(Infra(t), "tools", "compiler.sh")
	for _, c := range []struct {
		used      string
		old       bool
		toolchain string // GOTOOLCHAIN in the environment
		remedy    string
	}{
		{"go1.26.8", true, "local", "unset GOTOOLCHAIN"},
		{"go1.26.8", true, "", "go env -u GOTOOLCHAIN"},
		{"go1.26.9", true, "local", "unset GOTOOLCHAIN"},
		{"go1.26rc1", true, "local", "unset GOTOOLCHAIN"},
		{"go1.26.8 X:nocoverageredesign", true, "local", "unset GOTOOLCHAIN"},
		{"go1.25.99", true, "local", "unset GOTOOLCHAIN"},
		{"go1.26.10", false, "local", ""},
		{"go1.26.11", false, "local", ""},
		{"go1.27rc1", false, "local", ""},
		{"go1.27.0", false, "local", ""},
		{"go2.0.0", false, "local", ""},
		{"devel go1.28-3f4c2bd Fri Nov 20", false, "local", ""},
	} {
		t.Run(c.used+c.remedy, func(t *testing.T) {
			folder := t.TempDir()
			for name, text := range map[string]string{
				"go":     "#!/bin/sh\necho '" + c.used + "'\n",
				"go.mod": "module m\n\ngo 1.26.0\n\ntoolchain go1.26.10\n",
			} {
				if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			command := exec.Command("sh", script)
			command.Dir = folder
			command.Env = append(os.Environ(), "GOTOOLCHAIN="+c.toolchain, "PATH="+folder+string(filepath.ListSeparator)+os.Getenv("PATH"))
			output, err := command.CombinedOutput()
			want := ""
			if c.old {
				want = "warning: " + c.used + " compiles this and has known vulnerabilities that go1.26.10 has not: install go1.26.10 or later, or run: " + c.remedy + "\n"
			}
			if err != nil || string(output) != want {
				t.Errorf("it prints %q and ends with %v, want %q", output, err, want)
			}
		})
	}
}
