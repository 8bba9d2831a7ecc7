package tracking_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// layout lists for each folder the folders of this module that its code may import. A
// folder may import itself.
//
//	functions -> serve -> {settings, spool} -> relay -> {metrics, commerce, template, segment} -> {money, tracking}
//	infra -> {shared, templates}
//	infra/hub -> cli -> local -> console -> doctor -> store -> {backfill, deadletters, executions}
//
// Tests may import everything.
var layout = []rule{
	{folder: "shared/chars"},
	{folder: "shared/tracking"},
	{folder: "shared/loggable", may: []string{"shared/chars"}},
	{folder: "shared/jsontext"},
	{folder: "shared/turn"},
	{folder: "shared/apicall", may: []string{"shared/loggable"}},
	{folder: "shared/publicapi", may: []string{"shared/apicall", "shared/loggable"}},
	{folder: "shared/commerce", may: []string{"shared/apicall", "shared/jsonata/value", "shared/chars", "shared/jsontext", "shared/loggable", "shared/tracking"}},
	{folder: "shared/money"},
	{folder: "shared/jsonata/fault"},
	{folder: "shared/jsonata/syntax", may: []string{"shared/jsonata/fault", "shared/chars"}},
	{folder: "shared/jsonata/value", may: []string{"shared/jsonata/fault", "shared/jsontext", "shared/chars", "shared/turn"}},
	{folder: "shared/jsonata/regex", may: []string{"shared/jsonata/value", "shared/jsonata/syntax"}},
	{folder: "shared/jsonata/picture", may: []string{"shared/jsonata/value"}},
	{folder: "shared/jsonata/functions", may: []string{"shared/jsonata/picture", "shared/jsonata/regex", "shared/jsonata/value"}},
	{folder: "shared/jsonata/evaluate", may: []string{"shared/jsonata/functions", "shared/jsonata/regex", "shared/jsonata/value", "shared/jsonata/syntax", "shared/jsonata/fault"}},
	{folder: "shared/jsonata", may: []string{"shared/jsonata"}},
	{folder: "shared/template", may: []string{"shared/jsonata", "shared/chars", "shared/money"}},
	{folder: "shared/segment", may: []string{"shared/loggable", "shared/publicapi", "shared/tracking"}},
	{folder: "shared/deletion", may: []string{"shared/publicapi", "shared/segment"}},
	{folder: "shared/metrics"},
	{folder: "shared/relay", may: []string{"shared/jsonata/value", "shared/loggable", "shared/metrics", "shared/money", "shared/commerce", "shared/template", "shared/segment", "shared/tracking", "shared/turn"}},
	{folder: "shared/spool", may: []string{"shared/loggable", "shared/relay", "shared/commerce", "shared/template", "shared/segment", "shared/tracking"}, aws: true},
	{folder: "shared/settings", may: []string{"shared/chars", "shared/loggable", "shared/relay", "shared/money", "shared/commerce", "shared/publicapi", "shared/template", "shared/segment", "shared/tracking", "templates"}, aws: true},
	{folder: "shared/serve", may: []string{"shared"}, aws: true},
	{folder: "functions", may: []string{"shared/serve", "shared/tracking"}},
	{folder: "infra/hub/words"},
	{folder: "infra/hub/database"},
	{folder: "infra/hub/queue", may: []string{"infra/hub/database", "shared/commerce", "shared/loggable", "shared/relay", "shared/spool"}},
	{folder: "infra/hub/server"},
	{folder: "infra/hub/version"},
	{folder: "infra/hub/measure", may: []string{"infra/hub/queue", "infra/hub/version", "shared"}},
	{folder: "infra/hub/render", may: []string{"shared"}},
	{folder: "infra/hub/sam", may: []string{"shared", "templates"}, aws: true},
	{folder: "infra/hub/deadletters", may: []string{"infra/hub/queue", "shared"}},
	{folder: "infra/hub/redact", may: []string{"shared"}},
	{folder: "infra/hub/compare", may: []string{"infra/hub/redact", "infra/hub/words", "shared"}},
	{folder: "infra/hub/executions", may: []string{"infra/hub/database", "infra/hub/words", "infra/stack/outputs", "shared"}, aws: true},
	{folder: "infra/hub/backfill", may: []string{"infra/hub/executions", "infra/hub/redact", "infra/hub/words", "shared"}},
	{folder: "infra/hub/deletions", may: []string{"infra/hub/executions", "infra/hub/words", "shared"}},
	{folder: "infra/hub/lint", may: []string{"infra/hub/words", "shared", "templates"}},
	{folder: "infra/hub/store", may: []string{"infra/hub/backfill", "infra/hub/deadletters", "infra/hub/executions", "infra/stack/outputs", "infra/stack/runbook", "shared", "templates"}, aws: true},
	{folder: "infra/hub/received/receivedtest", may: []string{"infra/hub/executions", "infra/hub/store", "infra/publicapitest", "shared"}},
	{folder: "infra/hub/received", may: []string{"infra/hub/backfill", "infra/hub/executions", "infra/hub/store", "infra/hub/words", "infra/hub/workspace", "shared"}},
	{folder: "infra/hub/archive", may: []string{"infra/hub/executions", "infra/hub/queue", "infra/hub/store", "shared"}},
	{folder: "infra/hub/forecast", may: append(hubParts, "infra/hub/store")},
	{folder: "infra/hub/plan", may: append(hubParts, "infra/hub/store", "infra/hub/workspace")},
	{folder: "infra/hub/health", may: append(hubParts, "infra/hub/store")},
	{folder: "infra/hub/alert", may: append(hubParts, "infra/hub/health")},
	{folder: "infra/hub/order", may: []string{"infra/hub/backfill", "infra/hub/executions", "infra/hub/store", "infra/hub/words", "shared"}},
	{folder: "infra/hub/workspace", may: []string{"infra/hub/store", "infra/hub/words", "shared"}},
	{folder: "infra/hub/doctor", may: append(hubParts, "infra/hub/workspace", "infra/hub/health", "infra/hub/store", "infra/stack/outputs")},
	{folder: "infra/hub/console", may: append(hubParts, "infra/hub/workspace", "infra/hub/doctor", "infra/hub/health", "infra/hub/store")},
	{folder: "infra/hub/local", may: append(hubParts, "infra/hub/alert", "infra/hub/archive", "infra/hub/console", "infra/hub/health", "infra/hub/measure", "infra/hub/server", "infra/hub/store"), aws: true},
	{folder: "infra/hub/cli", may: append(hubParts, "infra/hub/workspace", "infra/hub/access", "infra/hub/alert", "infra/hub/archive", "infra/hub/doctor", "infra/hub/health", "infra/hub/local", "infra/hub/sam", "infra/hub/store"), aws: true},
	{folder: "infra/hub/access", may: []string{"infra/stack/outputs", "shared"}},
	{folder: "infra/hub/browser", may: []string{"infra/tools"}},
	{folder: "infra/hub/hubtest", may: []string{"shared"}},
	{folder: "infra/hub", may: []string{"infra/hub/cli"}},
	{folder: "infra", may: []string{"shared", "templates"}, aws: true},
	{folder: "templates"},
}

