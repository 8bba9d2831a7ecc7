package docs

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// deploy.md says how to rename the module. In a copy that is renamed so, a package compiles, and
// the test of the layout, which reads the imports of all packages, passes.
func TestTheModuleIsRenamedAsTheDocumentSays(t *testing.T) {
	document, err := os.ReadFile("deploy.md")
	if err != nil {
		t.Fatal(err)
	}
	rename := regexp.MustCompile(`(?m)^make rename MODULE=(\S+)$`).FindStringSubmatch(string(document))
	if rename == nil {
		t.Fatal("deploy.md has no make rename")
	}
	directory := filepath.Join(t.TempDir(), "copy")
	copyModule(t, directory)
	run := func(name string, arguments ...string) string {
		command := exec.CommandContext(t.Context(), name, arguments...)
		command.Dir = directory
		said, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(arguments, " "), err, said)
		}
		return strings.TrimSpace(string(said))
	}
	old := run("go", "list", "-m")
	command := strings.Fields(rename[0])
	run(command[0], command[1:]...)
	if got := run("go", "list", "-m"); got != rename[1] {
		t.Errorf("the module is %s, want %s", got, rename[1])
	}
	if left := run("sh", "-c", `grep -rF '"`+old+`/' --include='*.go' . || true`); left != "" {
		t.Errorf("the old name is still in\n%s", left)
	}
	if unformatted := run("gofmt", "-l", "functions", "infra", "shared", "templates"); unformatted != "" {
		t.Errorf("these files are not formatted any more:\n%s", unformatted)
	}
	run("go", "vet", "./shared/tracking")
	run("go", "test", "./shared/tracking")
}

// copyModule copies the files of the module, without those that a build or a test leaves behind.
func copyModule(t *testing.T, to string) {
	t.Helper()
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		leftBehind := strings.HasPrefix(entry.Name(), ".") && below != "." || slices.Contains([]string{"bin", "node_modules", "cdk.out"}, entry.Name())
		switch {
		case leftBehind && entry.IsDir():
			return fs.SkipDir
		case leftBehind || !entry.IsDir() && !entry.Type().IsRegular():
			return nil
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(to, below), 0o755)
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, below), content, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}
