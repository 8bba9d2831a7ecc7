package stack

import (
	"errors"
	"fmt"
	"maps"
	"net/mail"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"commerce-segment/infra/stack/outputs"
)

// The context values of a deployment: cdk deploy -c prefix=/my-shop, or the same key under
// "context" in cdk.json.
const (
	contextPrefix       = "prefix"
	contextAlarmEmail   = "alarmEmail"
	contextLogRetention = "logRetentionDays"
	contextArchitecture = "architecture"
)

// The defaults of the context values.
const (
	defaultPrefix           = "/commerce-segment"
	defaultLogRetentionDays = 30
	defaultArchitecture     = "arm64"
)

// Options are the options of the deployment of one store.
type Options struct {
	// Prefix is the beginning of the names of all parameters of the store. Another prefix
	// is another store, also in the same account and region.
	Prefix string
	// AlarmEmail is an address that receives every alarm, after its owner has confirmed
	// the subscription by e-mail. "" means no subscription.
	AlarmEmail string
	// LogRetentionDays is how long CloudWatch keeps the logs of the functions and the API,
	// in days.
	LogRetentionDays int
	// Architecture is the processor of the functions: arm64 or x86_64.
	Architecture string
	// Revision is the deployed revision of the source, as git describes it. It is not a
	// context value.
	Revision string
}

// OptionsOf reads the options of a deployment from the context of the app. The error names
// every key with a wrong value, and says what a right value is.
func OptionsOf(app constructs.Construct) (Options, error) {
	r := contextReader{node: app.Node()}
	o := Options{
		Prefix:           r.text(contextPrefix, defaultPrefix, checkPrefix),
		AlarmEmail:       r.text(contextAlarmEmail, "", checkEmail),
		LogRetentionDays: r.days(contextLogRetention, defaultLogRetentionDays),
		Architecture:     r.text(contextArchitecture, defaultArchitecture, checkArchitecture),
	}
	return o, errors.Join(r.wrong...)
}

// contextReader reads context values and collects all errors.
type contextReader struct {
	node  constructs.Node
	wrong []error
}

func (r *contextReader) text(key, otherwise string, check func(string) error) string {
	switch value := r.node.TryGetContext(jsii.String(key)).(type) {
	case nil:
		return otherwise
	case string:
		if err := check(value); err != nil {
			r.addError(key, err)
		}
		return value
	default:
		r.addError(key, fmt.Errorf("%v is not a string: put it in quotes", value))
		return ""
	}
}

// days reads a number of days: a JSON number from cdk.json, or a string from the command
// line.
func (r *contextReader) days(key string, otherwise int) int {
	value := r.node.TryGetContext(jsii.String(key))
	if value == nil {
		return otherwise
	}
	days, err := strconv.Atoi(fmt.Sprint(value))
	if _, known := retentions[days]; err != nil || !known {
		r.addError(key, fmt.Errorf("CloudWatch cannot keep a log for %q days: use one of %s",
			fmt.Sprint(value), joined(slices.Sorted(maps.Keys(retentions)))))
	}
	return days
}

func (r *contextReader) addError(key string, why error) {
	r.wrong = append(r.wrong, fmt.Errorf("context value %s: %w", key, why))
}

// prefixPattern is stricter than Parameter Store, so that the names of all resources can be
// derived from the prefix, and two prefixes never have the same name: see
// outputs.StackName.
var prefixPattern = regexp.MustCompile(`^/[a-z][a-z0-9]*(-[a-z0-9]+)*(/[a-z0-9]+(-[a-z0-9]+)*)*$`)

// maxStackName leaves room for the longest name that begins with the name of the stack: a
// function's name has at most 64 characters (Lambda, CreateFunction).
const maxStackName = 64 - len("-customer-created")

