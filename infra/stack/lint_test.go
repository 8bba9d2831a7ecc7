package stack

import (
	"os/exec"
	"testing"

	"commerce-segment/infra/emulator"
	"commerce-segment/infra/tools"
)

func TestCfnLintFindsNothing(t *testing.T) {
	file := templateFile(t)
	t.Parallel() // with the deployment, which waits for another program
	lint := exec.Command(tools.Python(t), "-c", "import sys; from cfnlint.runner import main; sys.exit(main())",
		"--template", file, "--regions", emulator.Region)
	if said, err := lint.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
}