// hubParts are what the commands and the pages of the operator's program share.
var hubParts = []string{
	"infra/hub/backfill", "infra/hub/compare", "infra/hub/database", "infra/hub/deadletters", "infra/hub/deletions", "infra/hub/executions", "infra/hub/forecast", "infra/hub/lint",
	"infra/hub/order", "infra/hub/plan", "infra/hub/queue", "infra/hub/received", "infra/hub/redact", "infra/hub/render",
	"infra/hub/version", "infra/hub/words", "shared", "templates",
}

// rule is what the code in a folder and below it may import.
type rule struct {
	folder string
	may    []string // folders of this module
	aws    bool     // the packages of AWS too; package relay, for example, must not depend on AWS
}

// topLevel lists the files and folders at the top level, except for those whose names begin
// with a dot. bin is for builds.
var topLevel = []string{
	"functions", "shared", "infra", "templates", "go.mod", "go.sum", "Makefile", "README.md", "LICENSE", "bin",
}

// vague lists names of folders that do not say what belongs there.
var vague = []string{"utils", "util", "common", "helpers", "helper", "pkg", "misc"}

const (
	root   = "../.."
	module = "commerce-segment/"
)

func TestCodeImportsOnlyWhatTheLayoutAllows(t *testing.T) {
	found := map[string]bool{}
	for _, file := range goFiles(t) {
		r, ok := ruleOf(path.Dir(file))
		if !ok {
			t.Errorf("%s is in no folder of the layout: move it, or give its folder a rule in shared/tracking/layout_test.go", file)
			continue
		}
		found[r.folder] = true
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, imported := range imports(t, file) {
			if reason := r.forbids(imported); reason != "" {
				t.Errorf("%s imports %s: %s", file, imported, reason)
			}
		}
	}
	for _, r := range layout {
		if !found[r.folder] {
			t.Errorf("the layout has a rule for %s, which has no code: remove the rule", r.folder)
		}
	}
}

