package cli

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/infra/commercetest"
	"commerce-segment/infra/emulator"
	"commerce-segment/infra/hub/access"
	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/infra/publicapitest"
	"commerce-segment/shared/tracking"
)

// Each command with --prefix runs, and calls only what the policy of its role allows. The
// policies allow no action that no command calls.
func TestThePoliciesAllowExactlyWhatTheCommandsCall(t *testing.T) {
	deployed := &recorder{aws: standInShop(t), paused: map[string]bool{}}
	server := httptest.NewServer(deployed)
	defer server.Close()
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	commerce := commercetest.Start(t)
	t.Setenv("COMMERCE_CLIENT_SECRET", commercetest.ClientSecret)
	t.Setenv("SEGMENT_WRITE_KEY", "PLANTED-key")
	t.Setenv("SEGMENT_API_TOKEN", publicapitest.Token)
	t.Setenv("SEGMENT_API_HOST", publicapitest.Start(t).URL)
	t.Chdir(t.TempDir())

	everyTracking := []string{"--trackings", strings.Join(tracking.Optional(), ",")} // the stand-in has them all
	called, ran := map[string][]string{}, map[string]bool{}
	for _, step := range []struct {
		command   string
		arguments []string
	}{
		{"configure", []string{"--untested", "--commerce-url", commerce.URL, "--commerce-client-id", commercetest.ClientID}},
		{"webhooks urls", nil},
		{"webhooks sync", []string{"--yes"}},
		{"webhooks list", nil},
		{"settings", nil},
		{"sources list", nil},
		{"sources create", []string{"Shop", "--use"}},
		{"plan show", nil},
		{"plan diff", nil},
		{"plan push", []string{"--name", "Commerce", "--yes"}},
		{"status", nil},
		{"doctor", nil},
		{"executions", []string{"--summary"}},
		{"trace", []string{"order-1"}},
		{"reconcile", []string{"--since", "1h"}},
		{"revenue", []string{"--since", "1h"}},
		{"deletions", nil},
		{"compare", []string{theirFile(t, completed("1", "a", "1", time.Now()))}},
		{"received", nil},
		{"templates pull", nil},
		{"templates diff", nil},
		{"templates push", []string{"--yes"}},
		{"templates versions", []string{"order-completed"}},
		{"templates restore", []string{"order-completed", "1"}},
		{"templates fields", []string{"order-completed", "add", "subtotal"}},
		{"pause", []string{"--all"}},
		{"export", []string{"store.jsonl.gz", "--secrets"}},
		{"import", []string{"store.jsonl.gz", "--yes"}},
		{"resume", []string{"--all"}},
		{"backfill", []string{"orders", "--since", "1h", "--yes"}},
		{"deadletters list", nil},
		{"deadletters redrive", nil},
		{"retry", nil},
		{"rotate", []string{"--no-wait"}},
		{"webhooks remove", []string{"--yes"}},
		{"unprotect", []string{"--yes"}},
	} {
		if step.command == "templates push" {
			hubtest.WriteFile(t, filepath.Join("templates", "order-completed.jsonata"), hubtest.Simple)
		}
		if step.command == "deadletters list" {
			queuesOf(t, tracking.OrderCompleted).fail("message_invalid", "order-1")
		}
		from := deployed.count()
		arguments := append(append(strings.Fields(step.command), step.arguments...), "--prefix", shop)
		got := command(t, "", arguments...)
		t.Logf("hub %s exits %d: %s", step.command, got.code, got.stderr)
		name := "hub " + step.command
		role := access.Commands[name]
		ran[name] = true
		policy := policyOf(t, role, everyTracking...)
		if role == access.Operator {
			policy.Statement = append(policy.Statement, policyOf(t, access.Reader, everyTracking...).Statement...)
		}
		for _, call := range deployed.since(from) {
			for _, resource := range call.Resources {
				action := call.Service + ":" + call.Action
				if !allows(policy, action, resource) {
					t.Errorf("%s calls %s on %s, which the policy of a %s does not allow", name, action, resource, role)
				}
				called[role] = append(called[role], action)
			}
		}
	}

	ran["hub console"] = true // its pages call the same functions as the commands
	for name := range access.Commands {
		if !ran[name] {
			t.Errorf("%s is in the table of commands, and this test does not run it", name)
		}
	}
	everyCommand(newRoot(), func(cmd *cobra.Command) {
		if path := cmd.CommandPath(); cmd.Flags().Lookup("prefix") != nil && access.Commands[path] == "" && path != "hub policy" {
			t.Errorf("%s has --prefix, and access.Commands does not say which role it needs", path)
		}
	})
	called[access.Deployer] = append(called[access.Deployer], "sts:AssumeRole") // by the CDK
	for _, role := range access.Roles() {
		for _, statement := range policyOf(t, role).Statement {
			for _, action := range statement.Action {
				if !slices.Contains(called[role], action) {
					t.Errorf("the policy of a %s allows %s, which no command of this role calls", role, action)
				}
			}
		}
	}
}

