package stack

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"commerce-segment/infra/stack/outputs"
	"commerce-segment/shared/serve"
	"commerce-segment/shared/tracking"
)

// The defaults of the options.
const (
	defaultPrefix           = "/commerce-segment"
	defaultLogRetentionDays = 30
	defaultArchitecture     = "arm64"
	defaultLogLevel         = "info"
)

// Options are the options of the deployment of one store. The keys of the environments file and
// of the context are in OptionsOf, and in infra/docs/deploy.md with what they cost.
type Options struct {
	// Prefix is the beginning of the names of all parameters of the store. Another prefix
	// is another store, also in the same account and region.
	Prefix string
	// Account and Region are where the store is deployed. "" means those of the credentials.
	Account, Region string
	// Architecture is the processor of the functions: arm64 or x86_64.
	Architecture string
	// Tags are the tags of every resource that can have some.
	Tags map[string]string
	// PermissionsBoundary is the ARN of the policy that limits every role. "" means none.
	PermissionsBoundary string
	// KeyARN is the ARN of the KMS key that encrypts the secrets, the queues, the logs and the
	// topic. "" means AWS's own keys.
	KeyARN    string
	Alarms    AlarmOptions
	API       APIOptions
	Logs      LogOptions
	Functions FunctionOptions
	Network   NetworkOptions
	// Trackings are the names of the optional trackings that the store has. It has all others.
	Trackings []string
	// Retain is whether parameters, queues and logs stay when the stack is destroyed.
	Retain bool
	// TerminationProtection is whether CloudFormation is prevented from deleting the stack.
	TerminationProtection bool
	// Revision is the deployed revision of the source, as git describes it, or "unknown". It is
	// not a key of the environments file.
	Revision string
}

// LogOptions are the options of the logs of the functions and the API.
type LogOptions struct {
	// RetentionDays is how long CloudWatch keeps them, in days.
	RetentionDays int
	// Level is the lowest level of the lines that the functions write: info or warn.
	Level string
}

// FunctionOptions are the options of the functions.
type FunctionOptions struct {
	// DeliveryConcurrency is how many batches of a tracking are delivered at the same time.
	DeliveryConcurrency int
	// ReservedConcurrency is how many executions of the account each function has for itself,
	// and at most. 0 means that it shares those of the account.
	ReservedConcurrency int
	// Tracing is whether X-Ray records what the functions do.
	Tracing bool
	// Gradual is whether CodeDeploy gives a new version a tenth of the calls first.
	Gradual bool
}

// OptionsOf reads the options of a deployment: from the context of the app, which -c writes, and
// else from the environment that the context value env names, in the environments file. The
// error names every wrong key and value, and says what a right one is.
func OptionsOf(app constructs.Construct, environments string) (Options, error) {
	r, err := newOptionReader(app, environments)
	if err != nil {
		return Options{}, err
	}
	return r.options()
}

// OptionsFor returns the options of a store in an app of another module. The values have the keys
// of an environment in the environments file; one that is left out has its default. The error
// names every wrong key and value, and says what a right one is.
func OptionsFor(values map[string]any) (Options, error) {
	content, err := json.Marshal(values)
	if err != nil {
		return Options{}, err
	}
	var environment map[string]any
	if err := decodeOptions(content, &environment); err != nil {
		return Options{}, err
	}
	r := &optionReader{environment: environment}
	return r.options()
}

