package console

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"commerce-segment/infra/emulator"
)

// The editor is JavaScript, with tests of its own.
func TestTheEditorsTestsPass(t *testing.T) {
	emulator.NodeModules(t)
	if out, err := exec.Command("node", "--test", "editor/").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestTheEditorIsBundled(t *testing.T) {
	bundle := filepath.Join(t.TempDir(), "editor.js")
	build := exec.Command(filepath.Join(emulator.NodeModules(t), ".bin", "esbuild"),
		"editor/editor.mjs", "--bundle", "--format=esm", "--target=es2022", "--log-level=warning", "--outfile="+bundle)
	if out, err := build.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v\n%s", err, out)
	}
	if info, err := os.Stat(bundle); err != nil || info.Size() == 0 {
		t.Errorf("the bundle is %v, %v", info, err)
	}
}