// policyOf returns the policy that hub policy prints.
func policyOf(t *testing.T, role string, arguments ...string) access.Policy {
	t.Helper()
	got := succeeds(t, append([]string{"policy", role, "--account", emulator.Account, "--region", emulator.Region, "--prefix", shop}, arguments...)...)
	var policy access.Policy
	if err := json.Unmarshal([]byte(got.stdout), &policy); err != nil {
		t.Fatal(err)
	}
	return policy
}

// allows returns whether a policy allows an action on a resource, apart from conditions.
func allows(policy access.Policy, action, resource string) bool {
	return slices.ContainsFunc(policy.Statement, func(s access.Statement) bool {
		return slices.Contains(s.Action, action) && slices.ContainsFunc(s.Resource, func(pattern string) bool {
			return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + "$").MatchString(resource)
		})
	})
}

func everyCommand(cmd *cobra.Command, do func(*cobra.Command)) {
	do(cmd)
	for _, sub := range cmd.Commands() {
		everyCommand(sub, do)
	}
}

// A value that would be a wildcard in an ARN, or breaks it, is rejected.
func TestHubPolicyRejectsWhatIsNoPartOfAnARN(t *testing.T) {
	for _, wrong := range [][]string{
		{"--account", "*"}, {"--region", "eu-*"}, {"--prefix", "/*"}, {"--prefix", "shop"}, {"--key", "arn:aws:kms:eu-west-1:123456789012:key/*"}, {"--qualifier", "*"},
		{"--topic", "arn:aws:sns:eu-west-1:123456789012:*"},
	} {
		arguments := append([]string{"policy", access.Operator, "--account", emulator.Account, "--region", emulator.Region}, wrong...)
		if got := command(t, "", arguments...); got.code != exitFailed || !strings.Contains(got.stderr, wrong[0]+` "`+wrong[1]+`": write`) {
			t.Errorf("with %q it exits %d and says %s", wrong, got.code, got.stderr)
		}
	}
	if got := command(t, "", "policy", "owner", "--account", emulator.Account, "--region", emulator.Region); !strings.Contains(got.stderr, "reader, operator, deployer") {
		t.Errorf("for an unknown role it says %s", got.stderr)
	}
}

// A store with a key of the customer's own needs it for its settings and its events.
func TestHubPolicyAllowsTheKeyOfTheStore(t *testing.T) {
	const key = "arn:aws:kms:us-east-1:123456789012:key/1234abcd"
	for role, actions := range map[string][]string{
		access.Reader: {"kms:Decrypt"}, access.Operator: {"kms:Encrypt", "kms:GenerateDataKey"},
	} {
		policy := policyOf(t, role, "--key", key)
		for _, action := range actions {
			if !allows(policy, action, key) {
				t.Errorf("the policy of a %s does not allow %s with the key", role, action)
			}
		}
		if printed := fmt.Sprint(policyOf(t, role)); strings.Contains(printed, "kms:") {
			t.Errorf("without a key, the policy of a %s is %s", role, printed)
		}
	}
}

// A store whose alarms go to an existing topic has none of its own.
func TestHubPolicyAllowsTheTopicOfTheStore(t *testing.T) {
	const topic, own = "arn:aws:sns:us-east-1:123456789012:on-call", "arn:aws:sns:us-east-1:123456789012:commerce-segment-alarms"
	policy := policyOf(t, access.Reader, "--topic", topic)
	if action := "sns:ListSubscriptionsByTopic"; !allows(policy, action, topic) || allows(policy, action, own) {
		t.Errorf("the policy is %+v", policy)
	}
}

// IAM takes a policy of at most 6,144 characters without spaces (IAM, "IAM and AWS STS quotas").
// The longest prefix is that of the longest name of a function, commerce-segment-customer-created.
func TestAPolicyIsNotTooLongForIAM(t *testing.T) {
	prefix := "/" + strings.Repeat("p", 64-len("-customer-created"))
	for _, role := range access.Roles() {
		policy := policyOf(t, role, "--prefix", prefix, "--region", "ap-southeast-1",
			"--key", "arn:aws:kms:ap-southeast-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab")
		if text, err := json.Marshal(policy); err != nil || len(text) > 6144 {
			t.Errorf("the policy of a %s has %d characters, %v", role, len(text), err)
		}
	}
}

// The table of commands in security.md says what the policies are made of.
func TestSecurityHasTheRoleOfEachCommand(t *testing.T) {
	document, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range access.Roles() {
		var names []string
		for name, needs := range access.Commands {
			if needs == role {
				names = append(names, "`"+strings.TrimPrefix(name, "hub ")+"`")
			}
		}
		slices.Sort(names)
		if row := "| `" + role + "` | " + strings.Join(names, ", "); !strings.Contains(string(document), row) {
			t.Errorf("infra/docs/security.md does not have the row\n%s", row)
		}
	}
}