// options reads all options.
func (r *optionReader) options() (Options, error) {
	o := Options{
		Prefix:              r.text("prefix", defaultPrefix, checkPrefix),
		Account:             r.text("account", "", matches(`^\d{12}$`, "an account has 12 digits, in quotes")),
		Region:              r.text("region", "", matches(`^[a-z]{2}(-[a-z]+)+-\d$`, "use one such as eu-west-1")),
		Architecture:        r.text("architecture", defaultArchitecture, checkArchitecture),
		Tags:                r.pairs("tags", checkTag),
		KeyARN:              r.text("kmsKeyArn", "", matches(`^arn:[\w-]+:kms:[\w-]+:\d{12}:key/[\w-]+$`, "use the ARN of a key (not of an alias), such as arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab")),
		PermissionsBoundary: r.text("permissionsBoundary", "", matches(`^arn:[\w-]+:iam::(\d{12}|aws):policy/.+$`, "use the ARN of a policy, such as arn:aws:iam::123456789012:policy/boundary")),
		Alarms:              alarmOptions(r),
		API:                 apiOptions(r),
		Logs: LogOptions{
			RetentionDays: r.number("logRetentionDays", defaultLogRetentionDays, checkRetention),
			Level:         r.text("logLevel", defaultLogLevel, oneOf(slices.Sorted(maps.Keys(logLevels))...)),
		},
		Functions: FunctionOptions{
			DeliveryConcurrency: r.number("deliveryConcurrency", serve.Deliveries, between(2, 1000)),
			ReservedConcurrency: r.number("reservedConcurrency", 0, between(1, 10_000)),
			Tracing:             r.flag("tracing", true),
			Gradual:             r.flag("gradualDeployment", false),
		},
		Network:               networkOptions(r),
		Trackings:             r.list("trackings", checkTracking),
		Retain:                r.flag("retain", false),
		TerminationProtection: r.flag("terminationProtection", true),
		Revision:              "unknown",
	}
	r.checkSilence(o)
	r.checkNames(o)
	return o, r.err()
}

// prefixPattern is stricter than Parameter Store, so that the names of all resources can be
// derived from the prefix, and two prefixes never have the same name: see
// outputs.StackName.
var prefixPattern = regexp.MustCompile(`^/[a-z][a-z0-9]*(-[a-z0-9]+)*(/[a-z0-9]+(-[a-z0-9]+)*)*$`)

// maxStackName leaves room for the longest name of a function that begins with the name of the
// stack. An optional tracking can have a longer name: see checkNames.
const maxStackName = maxFunctionName - len("-customer-created")

// maxFunctionName is how many characters the name of a function can have (Lambda,
// CreateFunction).
const maxFunctionName = 64

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

// checkTracking returns an error for a name that is not of an optional tracking.
func checkTracking(name string) error {
	t, err := tracking.ByName(name)
	switch {
	case err != nil:
		return fmt.Errorf("there is no tracking %q: use some of %s", name, strings.Join(tracking.Optional(), ", "))
	case !t.Optional:
		return fmt.Errorf("every store has %s: leave it out, and use only some of %s", name, strings.Join(tracking.Optional(), ", "))
	}
	return nil
}

// checkNames adds an error for each optional tracking whose function would have too long a
// name.
func (r *optionReader) checkNames(o Options) {
	for _, t := range o.trackings() {
		if most := maxFunctionName - len("-"+t.Name); t.Optional && len(o.StackName()) > most {
			r.addError("trackings", fmt.Errorf("with the prefix %s the name of the function of %s is too long, because Lambda allows at most %d characters: use a prefix of at most %d characters",
				o.Prefix, t.Name, maxFunctionName, most))
		}
	}
}

// trackings returns the trackings of the store, in the order of the catalogue.
func (o Options) trackings() []tracking.Tracking {
	return slices.DeleteFunc(tracking.All(), func(t tracking.Tracking) bool { return t.Optional && !slices.Contains(o.Trackings, t.Name) })
}

func checkArchitecture(architecture string) error {
	if _, known := architectures[architecture]; !known {
		return fmt.Errorf("%q is not an architecture of Lambda: use arm64 or x86_64", architecture)
	}
	return nil
}

func checkRetention(days int) error {
	if _, known := retentions[days]; !known {
		return fmt.Errorf("CloudWatch cannot keep a log for %d days: use one of %s", days, joined(slices.Sorted(maps.Keys(retentions))))
	}
	return nil
}

// checkTag returns an error for a tag that AWS does not allow (Tagging AWS resources, "Tag naming
// limits").
func checkTag(key, value string) error {
	switch {
	case key == "" || len(key) > 128 || len(value) > 256 || !tagPattern.MatchString(key+value):
		return fmt.Errorf("the tag %q has a key or a value that AWS does not allow: a key has 1 to 128 characters, a value at most 256: letters, digits, spaces and _.:/=+-@", key)
	case strings.HasPrefix(strings.ToLower(key), "aws:"):
		return fmt.Errorf("the tag %q begins with aws:, which is reserved for AWS: use another key", key)
	}
	return nil
}

var tagPattern = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)

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
