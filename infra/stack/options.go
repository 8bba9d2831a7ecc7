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

// The context values that a deployment may be given: cdk deploy -c prefix=/my-shop,
// or the same key under "context" in cdk.json.
const (
	contextPrefix       = "prefix"
	contextAlarmEmail   = "alarmEmail"
	contextLogRetention = "logRetentionDays"
	contextArchitecture = "architecture"
)

// What a deployment is that was given no context.
const (
	defaultPrefix           = "/commerce-segment"
	defaultLogRetentionDays = 30
	defaultArchitecture     = "arm64"
)

// Options is one deployment: one store.
type Options struct {
	// Prefix is what the names of all its parameters begin with. Another prefix is
	// another store, in the same account and region too.
	Prefix string
	// AlarmEmail hears of every alarm, once its owner has confirmed the mail that
	// SNS sends there. "" subscribes nobody to the topic.
	AlarmEmail string
	// LogRetentionDays is how long CloudWatch keeps what the functions and the API
	// log, in days.
	LogRetentionDays int
	// Architecture is the processor that the functions are built for and run on:
	// arm64 or x86_64.
	Architecture string
	// Revision is what git says of the source that is deployed; no context value.
	Revision string
}

// OptionsOf reads a deployment's options from the app's context. Its error names
// every key with a wrong value, and says what to put there.
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

// contextReader reads one context value after the other and gathers what is wrong.
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
			r.refuse(key, err)
		}
		return value
	default:
		r.refuse(key, fmt.Errorf("%v is not a string: put it into quotes", value))
		return ""
	}
}

// days reads a number as cdk.json (a JSON number) or the command line (a string)
// hands it over.
func (r *contextReader) days(key string, otherwise int) int {
	value := r.node.TryGetContext(jsii.String(key))
	if value == nil {
		return otherwise
	}
	days, err := strconv.Atoi(fmt.Sprint(value))
	if _, known := retentions[days]; err != nil || !known {
		r.refuse(key, fmt.Errorf("CloudWatch keeps no log for %q days: put one of %s there",
			fmt.Sprint(value), joined(slices.Sorted(maps.Keys(retentions)))))
	}
	return days
}

func (r *contextReader) refuse(key string, why error) {
	r.wrong = append(r.wrong, fmt.Errorf("context value %s: %w", key, why))
}

// prefixPattern is narrower than what Parameter Store allows, so that the names of
// everything else follow from the prefix, and no two prefixes give one name: see
// Options.StackName.
var prefixPattern = regexp.MustCompile(`^/[a-z][a-z0-9]*(-[a-z0-9]+)*(/[a-z0-9]+(-[a-z0-9]+)*)*$`)

// maxStackName leaves room for the longest name that is made of it: a function's
// has at most 64 characters (Lambda, CreateFunction).
const maxStackName = 64 - len("-customer-created")

func checkPrefix(prefix string) error {
	const remedy = "put one such as /commerce-segment or /my-shop/eu there"
	switch {
	case !prefixPattern.MatchString(prefix):
		return fmt.Errorf("%q is no prefix: it begins with a slash and a letter, and has lower-case letters, "+
			"digits, single hyphens between them, and slashes: %s", prefix, remedy)
	case strings.HasPrefix(prefix, "/aws") || strings.HasPrefix(prefix, "/ssm"):
		return fmt.Errorf("%q begins with /aws or /ssm, which Parameter Store keeps for AWS: %s", prefix, remedy)
	case len(Options{Prefix: prefix}.StackName()) > maxStackName:
		return fmt.Errorf("%q is too long: the functions' names are made of it, and Lambda allows no more than 64 characters: "+
			"put one of at most %d characters there", prefix, maxStackName)
	}
	return nil
}

func checkEmail(email string) error {
	address, err := mail.ParseAddress(email)
	if err != nil || address.Address != email {
		return fmt.Errorf("%q is not an e-mail address: put one such as on-call@example.com there, or leave it out", email)
	}
	return nil
}

func checkArchitecture(architecture string) error {
	if _, known := architectures[architecture]; !known {
		return fmt.Errorf("%q is no architecture of Lambda: put arm64 or x86_64 there", architecture)
	}
	return nil
}

// StackName is the name of the stack.
func (o Options) StackName() string { return outputs.StackName(o.Prefix) }

// name is the physical name of something in the stack.
func (o Options) name(parts ...string) *string {
	return jsii.String(strings.Join(append([]string{o.StackName()}, parts...), "-"))
}

// parameterName is a parameter's full name by its name below the prefix, which is
// what package settings calls its name.
func (o Options) parameterName(name string) string { return o.Prefix + "/" + name }

// architectures are those of Lambda, and what Go calls them.
var architectures = map[string]struct {
	lambda func() awslambda.Architecture
	goarch string
}{
	"arm64":  {awslambda.Architecture_ARM_64, "arm64"},
	"x86_64": {awslambda.Architecture_X86_64, "amd64"},
}

// retentions are the numbers of days for which CloudWatch Logs can keep a log
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