func TestFoldersHaveDescriptiveNames(t *testing.T) {
	for _, file := range goFiles(t) {
		for element := range strings.SplitSeq(path.Dir(file), "/") {
			if slices.Contains(vague, element) {
				t.Errorf("%s: the name %q does not say what is in it: name the package after what it does", file, element)
			}
		}
	}
}

func TestTheTopLevelHasNoOtherFiles(t *testing.T) {
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		name := entry.Name()
		leftBehind := slices.Contains([]string{".test", ".prof", ".out"}, path.Ext(name)) // as in .gitignore
		if !strings.HasPrefix(name, ".") && !leftBehind && !slices.Contains(topLevel, name) {
			t.Errorf("%s is at the top level: move it to functions, shared, infra or templates", name)
		}
	}
}

// forbids returns the reason why code under the rule must not import a package; "" if it may.
func (r rule) forbids(imported string) string {
	if strings.HasPrefix(imported, "github.com/aws/") && !r.aws {
		return r.folder + " must not depend on AWS: declare an interface there, and implement it in a folder that may"
	}
	folder, ours := strings.CutPrefix(imported, module)
	if !ours || slices.ContainsFunc(append([]string{r.folder}, r.may...), func(may string) bool { return within(folder, may) }) {
		return ""
	}
	if len(r.may) == 0 {
		return r.folder + " may import nothing of this module"
	}
	return r.folder + " may import only " + strings.Join(r.may, ", ")
}

func ruleOf(folder string) (rule, bool) {
	i := slices.IndexFunc(layout, func(r rule) bool { return within(folder, r.folder) })
	if i < 0 {
		return rule{}, false
	}
	return layout[i], true
}

// within reports whether a folder is another one or below it.
func within(folder, other string) bool {
	return folder == other || strings.HasPrefix(folder, other+"/")
}

// goFiles returns the paths of the module's Go files below the root. It reads the folders
// itself, because go test runs a cached test again if files changed that the test has read,
// but not if files changed that another program such as go list has read.
func goFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && file != root && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata" || entry.Name() == "cdk.out"):
			return fs.SkipDir
		case !entry.IsDir() && path.Ext(file) == ".go":
			below, err := filepath.Rel(root, file)
			files = append(files, filepath.ToSlash(below))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatalf("listing the module's files: %v", err)
	}
	return files
}

// imports returns the import paths of a file.
func imports(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatalf("%s imports %s: %v", file, spec.Path.Value, err)
		}
		paths = append(paths, imported)
	}
	return paths
}
