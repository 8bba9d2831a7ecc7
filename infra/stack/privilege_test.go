package stack

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"commerce-segment/shared/tracking"
)

// statement is one statement of any policy in the stack.
type statement struct {
	where      string // the resource's type and the statement's Sid
	effect     string
	actions    []string
	resources  []string // none in a role's trust policy
	principals []string // of a resource's policy
	conditions string
	isTrust    bool
}

// wildcards has the statements with a * in what they allow, and why they need it. No other
// statement may have one.
var wildcards = map[string]string{
	// The ARN of a log group ends in it: it means the streams in the group.
	"AWS::IAM::Role WriteItsLog": "arn:aws:logs:REGION:ACCOUNT:log-group:/aws/lambda/",
	// The ARN of the key is not known before the first secret is stored. Two conditions
	// restrict it to this key: see TestOnlyParameterStoreMayDecrypt.
	"AWS::IAM::Role DecryptParameters": "arn:aws:kms:REGION:ACCOUNT:key/*",
	// X-Ray has no resources to name (Service Authorization Reference).
	"AWS::IAM::Role Trace": "*",
	// Lambda checks that the role may do it on all resources: see networkPermissions.
	"AWS::IAM::Role ConnectToTheVPC": "*",
}

func TestNoPolicyAllowsMoreThanItNames(t *testing.T) {
	statements := statementsOf(t, deployedTemplate(t))
	if want := 11*len(tracking.All()) + 2; len(statements) != want { // seven of each role and its trust, one of each of three queues, the topic's two
		t.Errorf("there are %d statements in the stack, want %d: this test must see all of them", len(statements), want)
	}
	for _, s := range statements {
		if s.effect != "Allow" {
			continue // it denies
		}
		for _, action := range s.actions {
			if strings.Contains(action, "*") {
				t.Errorf("%s allows %s", s.where, action)
			}
		}
		for _, principal := range s.principals {
			if strings.Contains(principal, "*") {
				t.Errorf("%s allows it to %s", s.where, principal)
			}
		}
		if len(s.resources) == 0 && !s.isTrust {
			t.Errorf("%s names no resource", s.where)
		}
		for _, resource := range s.resources {
			excepted, known := wildcards[s.where]
			if strings.Contains(resource, "*") && !(known && strings.HasPrefix(resource, excepted)) {
				t.Errorf("%s allows it on %s", s.where, resource)
			}
		}
	}
}

