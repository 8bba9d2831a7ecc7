package store

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTheStackThatCDKHasSelectedIsFound(t *testing.T) {
	directory := t.TempDir()
	for _, test := range []struct{ environment, region string }{
		{"aws://123456789012/eu-west-1", "eu-west-1"},
		{"aws://unknown-account/unknown-region", ""},
	} {
		manifest := `{"artifacts": {"Tree": {"type": "cdk:tree"}, "shop--eu": {"type": "aws:cloudformation:stack", "environment": "` + test.environment + `"}}}`
		if err := os.WriteFile(filepath.Join(directory, "manifest.json"), []byte(manifest), 0o644); err != nil {
			t.Fatal(err)
		}
		if prefix, region, err := ReadAssembly(directory); prefix != "/shop/eu" || region != test.region || err != nil {
			t.Errorf("%s is %s in %q, %v", test.environment, prefix, region, err)
		}
	}
	if _, _, err := ReadAssembly(t.TempDir()); err == nil {
		t.Error("an empty directory has a stack")
	}
}
