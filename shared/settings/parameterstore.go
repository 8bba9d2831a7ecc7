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

// ParameterReader is the part of the SDK's client for Systems Manager
// (*ssm.Client) with which a function reads its settings.
type ParameterReader interface {
	GetParameters(context.Context, *ssm.GetParametersInput, ...func(*ssm.Options)) (*ssm.GetParametersOutput, error)
}

// ParameterStore is a Source: AWS Systems Manager's Parameter Store, in which the
// parameter segment/write-key is named <prefix>/segment/write-key.
type ParameterStore struct {
	client ParameterReader
	prefix string
}

// NewParameterStore reads the store that lies below a prefix such as
// "/commerce-segment".
func NewParameterStore(client ParameterReader, prefix string) ParameterStore {
	return ParameterStore{client: client, prefix: strings.TrimRight(prefix, "/")}
}

// maxNames is how many parameters one call of GetParameters can read.
const maxNames = 10

// Parameters reads the named parameters, ten with each call, and makes all calls at
// once. SecureStrings are decrypted.
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
	open(parameters, names)
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
		return nil, fmt.Errorf("reading the parameters %s/* from Parameter Store: %w%s", s.prefix, loggable.Refusal(err),
			remedy(err, s.prefix+"/*", "ssm:GetParameters", "kms:Decrypt"))
	}
	parameters := make(map[string]string, len(output.Parameters))
	for _, p := range output.Parameters {
		parameters[strings.TrimPrefix(aws.ToString(p.Name), s.prefix+"/")] = aws.ToString(p.Value)
	}
	return parameters, nil
}

// ParameterEditor is the part of the SDK's client for Systems Manager with which
// the operator's program sets things up.
type ParameterEditor interface {
	ParameterReader
	PutParameter(context.Context, *ssm.PutParameterInput, ...func(*ssm.Options)) (*ssm.PutParameterOutput, error)
	GetParametersByPath(context.Context, *ssm.GetParametersByPathInput, ...func(*ssm.Options)) (*ssm.GetParametersByPathOutput, error)
	GetParameterHistory(context.Context, *ssm.GetParameterHistoryInput, ...func(*ssm.Options)) (*ssm.GetParameterHistoryOutput, error)
}

// EditableParameterStore is a ParameterStore that can be written to. It is a type
// of its own so that functions, which only read, carry none of it.
type EditableParameterStore struct {
	ParameterStore
	editor ParameterEditor
}

// NewEditableParameterStore reads and writes the store that lies below a prefix.
func NewEditableParameterStore(client ParameterEditor, prefix string) EditableParameterStore {
	return EditableParameterStore{ParameterStore: NewParameterStore(client, prefix), editor: client}
}

// Parameter Store's limits for a value, in bytes.
const (
	// maxStandard is what a standard parameter holds, which costs nothing.
	maxStandard = 4 << 10
	// MaxValue is what an advanced one holds, which costs money each month.
	MaxValue = 8 << 10
)

// Put writes a parameter, in the place of the one that is there, if any. Secrets
// become SecureStrings under the account's default key (alias/aws/ssm). Its error
// never quotes the value.
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
	_, err := s.editor.PutParameter(ctx, input)
	if isDowngrade(err) {
		input.Tier = types.ParameterTierAdvanced
		_, err = s.editor.PutParameter(ctx, input)
	}
	if err == nil {
		return nil
	}
	var onKey []string
	if IsSecret(name) {
		onKey = []string{"kms:Encrypt"}
	}
	return fmt.Errorf("writing parameter %s to Parameter Store: %w%s", *input.Name, loggable.Refusal(err),
		remedy(err, *input.Name, "ssm:PutParameter", onKey...))
}

// CheckValue says why Parameter Store cannot keep a value.
func CheckValue(name, value string) error {
	if err := checkName(name); err != nil {
		return err
	}
	switch {
	case strings.TrimSpace(value) == "":
		return fmt.Errorf("parameter %s is blank, and Parameter Store keeps no empty value: put one there, or delete the parameter to have its default", name)
	case len(value) > MaxValue:
		return fmt.Errorf("parameter %s has %d bytes, and Parameter Store keeps at most %d: shorten it, in a template for a start its comments and indentation",
			name, len(value), MaxValue)
	case strings.Contains(value, "{{"):
		return fmt.Errorf("parameter %s has {{ in it, with which Parameter Store refers to another parameter: put a space between the two", name)
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

// isDowngrade says that a parameter became an advanced one when its value was
// longer. It stays one until it is deleted: Parameter Store refuses to make it a
// standard one again.
func isDowngrade(err error) bool {
	var refusal smithy.APIError
	return errors.As(err, &refusal) && refusal.ErrorCode() == "ValidationException" &&
		strings.Contains(refusal.ErrorMessage(), "downgrade")
}

// Stored is what a parameter is, without the value where that is secret.
type Stored struct {
	Name     string // below the prefix
	Type     string // String, StringList or SecureString
	Value    string // empty for a secret
	Version  int64  // counts from 1, with each Put
	Modified time.Time
	By       string // who wrote it, an ARN; empty where that is not kept, and in a List
}

// List says what is set. It decrypts nothing: a secret, once it is in there, can
// be replaced and not be read back.
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

// Versions is what a parameter has been, the newest first and with the one that it is;
// none where it is not set. Parameter Store keeps the last hundred.
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

// stored leaves out what is secret by its type or by its name: somebody may have
// written one in clear.
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

// remedy says what to allow where access is denied, and is empty for any other
// error. The actions are those on the parameters, and then the one on their key,
// if it is needed.
func remedy(err error, parameters, action string, onKey ...string) string {
	var refusal smithy.APIError
	if !errors.As(err, &refusal) || refusal.ErrorCode() != "AccessDeniedException" {
		return ""
	}
	text := fmt.Sprintf(": allow %s on arn:aws:ssm:<region>:<account>:parameter%s", action, parameters)
	for _, action := range onKey {
		text += ", and " + action + " on the key whose alias is alias/aws/ssm"
	}
	return text
}