func TestEachFunctionHasPermissionsOnItsOwnResourcesOnly(t *testing.T) {
	tmpl := deployedTemplate(t)
	for _, row := range tracking.All() {
		t.Run(row.Name, func(t *testing.T) {
			queue := "arn:aws:sqs:REGION:ACCOUNT:commerce-segment-" + row.Name
			parameter := "arn:aws:ssm:REGION:ACCOUNT:parameter/commerce-segment/"
			want := []string{
				"kms:Decrypt on arn:aws:kms:REGION:ACCOUNT:key/*",
				"logs:CreateLogStream on arn:aws:logs:REGION:ACCOUNT:log-group:/aws/lambda/commerce-segment-" + row.Name + ":*",
				"logs:PutLogEvents on arn:aws:logs:REGION:ACCOUNT:log-group:/aws/lambda/commerce-segment-" + row.Name + ":*",
				"sqs:ChangeMessageVisibility on " + queue + "-waiting",
				"sqs:DeleteMessage on " + queue,
				"sqs:DeleteMessage on " + queue + "-waiting",
				"sqs:GetQueueAttributes on " + queue,
				"sqs:GetQueueAttributes on " + queue + "-waiting",
				"sqs:ReceiveMessage on " + queue,
				"sqs:ReceiveMessage on " + queue + "-waiting",
				"sqs:SendMessage on " + queue,
				"sqs:SendMessage on " + queue + "-dead-letters",
				"sqs:SendMessage on " + queue + "-waiting",
				"ssm:GetParameters on " + parameter + "commerce/currencies",
				"ssm:GetParameters on " + parameter + "commerce/webhook-secret",
				"ssm:GetParameters on " + parameter + "segment/host",
				"ssm:GetParameters on " + parameter + "segment/path",
				"ssm:GetParameters on " + parameter + "segment/write-key",
				"ssm:GetParameters on " + parameter + "templates/" + row.Name,
				"ssm:GetParameters on " + parameter + "tracking/" + row.Name + "/enabled",
				"ssm:GetParameters on " + parameter + "tracking/" + row.Name + "/events",
				"xray:PutTelemetryRecords on *",
				"xray:PutTraceSegments on *",
			}
			if row.Name == tracking.OrderRefunded.Name { // its template calls Commerce
				for _, name := range []string{"client-id", "client-secret", "token-url"} {
					want = append(want, "ssm:GetParameters on "+parameter+"commerce/"+name)
				}
				slices.Sort(want)
			}
			if row.Call == tracking.Delete {
				want = append(want, "ssm:GetParameters on "+parameter+"segment/api-host", "ssm:GetParameters on "+parameter+"segment/api-token")
				slices.Sort(want)
			}
			role := roleOf(t, tmpl, "commerce-segment-"+row.Name)
			if got := grants(t, role); !slices.Equal(got, want) {
				t.Errorf("the function may\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			check(t, role, "ManagedPolicyArns", nil) // the managed policy for Lambda allows every log
		})
	}
}

func TestOnlyParameterStoreMayDecrypt(t *testing.T) {
	// Without the conditions the permission is for every key of the account. With the ARN
	// of the alias as the resource it would be for no key, and no emulator would detect it.
	want := "map[ForAnyValue:StringEquals:map[kms:ResourceAliases:alias/aws/ssm] " +
		"StringEquals:map[kms:ViaService:ssm.REGION.amazonaws.com]]"
	for _, s := range statementsOf(t, deployedTemplate(t)) {
		if slices.Contains(s.actions, "kms:Decrypt") && s.conditions != want {
			t.Errorf("%s has the conditions %s, want %s", s.where, s.conditions, want)
		}
	}
}

func TestOnlyLambdaCanAssumeTheRoles(t *testing.T) {
	for _, s := range statementsOf(t, deployedTemplate(t)) {
		if s.isTrust && !slices.Equal(s.principals, []string{"lambda.amazonaws.com"}) {
			t.Errorf("%s: the role can be assumed by %v, want Lambda only", s.where, s.principals)
		}
	}
}

func TestAlarmsOfThisAccountMayPublish(t *testing.T) {
	// The policy of the topic replaces the default one. Without this statement no alarm
	// would be published.
	for _, s := range statementsOf(t, deployedTemplate(t)) {
		if s.where == "AWS::SNS::TopicPolicy AlarmsOfThisAccount" {
			if s.effect != "Allow" || !slices.Equal(s.principals, []string{"cloudwatch.amazonaws.com"}) ||
				s.conditions != "map[StringEquals:map[aws:SourceAccount:ACCOUNT]]" {
				t.Errorf("the statement is %+v", s)
			}
			return
		}
	}
	t.Error("no statement allows to publish to the topic")
}

// statementsOf returns the statements of every policy of a stack.
func statementsOf(t *testing.T, tmpl template) []statement {
	t.Helper()
	var all []statement
	for _, r := range tmpl.Resources {
		all = append(all, policyStatements(r, r.at("PolicyDocument"))...)
		all = append(all, policyStatements(r, r.at("KeyPolicy"))...)
		policies, _ := r.at("Policies").([]any)
		for i := range policies {
			all = append(all, policyStatements(r, r.at("Policies", i, "PolicyDocument"))...)
		}
		for _, trust := range policyStatements(r, r.at("AssumeRolePolicyDocument")) {
			trust.isTrust = true
			all = append(all, trust)
		}
	}
	return all
}

func policyStatements(r resource, document any) []statement {
	var statements []statement
	policy, _ := document.(map[string]any)
	rows, _ := policy["Statement"].([]any)
	for _, row := range rows {
		fields := row.(map[string]any)
		statements = append(statements, statement{
			where:      strings.TrimSpace(r.Type + " " + texts(fields["Sid"])[0]),
			effect:     fmt.Sprint(fields["Effect"]),
			actions:    append(present(fields["Action"]), present(fields["NotAction"])...),
			resources:  append(present(fields["Resource"]), present(fields["NotResource"])...),
			principals: present(fields["Principal"]),
			conditions: fmt.Sprint(fields["Condition"]),
		})
	}
	return statements
}

// grants returns the permissions of a role, "action on resource", sorted.
func grants(t *testing.T, role resource) []string {
	t.Helper()
	var all []string
	policies, _ := role.at("Policies").([]any)
	for i := range policies {
		for _, s := range policyStatements(role, role.at("Policies", i, "PolicyDocument")) {
			for _, action := range s.actions {
				for _, resource := range s.resources {
					all = append(all, action+" on "+resource)
				}
			}
		}
	}
	slices.Sort(all)
	return all
}

// roleOf returns the role of a function.
func roleOf(t *testing.T, tmpl template, function string) resource {
	t.Helper()
	arn := tmpl.one(t, "AWS::Lambda::Function", "FunctionName", function).Properties["Role"].(string)
	return tmpl.Resources[strings.TrimSuffix(arn, ".Arn")]
}

// present returns the texts of a value, and none for nil.
func present(value any) []string {
	return slices.DeleteFunc(texts(value), func(text string) bool { return text == "" })
}

// texts flattens a string, a list or a map of strings.
func texts(value any) []string {
	switch v := value.(type) {
	case []any:
		var all []string
		for _, element := range v {
			all = append(all, texts(element)...)
		}
		return all
	case map[string]any:
		var all []string
		for _, element := range v {
			all = append(all, texts(element)...)
		}
		return all
	case nil:
		return []string{""}
	default:
		return []string{fmt.Sprint(v)}
	}
}
