package console

import (
	"os/exec"
	"testing"

	"commerce-segment/infra/tools"
)

// The editor is written in JavaScript. Its tests run in Node.js.
func TestTheEditorsTestsPass(t *testing.T) {
	tools.NodeModules(t)
	if out, err := exec.Command("node", "--test", "editor/").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
