package stack

import (
	"strings"
	"testing"

	"commerce-segment/shared/tracking"
)

func TestAnInvalidContextValueIsAnErrorThatSaysWhatToDo(t *testing.T) {
	for _, test := range []struct {
		name  string
		key   string
		value any
		want  string
	}{
		{"a prefix without its slash", "prefix", "my-shop", "use one such as /commerce-segment"},
		{"a prefix with a capital letter", "prefix", "/MyShop", "lower-case letters"},
		{"a prefix that ends in a slash", "prefix", "/my-shop/", "use one such as"},
		{"a prefix with two hyphens, which would be another's name", "prefix", "/my--shop", "single hyphens"},
		{"a prefix that Parameter Store keeps for AWS", "prefix", "/aws-shop", "reserves for AWS"},
		{"a prefix that makes names too long", "prefix", "/" + strings.Repeat("a", 48), "at most 47 characters"},
		{"an empty prefix", "prefix", "", "is not a valid prefix"},
		{"a prefix that is a number", "prefix", 7, "not a string"},
		{"an address that is none", "alarmEmail", "on-call", "use one such as on-call@example.com"},
		{"an address with a name", "alarmEmail", "On Call <on-call@example.com>", "is not an e-mail address"},
		{"days that CloudWatch does not know", "logRetentionDays", "31", "use one of 1, 3, 5, 7, 14, 30, 60,"},
		{"days that are no number", "logRetentionDays", "a month", `"a month" is not a whole number`},
		{"one of several addresses that is none", "alarmEmail", []any{"on-call@example.com", "ops"}, `"ops" is not an e-mail address`},
		{"an address of the alarms that is not encrypted", "alarmUrl", "http://alarms.example.com/PLANTED", "one of them is not an https URL"},
		{"a channel of Slack without its workspace", "alarmSlack", "C0123ABCD", "such as T0123ABCD/C0123ABCD"},
		{"a channel of Teams without its tenant", "alarmTeams", "19:abc@thread.tacv2", "the ids of the team, of the tenant and of the channel"},
		{"a topic that is named", "alarmTopic", "on-call", "is not the ARN of a standard topic"},
		{"a topic to which no alarm can publish", "alarmTopic", "arn:aws:sns:eu-west-1:123456789012:on-call.fifo", "is not the ARN of a standard topic"},
		{"more hours than CloudWatch looks back", "silenceHours", 169, "from 0 to 168"},
		{"hours that are no number", "silenceHours", "a day", "is not a whole number"},
		{"an architecture that Go calls so", "architecture", "amd64", "use arm64 or x86_64"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := synthesizeSource(map[string]any{test.key: test.value}, noCompiler{})
			checkError(t, err, "context value "+test.key+": ")
			checkError(t, err, test.want)
		})
	}
}

func TestAllInvalidContextValuesAreReportedAtOnce(t *testing.T) {
	_, err := synthesizeSource(map[string]any{"prefix": "x", "alarmEmail": "x", "logRetentionDays": 2, "architecture": "x"}, noCompiler{})
	for _, key := range []string{"prefix", "alarmEmail", "logRetentionDays", "architecture"} {
		checkError(t, err, "context value "+key)
	}
}

func TestContextValuesReachTheStack(t *testing.T) {
	for _, days := range []any{"90", 90, 90.0} { // from the command line, and from cdk.json
		tmpl, err := synthesize(map[string]any{
			"prefix": "/my-shop/eu", "logRetentionDays": days, "architecture": "x86_64",
		}, noCompiler{})
		if err != nil {
			t.Fatal(err)
		}
		function := tmpl.one(t, "AWS::Lambda::Function", "FunctionName", "my-shop--eu-order-completed")
		check(t, function, "Architectures", []any{"x86_64"})
		tmpl.one(t, "AWS::SSM::Parameter", "Name", "/my-shop/eu/templates/order-completed")
		for _, log := range tmpl.ofType("AWS::Logs::LogGroup") {
			check(t, log, "RetentionInDays", 90.0)
		}
	}
}

func TestNoNameOfAStackEndsInAnother(t *testing.T) {
	// So two stores with different stack names never have a resource of the same name:
	// <stack>-<name> can be the same for both only if one name ends in a hyphen and the
	// other name.
	suffixes := []string{"alarms", "throttled", "api-5xx", "api-429", "forged", "unverified", "blocked", "late", "failed", "too-large", "silent"}
	for _, row := range tracking.All() {
		suffixes = append(suffixes, row.Name)
		for _, what := range []string{"dead-letters", "age", "errors", "throttles"} {
			suffixes = append(suffixes, row.Name+"-"+what)
		}
	}
	for _, one := range suffixes {
		for _, other := range suffixes {
			if strings.HasSuffix(one, "-"+other) {
				t.Errorf("the name %s ends in the name %s", one, other)
			}
		}
	}
}
