package tools

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatTheSAMCLINeedsIsNamedWithHowToInstallIt(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		programs map[string]string
		want     []string // of its message; none if nothing is missing
	}{
		{"all are there", map[string]string{"sam": "exit 0", "docker": "exit 0"}, nil},
		{"no SAM CLI", map[string]string{"docker": "exit 0"}, []string{"The SAM CLI is not installed: pipx install aws-sam-cli"}},
		{"no Docker", map[string]string{"sam": "exit 0"}, []string{"Docker, which is not installed: install Docker Desktop"}},
		{"Docker that does not run", map[string]string{"sam": "exit 0", "docker": "echo 'Cannot connect' >&2; exit 1"},
			[]string{"Docker, which is not running", "systemctl start docker", "Cannot connect"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := t.TempDir()
			for name, script := range c.programs {
				if err := os.WriteFile(filepath.Join(folder, name), []byte("#!"+shell+"\n"+script+"\n"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			command := exec.Command(shell, filepath.Join(Infra(t), "tools", "sam.sh"))
			command.Env = []string{"PATH=" + folder}
			output, err := command.CombinedOutput()
			if (err == nil) != (c.want == nil) || c.want == nil && len(output) > 0 {
				t.Errorf("it prints %q and ends with %v", output, err)
			}
			for _, want := range c.want {
				if !strings.Contains(string(output), want) {
					t.Errorf("it prints %q, want %q in it", output, want)
				}
			}
		})
	}
}
