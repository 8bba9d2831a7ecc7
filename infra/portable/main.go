// Command portable type-checks the whole module with its tests for every system that
// developers use, to find code that compiles on Linux only. It does not compile anything,
// and skips the bodies of the functions of dependencies.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	failed := false
	for _, system := range []string{"linux", "darwin", "windows"} {
		for _, processor := range []string{"amd64", "arm64"} {
			if err := check(system, processor); err != nil {
				fmt.Fprintf(os.Stderr, "for %s on %s:\n%v\n", system, processor, err)
				failed = true
			}
		}
	}
	if failed {
		os.Exit(1)
	}
}

// source is a package in the output of go list.
type source struct {
	ImportPath, Dir string
	GoFiles         []string
	ImportMap       map[string]string
	Module          *struct{ Main bool }
}

// check type-checks every package of the module for a system and a processor.
func check(system, processor string) error {
	list := exec.Command("go", "list", "-deps", "-test", "-json=ImportPath,Dir,GoFiles,ImportMap,Module", "./...")
	list.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+processor, "CGO_ENABLED=0")
	list.Stderr = os.Stderr
	packages, err := list.StdoutPipe()
	if err != nil {
		return err
	}
	if err := list.Start(); err != nil {
		return err
	}
	defer list.Wait()
	known := checked{"unsafe": types.Unsafe}
	var faults []error
	for decoder := json.NewDecoder(packages); ; {
		var s source
		if err := decoder.Decode(&s); errors.Is(err, io.EOF) {
			return errors.Join(faults...)
		} else if err != nil {
			return fmt.Errorf("reading the output of go list: %w", err)
		}
		if err := known.add(s, types.SizesFor("gc", processor)); err != nil {
			faults = append(faults, err)
		}
	}
}

// checked maps import paths to packages.
type checked map[string]*types.Package

// add type-checks a package whose imports were added before.
func (c checked) add(s source, sizes types.Sizes) error {
	if s.ImportPath == "unsafe" || strings.HasSuffix(s.ImportPath, ".test") { // go test generates its main function
		return nil
	}
	isOwn := s.Module != nil && s.Module.Main
	files := token.NewFileSet()
	var parsed []*ast.File
	for _, name := range s.GoFiles {
		file, err := parser.ParseFile(files, filepath.Join(s.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		parsed = append(parsed, file)
	}
	var faults []error
	config := types.Config{
		IgnoreFuncBodies: !isOwn,
		FakeImportC:      true,
		Sizes:            sizes,
		Importer:         importer{c, s.ImportMap},
		Error:            func(err error) { faults = append(faults, err) },
	}
	c[s.ImportPath], _ = config.Check(s.ImportPath, files, parsed, nil) // the function Error collects the errors
	return errors.Join(faults...)
}

// importer returns the imports of one package.
type importer struct {
	checked checked
	names   map[string]string // the import paths that are replaced
}

// Import implements types.Importer.
func (i importer) Import(path string) (*types.Package, error) {
	if name, ok := i.names[path]; ok {
		path = name
	}
	if found := i.checked[path]; found != nil {
		return found, nil
	}
	return nil, fmt.Errorf("%s is not in the output of go list", path)
}
