package stack

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"commerce-segment/infra/tools"
)

// acceptedFile has the findings of checkers that are accepted, with the reasons.
const acceptedFile = "../audit/accepted.json"

// finding is a rule of a checker that a resource of the stack breaks.
type finding struct {
	Rule     string // with what breaks it, if the checker says that: AwsSolutions-IAM5[Resource::*]
	Resource string // type.id
}

// acceptance says why the resources of a type may break a rule.
type acceptance struct{ Checker, Rule, Type, Reason string }

func (a acceptance) covers(checker string, f finding) bool {
	kind, _, _ := strings.Cut(f.Resource, ".")
	return a.Checker == checker && a.Rule == f.Rule && a.Type == kind
}

// unaccepted returns the findings of a checker that are not accepted, and the acceptances of
// which it found nothing.
func unaccepted(checker string, found []finding, accepted []acceptance) (wrong []finding, unused []acceptance) {
	for _, f := range found {
		if !slices.ContainsFunc(accepted, func(a acceptance) bool { return a.covers(checker, f) }) {
			wrong = append(wrong, f)
		}
	}
	for _, a := range accepted {
		if a.Checker == checker && !slices.ContainsFunc(found, func(f finding) bool { return a.covers(checker, f) }) {
			unused = append(unused, a)
		}
	}
	return wrong, unused
}

func TestUnacceptedFindings(t *testing.T) {
	accepted := []acceptance{{Checker: "checkov", Rule: "CKV_1", Type: "AWS::SQS::Queue"}, {Checker: "checkov", Rule: "CKV_2", Type: "AWS::SQS::Queue"}, {Checker: "cdk-nag", Rule: "CKV_9"}}
	wrong, unused := unaccepted("checkov", []finding{{"CKV_1", "AWS::SQS::Queue.A"}, {"CKV_1", "AWS::SNS::Topic.B"}, {"CKV_3", "AWS::SQS::Queue.A"}}, accepted)
	if !slices.Equal(wrong, []finding{{"CKV_1", "AWS::SNS::Topic.B"}, {"CKV_3", "AWS::SQS::Queue.A"}}) || !slices.Equal(unused, accepted[1:2]) {
		t.Errorf("got %v and unused %v", wrong, unused)
	}
}

// checkFindings fails for each finding that is not accepted, and each acceptance that is not
// needed.
func checkFindings(t *testing.T, checker string, found []finding) {
	t.Helper()
	text, err := os.ReadFile(acceptedFile)
	if err != nil {
		t.Fatal(err)
	}
	var accepted []acceptance
	if err := json.Unmarshal(text, &accepted); err != nil {
		t.Fatal(err)
	}
	for _, a := range accepted {
		if a.Reason == "" {
			t.Errorf("%s has no reason for %s %s", acceptedFile, a.Checker, a.Rule)
		}
	}
	wrong, unused := unaccepted(checker, found, accepted)
	for _, f := range wrong {
		t.Errorf("%s: %s breaks %s: change the stack, or accept it with a reason in %s", checker, f.Resource, f.Rule, acceptedFile)
	}
	for _, a := range unused {
		t.Errorf("%s: no %s breaks %s any more: remove it from %s", checker, a.Type, a.Rule, acceptedFile)
	}
}

// templateFile writes the template of a deployment to a file.
func templateFile(t *testing.T) string {
	t.Helper()
	source, err := synthesizeSource(map[string]any{"alarmEmail": "on-call@example.com"}, noCompiler{})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "stack.template.json")
	if err := os.WriteFile(file, source, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestCheckovFindsOnlyWhatIsAccepted(t *testing.T) {
	file := templateFile(t) // before the tests run in parallel: the CDK's process serves one
	t.Parallel()
	checkov := exec.Command(tools.Checkov(t), "-m", "checkov.main", "--file", file, "--framework", "cloudformation", "--output", "json", "--compact", "--quiet", "--skip-download")
	output, err := checkov.Output() // it fails if it finds something
	var report struct {
		Results struct {
			Failed []struct {
				Rule     string `json:"check_id"`
				Resource string
			} `json:"failed_checks"`
		}
		Summary struct {
			Passed        int
			ParsingErrors int `json:"parsing_errors"`
		}
	}
	if wrong := json.Unmarshal(output, &report); wrong != nil || report.Summary.Passed < 100 || report.Summary.ParsingErrors > 0 {
		t.Fatalf("%v, %v, %+v\n%s", err, wrong, report.Summary, output)
	}
	var found []finding
	for _, f := range report.Results.Failed {
		found = append(found, finding(f))
	}
	checkFindings(t, "checkov", found)
}

func TestNagFindsOnlyWhatIsAccepted(t *testing.T) {
	file := templateFile(t)
	t.Parallel()
	output, err := exec.Command("node", tools.Nag(t), file, t.TempDir()).Output()
	lines := bytes.Split(bytes.TrimSpace(output), []byte("\n")) // the last is the result; those before it are for people
	var report struct {
		Checks int
		Found  []finding
	}
	if wrong := json.Unmarshal(lines[len(lines)-1], &report); wrong != nil || report.Checks < 100 {
		t.Fatalf("%v, %v: %d checks\n%s", err, wrong, report.Checks, output)
	}
	checkFindings(t, "cdk-nag", report.Found)
}
