package docs

import (
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// link matches the target of a link or a picture.
var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	all := All(t, root)
	links := 0
	for _, d := range all {
		for _, match := range link.FindAllStringSubmatch(d.Prose, -1) {
			if strings.HasPrefix(match[1], "https://") {
				continue
			}
			links++
			file, anchor, hasAnchor := strings.Cut(match[1], "#")
			target := d.Path
			if file != "" {
				target = path.Join(path.Dir(d.Path), file)
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s links to %s, which is not there", d.Path, match[1])
				continue
			}
			i := slices.IndexFunc(all, func(other Document) bool { return other.Path == target })
			if hasAnchor && (i < 0 || !slices.Contains(all[i].Anchors, anchor)) {
				t.Errorf("%s links to %s, and there is no such heading", d.Path, match[1])
			}
		}
	}
	if links < 50 {
		t.Errorf("only %d links were found: does this test read the documents?", links)
	}
}

func TestEveryPictureIsShown(t *testing.T) {
	var all strings.Builder
	for _, d := range All(t, root) {
		all.WriteString(d.Prose)
	}
	pictures, err := filepath.Glob("screenshots/*")
	if err != nil || len(pictures) == 0 {
		t.Fatalf("there are the pictures %q, %v", pictures, err)
	}
	for _, picture := range pictures {
		if info, err := os.Stat(picture); err != nil || info.Size() > 150_000 {
			t.Errorf("%s: %v, or it has more than 150 kB", picture, err)
		}
		if !strings.Contains(all.String(), filepath.ToSlash(picture)) {
			t.Errorf("no document shows %s", picture)
		}
	}
}

func TestEveryMakeTargetInTheDocumentsExists(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	for _, d := range All(t, root) {
		for _, arguments := range d.Commands("make") {
			calls++
			for _, argument := range arguments {
				name, _, isVariable := strings.Cut(argument, "=")
				want := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + `:`)
				if isVariable {
					want = regexp.MustCompile(`\$\(` + regexp.QuoteMeta(name) + `\)`)
				}
				if !want.Match(makefile) {
					t.Errorf("%s says make %s: the Makefile has no %s", d.Path, strings.Join(arguments, " "), name)
				}
			}
		}
	}
	if calls < 15 {
		t.Errorf("only %d calls of make were found: does this test read the documents?", calls)
	}
}

// named matches the tests that a document names, as in -run AName ./folder.
var named = regexp.MustCompile(`-run (\w+) (?:\S+ )*?\./([\w/]+)`)

func TestEveryTestInTheDocumentsExists(t *testing.T) {
	found := 0
	for _, d := range All(t, root) {
		for _, code := range d.Code {
			for _, match := range named.FindAllStringSubmatch(code.Text, -1) {
				found++
				if !hasTest(t, filepath.Join(root, match[2]), match[1]) {
					t.Errorf("%s says %s: there is no such test in %s", d.Path, match[0], match[2])
				}
			}
		}
	}
	if found < 15 {
		t.Errorf("only %d tests were found: does this test read the documents?", found)
	}
}

// hasTest reports whether a folder has a test that go test -run selects by a name.
func hasTest(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	function := regexp.MustCompile(`(?m)^func Test\w*` + strings.TrimPrefix(name, "Test"))
	return slices.ContainsFunc(files, func(file string) bool {
		text, err := os.ReadFile(file)
		return err == nil && function.Match(text)
	})
}

func TestTheDocumentsUseTheWordsOfTheProject(t *testing.T) {
	for _, d := range All(t, root) {
		before, rest, _ := strings.Cut(d.Prose, "\n## Words\n") // the section that lists them
		_, after, _ := strings.Cut(rest, "\n## ")
		for line := range strings.Lines(before + after) {
			if word := replaced.FindString(line); word != "" {
				t.Errorf("%s says %q in %q: infra/docs/develop.md has a better word", d.Path, word, strings.TrimSpace(line))
			}
		}
	}
}

func TestTheReadmeIsShort(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(readme), "\n"); lines >= 200 {
		t.Errorf("README.md has %d lines: move what not every reader needs to infra/docs", lines)
	}
}

func TestReadADocument(t *testing.T) {
	d := read("a.md", "# A `b` title, with 2 words\n\nSay `make x` or ``make `y` ``,\n`hub a\nb`. [A](b.md)\n\n"+
		"```sh\nVAR=1 bin/hub run --x \\\n  --y   # make z\ncd a && make deploy CDK='-c a=b' | hub c\n```\n\n## Next\n\n```\nhub no\n$ hub prompt\n```\n")
	if want := []string{"a-b-title-with-2-words", "next"}; !slices.Equal(d.Anchors, want) {
		t.Errorf("the anchors are %q, want %q", d.Anchors, want)
	}
	for program, want := range map[string][][]string{
		"make": {{"deploy", "CDK='-c a=b'"}, {"x"}, {"`y`"}},
		"hub":  {{"run", "--x", "--y"}, {"c"}, {"prompt"}, {"a", "b"}},
	} {
		if got := d.Commands(program); !reflect.DeepEqual(got, want) {
			t.Errorf("the calls of %s are %q, want %q", program, got, want)
		}
	}
	if strings.Contains(d.Prose, "make") || !strings.Contains(d.Prose, "[A](b.md)") {
		t.Errorf("the prose is %q", d.Prose)
	}
}
