package stack

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/commercetest"
	"commerce-segment/infra/emulator"
	"commerce-segment/infra/tools"
)

// workflow is a part of a workflow of GitHub Actions.
type workflow struct {
	Defaults struct {
		Run struct{ Shell string }
	}
	Jobs map[string]struct {
		Env   map[string]string
		Steps []workflowStep
	}
}

type workflowStep struct {
	Name, Uses, Run string
	Env             map[string]string
}

// TestThePipelineDeploysAStore runs the commands of infra/docs/deploy.yml as GitHub does, with an
// emulator of AWS and a fake of Commerce.
func TestThePipelineDeploysAStore(t *testing.T) {
	t.Parallel()
	aws, shop := emulator.Start(t), commercetest.Start(t)
	aws.CDK(t, t.TempDir(), "bootstrap", "aws://"+emulator.Account+"/"+emulator.Region)
	p := pipeline{
		workflow: readWorkflow(t), checkout: checkOut(t), summary: filepath.Join(t.TempDir(), "summary"),
		expressions: map[string]string{
			"matrix.environment": "prod",
			"vars.SEGMENT_HOST":  "https://api.segment.io", "secrets.SEGMENT_WRITE_KEY": "PLANTED-key",
			"vars.COMMERCE_URL": shop.URL, "vars.COMMERCE_CLIENT_ID": commercetest.ClientID, "secrets.COMMERCE_CLIENT_SECRET": commercetest.ClientSecret,
		},
		// The method is direct, because the emulator's change sets lose the outputs.
		environment: append(emulator.Environment(aws.URL), "CDK_METHOD=direct", "CDK_DISABLE_CLI_TELEMETRY=true"),
	}
	environments, err := json.Marshal(map[string]any{"prod": map[string]any{
		"prefix": "/shop", "account": emulator.Account, "region": emulator.Region, "architecture": hostArchitecture(), "alarmEmail": "on-call@example.com",
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.checkout, "infra", "environments.json"), environments, 0o644); err != nil {
		t.Fatal(err)
	}

	p.run(t, "diff")
	summary, err := os.ReadFile(p.summary)
	if err != nil || !strings.HasPrefix(string(summary), "### prod\n") || !strings.Contains(string(summary), "[+] AWS::Lambda::Function") {
		t.Errorf("the summary is %v\n%s", err, summary)
	}
	said := p.run(t, "deploy")
	for _, secret := range []string{"PLANTED-key", commercetest.ClientSecret} {
		if strings.Contains(said, secret) {
			t.Errorf("the steps print the secret %s:\n%s", secret, said)
		}
	}
	var report struct{ State string }
	if _, last, _ := strings.Cut(said, "\n{\n"); json.Unmarshal([]byte("{\n"+last), &report) != nil || report.State != "working" {
		t.Errorf("the last step does not say in JSON that the store works:\n%s", said)
	}
	if got := len(shop.Integrations()); got != len((Options{}).trackings()) {
		t.Errorf("Commerce has %d webhooks, want one for each tracking that is deployed", got)
	}
}

// pipeline runs the jobs of a workflow on this machine.
type pipeline struct {
	workflow    workflow
	checkout    string
	summary     string            // the file that GitHub shows as the summary of the run
	expressions map[string]string // the value of each expression in the environment of a step
	environment []string
}

// run runs the commands of a job and returns what they print. Actions are not run: their work is
// done already.
func (p pipeline) run(t *testing.T, job string) (said string) {
	t.Helper()
	temporary := t.TempDir()
	script, file := filepath.Join(temporary, "script"), filepath.Join(temporary, "variables")
	environment := append(p.environment, "GITHUB_ENV="+file, "GITHUB_STEP_SUMMARY="+p.summary, "RUNNER_TEMP="+temporary)
	environment = append(environment, p.variables(t, p.workflow.Jobs[job].Env)...)
	for _, step := range p.workflow.Jobs[job].Steps {
		if step.Run == "" {
			continue
		}
		started := time.Now()
		if err := os.WriteFile(script, []byte(step.Run), 0o644); err != nil {
			t.Fatal(err)
		}
		shell := strings.Fields(strings.ReplaceAll(p.workflow.Defaults.Run.Shell, "{0}", script))
		command := exec.CommandContext(t.Context(), shell[0], shell[1:]...)
		command.Dir = p.checkout
		command.Env = append(append(os.Environ(), environment...), p.variables(t, step.Env)...)
		if written, err := os.ReadFile(file); err == nil {
			command.Env = append(command.Env, strings.Split(strings.TrimSpace(string(written)), "\n")...)
		}
		output, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("the step %q of the job %s: %v\n%s", step.Name, job, err, output)
		}
		t.Logf("%s: %.1f s", step.Name, time.Since(started).Seconds())
		said += string(output)
	}
	return said
}

var expression = regexp.MustCompile(`\$\{\{ (.+?) \}\}`)

// variables returns the variables of a job or a step with the values of their expressions.
func (p pipeline) variables(t *testing.T, env map[string]string) (all []string) {
	t.Helper()
	for name, value := range env {
		all = append(all, name+"="+expression.ReplaceAllStringFunc(value, func(match string) string {
			name := expression.FindStringSubmatch(match)[1]
			value, known := p.expressions[name]
			if !known {
				t.Errorf("the test has no value for the expression %s", name)
			}
			return value
		}))
	}
	return all
}

// readWorkflow reads the pipeline. It checks that each action is pinned to a commit, and that no
// expression is in a command, where its value would be run.
func readWorkflow(t *testing.T) (w workflow) {
	t.Helper()
	read := exec.CommandContext(t.Context(), tools.Python(t), "-c", "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)",
		filepath.Join(tools.Infra(t), "docs", "deploy.yml"))
	content, err := read.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &w); err != nil {
		t.Fatal(err)
	}
	pinned := regexp.MustCompile(`^[\w-]+/[\w-]+@[0-9a-f]{40}$`)
	for _, job := range w.Jobs {
		for _, step := range job.Steps {
			if step.Uses != "" && !pinned.MatchString(step.Uses) {
				t.Errorf("the action %s is not pinned to a commit", step.Uses)
			}
			if expression.MatchString(step.Run) {
				t.Errorf("the step %q has an expression in its command: give the value in env", step.Name)
			}
		}
	}
	return w
}

// checkOut copies the files of the repository, with the changes that are not committed, into a
// directory of its own. The CDK's program is installed already.
func checkOut(t *testing.T) (directory string) {
	t.Helper()
	root, directory := filepath.Dir(tools.Infra(t)), t.TempDir()
	files, err := exec.CommandContext(t.Context(), "git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.SplitSeq(strings.Trim(string(files), "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join(root, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it is deleted, and that is not committed
		}
		target := filepath.Join(directory, name)
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(target), 0o755), os.WriteFile(target, content, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	// make installs the packages again if the list of them is newer.
	lock := filepath.Join(directory, "infra", "package-lock.json")
	if err := errors.Join(os.Chtimes(lock, time.Unix(0, 0), time.Unix(0, 0)), os.Symlink(tools.NodeModules(t), filepath.Join(directory, "infra", "node_modules"))); err != nil {
		t.Fatal(err)
	}
	return directory
}
