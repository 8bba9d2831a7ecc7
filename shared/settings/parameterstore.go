package settings

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"

	"commerce-segment/shared/loggable"
)

// ParameterReader is the part of *ssm.Client that a function needs to read its settings.
type ParameterReader interface {
	GetParameters(context.Context, *ssm.GetParametersInput, ...func(*ssm.Options)) (*ssm.GetParametersOutput, error)
}

// ParameterStore is a Source: Parameter Store of AWS Systems Manager. The name of the
// parameter segment/write-key there is <prefix>/segment/write-key.
type ParameterStore struct {
	client ParameterReader
	prefix string
}

// NewParameterStore returns the ParameterStore of the parameters below a prefix such as
// "/commerce-segment".
func NewParameterStore(client ParameterReader, prefix string) ParameterStore {
	return ParameterStore{client: client, prefix: strings.TrimRight(prefix, "/")}
}

// maxNames is the number of parameters that one call of GetParameters can read.
const maxNames = 10

// Parameters reads the named parameters, ten with each call, and makes all calls
// concurrently. SecureStrings are decrypted.
func (s ParameterStore) Parameters(ctx context.Context, names []string) (map[string]string, error) {
	parts := make([]map[string]string, (len(names)+maxNames-1)/maxNames)
	reading, ctx := errgroup.WithContext(ctx)
	i := 0
	for some := range slices.Chunk(names, maxNames) {
		part := &parts[i]
		i++
		reading.Go(func() (err error) {
			*part, err = s.read(ctx, some)
			return err
		})
	}
	if err := reading.Wait(); err != nil {
		return nil, err
	}
	parameters := make(map[string]string, len(names))
	for _, part := range parts {
		maps.Copy(parameters, part)
	}
	unwrap(parameters, names)
	return parameters, nil
}

// read reads the parameters of one call.
func (s ParameterStore) read(ctx context.Context, names []string) (map[string]string, error) {
	full := make([]string, len(names))
	for i, name := range names {
		full[i] = s.prefix + "/" + name
	}
	output, err := s.client.GetParameters(ctx, &ssm.GetParametersInput{Names: full, WithDecryption: aws.Bool(true)})
	if err != nil {
		return nil, fmt.Errorf("reading the parameters %s/* from Parameter Store: %w%s", s.prefix, loggable.AWSError(err),
			remedy(err, s.prefix+"/*", "ssm:GetParameters", "kms:Decrypt on "+defaultKey))
	}
	parameters := make(map[string]string, len(output.Parameters))
	for _, p := range output.Parameters {
		parameters[strings.TrimPrefix(aws.ToString(p.Name), s.prefix+"/")] = aws.ToString(p.Value)
	}
	return parameters, nil
}

// ParameterEditor is the part of *ssm.Client that the operator's program needs to change
// settings.
type ParameterEditor interface {
	ParameterReader
	PutParameter(context.Context, *ssm.PutParameterInput, ...func(*ssm.Options)) (*ssm.PutParameterOutput, error)
	GetParametersByPath(context.Context, *ssm.GetParametersByPathInput, ...func(*ssm.Options)) (*ssm.GetParametersByPathOutput, error)
	GetParameterHistory(context.Context, *ssm.GetParameterHistoryInput, ...func(*ssm.Options)) (*ssm.GetParameterHistoryOutput, error)
	DescribeParameters(context.Context, *ssm.DescribeParametersInput, ...func(*ssm.Options)) (*ssm.DescribeParametersOutput, error)
	AddTagsToResource(context.Context, *ssm.AddTagsToResourceInput, ...func(*ssm.Options)) (*ssm.AddTagsToResourceOutput, error)
}

// EditableParameterStore is a ParameterStore that can be written to. It is a separate type,
// so that functions, which only read, do not contain its code.
type EditableParameterStore struct {
	ParameterStore
	editor     ParameterEditor
	tagsAndKey TagsAndKey
}

// NewEditableParameterStore returns the EditableParameterStore of the parameters below a
// prefix.
func NewEditableParameterStore(client ParameterEditor, prefix string) EditableParameterStore {
	return EditableParameterStore{ParameterStore: NewParameterStore(client, prefix), editor: client}
}

// Parameter Store's limits for a value, in bytes.
const (
	// maxStandard is the limit of a standard parameter, which is free.
	maxStandard = 4 << 10
	// MaxValue is the limit of an advanced parameter, which costs money each month.
	MaxValue = 8 << 10
)

// Put writes a parameter or replaces its value. Secrets become SecureStrings, encrypted with the
// key of the store, or else with the account's default key (alias/aws/ssm). The error never
// quotes the value.
func (s EditableParameterStore) Put(ctx context.Context, name, value string) error {
	if err := CheckValue(name, value); err != nil {
		return err
	}
	input := &ssm.PutParameterInput{
		Name: aws.String(s.prefix + "/" + name), Value: aws.String(value), Type: typeOf(name),
		Tier: types.ParameterTierStandard, Overwrite: aws.Bool(true),
	}
	if len(value) > maxStandard {
		input.Tier = types.ParameterTierAdvanced
	}
	var onKey []string
	if IsSecret(name) {
		input.KeyId, onKey = s.tagsAndKey.keyID(), []string{"kms:Encrypt on " + cmp.Or(s.tagsAndKey.Key, defaultKey)}
	}
	output, err := s.editor.PutParameter(ctx, input)
	if isDowngrade(err) {
		input.Tier = types.ParameterTierAdvanced
		output, err = s.editor.PutParameter(ctx, input)
	}
	if err == nil {
		return s.tagNew(ctx, *input.Name, output.Version)
	}
	return fmt.Errorf("writing parameter %s to Parameter Store: %w%s", *input.Name, loggable.AWSError(err),
		remedy(err, *input.Name, "ssm:PutParameter", onKey...))
}