func checkPrefix(prefix string) error {
	const remedy = "use one such as /commerce-segment or /my-shop/eu"
	switch {
	case !prefixPattern.MatchString(prefix):
		return fmt.Errorf("%q is not a valid prefix: a prefix begins with a slash and a letter, and has lower-case letters, "+
			"digits, single hyphens between them, and slashes: %s", prefix, remedy)
	case strings.HasPrefix(prefix, "/aws") || strings.HasPrefix(prefix, "/ssm"):
		return fmt.Errorf("%q begins with /aws or /ssm, which Parameter Store reserves for AWS: %s", prefix, remedy)
	case len(Options{Prefix: prefix}.StackName()) > maxStackName:
		return fmt.Errorf("%q is too long: the names of the functions begin with it, and Lambda allows at most 64 characters: "+
			"use one of at most %d characters", prefix, maxStackName)
	}
	return nil
}

func checkEmail(email string) error {
	address, err := mail.ParseAddress(email)
	if err != nil || address.Address != email {
		return fmt.Errorf("%q is not an e-mail address: use one such as on-call@example.com, or leave it out", email)
	}
	return nil
}

func checkArchitecture(architecture string) error {
	if _, known := architectures[architecture]; !known {
		return fmt.Errorf("%q is not an architecture of Lambda: use arm64 or x86_64", architecture)
	}
	return nil
}

// StackName returns the name of the stack.
func (o Options) StackName() string { return outputs.StackName(o.Prefix) }

// name returns the physical name of a resource of the stack.
func (o Options) name(parts ...string) *string {
	return jsii.String(strings.Join(append([]string{o.StackName()}, parts...), "-"))
}

// parameterName returns the full name of a parameter for its name below the prefix, which
// package settings uses.
func (o Options) parameterName(name string) string { return o.Prefix + "/" + name }

// architectures has the architectures of Lambda, with their names in Go.
var architectures = map[string]struct {
	lambda func() awslambda.Architecture
	goarch string
}{
	"arm64":  {awslambda.Architecture_ARM_64, "arm64"},
	"x86_64": {awslambda.Architecture_X86_64, "amd64"},
}

// retentions has the numbers of days for which CloudWatch Logs can keep a log
// (PutRetentionPolicy, retentionInDays).
var retentions = map[int]awslogs.RetentionDays{
	1:    awslogs.RetentionDays_ONE_DAY,
	3:    awslogs.RetentionDays_THREE_DAYS,
	5:    awslogs.RetentionDays_FIVE_DAYS,
	7:    awslogs.RetentionDays_ONE_WEEK,
	14:   awslogs.RetentionDays_TWO_WEEKS,
	30:   awslogs.RetentionDays_ONE_MONTH,
	60:   awslogs.RetentionDays_TWO_MONTHS,
	90:   awslogs.RetentionDays_THREE_MONTHS,
	120:  awslogs.RetentionDays_FOUR_MONTHS,
	150:  awslogs.RetentionDays_FIVE_MONTHS,
	180:  awslogs.RetentionDays_SIX_MONTHS,
	365:  awslogs.RetentionDays_ONE_YEAR,
	400:  awslogs.RetentionDays_THIRTEEN_MONTHS,
	545:  awslogs.RetentionDays_EIGHTEEN_MONTHS,
	731:  awslogs.RetentionDays_TWO_YEARS,
	1096: awslogs.RetentionDays_THREE_YEARS,
	1827: awslogs.RetentionDays_FIVE_YEARS,
	2192: awslogs.RetentionDays_SIX_YEARS,
	2557: awslogs.RetentionDays_SEVEN_YEARS,
	2922: awslogs.RetentionDays_EIGHT_YEARS,
	3288: awslogs.RetentionDays_NINE_YEARS,
	3653: awslogs.RetentionDays_TEN_YEARS,
}

func joined(numbers []int) string {
	texts := make([]string, len(numbers))
	for i, number := range numbers {
		texts[i] = strconv.Itoa(number)
	}
	return strings.Join(texts, ", ")
}
