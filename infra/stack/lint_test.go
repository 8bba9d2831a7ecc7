package stack

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"commerce-segment/infra/emulator"
	"commerce-segment/infra/tools"
)

func TestCfnLintFindsNothing(t *testing.T) {
	t.Parallel() // with the deployment, which waits for another program
	source, err := synthesizeSource(map[string]any{"alarmEmail": "on-call@example.com"}, noCompiler{})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "template.json")
	if err := os.WriteFile(file, source, 0o644); err != nil {
		t.Fatal(err)
	}
	lint := exec.Command(tools.Python(t), "-c", "import sys; from cfnlint.runner import main; sys.exit(main())",
		"--template", file, "--regions", emulator.Region)
	if said, err := lint.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
}
