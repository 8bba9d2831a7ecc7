// Command licenses lists the licences of all modules that are compiled into the functions
// and into the operator's program, as a table in Markdown. It fails where it does not know
// one: look at it, and add it here if it may be used.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "licenses:", err)
		os.Exit(1)
	}
}

// run writes the table.
func run(w io.Writer) error {
	functions, err := modules("./functions/...")
	if err != nil {
		return err
	}
	all, err := modules("./...")
	if err != nil {
		return err
	}
	var unknown []error
	out := bufio.NewWriter(w)
	fmt.Fprint(out, "Written by `make licenses`.\n\n| module | version | licence | in the functions |\n|---|---|---|---|\n")
	for _, path := range slices.Sorted(maps.Keys(all)) {
		m := all[path]
		licence, err := licenceIn(m.directory)
		if err != nil {
			unknown = append(unknown, fmt.Errorf("%s %s: %w", path, m.version, err))
		}
		in := ""
		if _, ok := functions[path]; ok {
			in = "yes"
		}
		fmt.Fprintf(out, "| %s | %s | %s | %s |\n", path, m.version, licence, in)
	}
	return errors.Join(errors.Join(unknown...), out.Flush())
}

type module struct{ version, directory string }

// modules are those whose packages are compiled into other packages, by their paths. The
// packages are those of this module.
func modules(packages string) (map[string]module, error) {
	const format = `{{with .Module}}{{if .Version}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}`
	list := exec.Command("go", "list", "-deps", "-f", format, "commerce-segment/"+strings.TrimPrefix(packages, "./"))
	list.Stderr = os.Stderr
	said, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("listing the modules of %s: %w", packages, err)
	}
	found := map[string]module{}
	for line := range strings.Lines(string(said)) {
		if fields := strings.Fields(line); len(fields) == 3 {
			found[fields[0]] = module{fields[1], fields[2]}
		}
	}
	return found, nil
}

// known are the licences that may be used, each by words that no other has.
var known = []struct{ name, words string }{
	{"Apache-2.0", "Apache License Version 2.0"},
	{"MPL-2.0", "Mozilla Public License Version 2.0"},
	{"ISC", "Permission to use, copy, modify, and/or distribute this software for any purpose"},
	{"MIT", "Permission is hereby granted, free of charge, to any person obtaining a copy"},
	{"BSD-3-Clause", "may be used to endorse or promote products"},
	{"BSD-2-Clause", "Redistributions in binary form must reproduce the above copyright"},
}

// licenceIn reads what a module's folder says of its licence: in a file of that name, or
// in its readme.
func licenceIn(directory string) (string, error) {
	var files []string
	for _, pattern := range []string{"[Ll][Ii][Cc][Ee][Nn][CcSs][Ee]*", "[Rr][Ee][Aa][Dd][Mm][Ee]*"} {
		found, _ := filepath.Glob(filepath.Join(directory, pattern)) // the patterns are right
		files = append(files, found...)
	}
	if len(files) == 0 {
		return "", errors.New("there is no licence in its folder")
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		return "", err
	}
	text = bytes.Join(bytes.Fields(text), []byte(" "))
	for _, licence := range known {
		if bytes.Contains(text, []byte(licence.words)) {
			return licence.name, nil
		}
	}
	return "", fmt.Errorf("its licence is none that may be used: read %s", files[0])
}
