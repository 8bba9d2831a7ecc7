package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestTheListOfLicencesIsOfTheModulesInUse(t *testing.T) {
	written, err := os.ReadFile("../LICENSES.md")
	if err != nil {
		t.Fatal(err)
	}
	var now bytes.Buffer
	if err := run(&now); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(written, now.Bytes()) {
		t.Error("infra/LICENSES.md lists other modules than are in use: run make licenses")
	}
}

func TestALicenceThatMayNotBeUsedIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"Apache License\n   Version 2.0, January 2004": "Apache-2.0",
		"GNU GENERAL PUBLIC LICENSE Version 3":         "",
	} {
		directory := t.TempDir()
		if err := os.WriteFile(filepath.Join(directory, "LICENSE.txt"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := licenceIn(directory); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", text, got, err, want)
		}
	}
	if _, err := licenceIn(t.TempDir()); err == nil {
		t.Error("a module without a licence is taken")
	}
}