// CheckValue returns an error if Parameter Store cannot store the value.
func CheckValue(name, value string) error {
	if err := checkName(name); err != nil {
		return err
	}
	switch {
	case strings.TrimSpace(value) == "":
		return fmt.Errorf("parameter %s is blank, and Parameter Store stores no empty value: enter a value, or delete the parameter to use its default", name)
	case len(value) > MaxValue:
		return fmt.Errorf("parameter %s has %d bytes, and Parameter Store stores at most %d: shorten it. In a template, first shorten the comments and the indentation",
			name, len(value), MaxValue)
	case strings.Contains(value, "{{"):
		return fmt.Errorf("parameter %s contains {{, with which Parameter Store refers to another parameter: put a space between the two braces", name)
	}
	return nil
}

func typeOf(name string) types.ParameterType {
	switch {
	case IsSecret(name):
		return types.ParameterTypeSecureString
	case strings.HasPrefix(name, "tracking/") && strings.HasSuffix(name, "/events"):
		return types.ParameterTypeStringList
	default:
		return types.ParameterTypeString
	}
}

// isDowngrade reports whether Put failed because the parameter is an advanced one, from a
// time when its value was longer. Parameter Store does not change it back to a standard
// one until it is deleted.
func isDowngrade(err error) bool {
	var refusal smithy.APIError
	return errors.As(err, &refusal) && refusal.ErrorCode() == "ValidationException" &&
		strings.Contains(refusal.ErrorMessage(), "downgrade")
}

// Stored is a parameter as it is stored, without the value of a secret.
type Stored struct {
	Name     string // below the prefix
	Type     string // String, StringList or SecureString
	Value    string // empty for a secret
	Version  int64  // 1 for the first Put, and one more with each Put
	Modified time.Time
	By       string // the ARN of the identity that wrote it; empty in a List
}

// List returns all parameters that are set. It decrypts nothing, so a stored secret can be
// replaced but not read.
func (s EditableParameterStore) List(ctx context.Context) ([]Stored, error) {
	input := &ssm.GetParametersByPathInput{
		Path: aws.String(s.prefix), Recursive: aws.Bool(true), WithDecryption: aws.Bool(false),
	}
	var list []Stored
	for {
		output, err := s.editor.GetParametersByPath(ctx, input)
		if err != nil {
			return nil, fmt.Errorf("listing the parameters %s/* of Parameter Store: %w%s", s.prefix, err,
				remedy(err, s.prefix, "ssm:GetParametersByPath"))
		}
		for _, p := range output.Parameters {
			if one := s.stored(p); one.Name != savingName {
				list = append(list, one)
			}
		}
		if aws.ToString(output.NextToken) == "" {
			return list, nil
		}
		input.NextToken = output.NextToken
	}
}

// Versions returns the versions of a parameter, the newest, which is live, first; none if
// the parameter is not set. Parameter Store keeps the last hundred.
func (s EditableParameterStore) Versions(ctx context.Context, name string) ([]Stored, error) {
	input := &ssm.GetParameterHistoryInput{Name: aws.String(s.prefix + "/" + name), WithDecryption: aws.Bool(false)}
	var versions []Stored
	for {
		output, err := s.editor.GetParameterHistory(ctx, input)
		var absent *types.ParameterNotFound
		switch {
		case errors.As(err, &absent):
			return nil, nil
		case err != nil:
			return nil, fmt.Errorf("reading the versions of parameter %s: %w%s", *input.Name, err,
				remedy(err, *input.Name, "ssm:GetParameterHistory"))
		}
		for _, p := range output.Parameters {
			version := s.stored(types.Parameter{
				Name: p.Name, Type: p.Type, Value: p.Value, Version: p.Version, LastModifiedDate: p.LastModifiedDate,
			})
			version.By = aws.ToString(p.LastModifiedUser)
			versions = append(versions, version)
		}
		if aws.ToString(output.NextToken) == "" {
			slices.SortFunc(versions, func(a, b Stored) int { return cmp.Compare(b.Version, a.Version) })
			return versions, nil
		}
		input.NextToken = output.NextToken
	}
}

// stored converts a parameter. It leaves out the value of a SecureString, and of any
// parameter with the name of a secret, which may have been stored as a String by hand.
func (s EditableParameterStore) stored(p types.Parameter) Stored {
	stored := Stored{
		Name: strings.TrimPrefix(aws.ToString(p.Name), s.prefix+"/"), Type: string(p.Type),
		Version: p.Version, Modified: aws.ToTime(p.LastModifiedDate),
	}
	if p.Type != types.ParameterTypeSecureString && !IsSecret(stored.Name) {
		stored.Value = aws.ToString(p.Value)
	}
	return stored
}

// defaultKey describes the key of secrets without a key of the customer.
const defaultKey = "the key whose alias is alias/aws/ssm"

// remedy returns the permissions that are missing if access is denied, and "" for any other
// error. action is needed on the parameters, and so is what onKey says, if anything.
func remedy(err error, parameters, action string, onKey ...string) string {
	var refusal smithy.APIError
	if !errors.As(err, &refusal) || refusal.ErrorCode() != "AccessDeniedException" {
		return ""
	}
	text := fmt.Sprintf(": allow %s on arn:aws:ssm:<region>:<account>:parameter%s", action, parameters)
	for _, permission := range onKey {
		text += ", and " + permission
	}
	return text
}
