package settings

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"golang.org/x/sync/errgroup"

	"commerce-segment/shared/loggable"
)

// TagsAndKey are what the stack of a store wants all of its parameters to have.
type TagsAndKey struct {
	// Key is the ARN of the key that encrypts the secrets. "" means the account's default key.
	Key string
	// Tags are the tags of each parameter.
	Tags map[string]string
}

// keyID returns the key for a request, and nil for the default key.
func (t TagsAndKey) keyID() *string {
	if t.Key == "" {
		return nil
	}
	return aws.String(t.Key)
}

// With returns the same store, which gives new parameters these tags and this key.
func (s EditableParameterStore) With(t TagsAndKey) EditableParameterStore {
	s.tagsAndKey = t
	return s
}

// ApplyTagsAndKey gives the tags to every parameter, and encrypts again each secret that was
// saved with another key. Nothing else may save at the same time.
func (s EditableParameterStore) ApplyTagsAndKey(ctx context.Context) error {
	if s.tagsAndKey.Key == "" && len(s.tagsAndKey.Tags) == 0 {
		return nil
	}
	described, err := s.describe(ctx)
	if err != nil {
		return err
	}
	tagging, tagCtx := errgroup.WithContext(ctx)
	tagging.SetLimit(tagsAtOnce)
	for _, p := range described {
		if err := s.encryptAgain(ctx, p); err != nil {
			return err
		}
		tagging.Go(func() error { return s.addTags(tagCtx, aws.ToString(p.Name)) })
	}
	return tagging.Wait()
}

// tagsAtOnce limits the concurrent calls, of which Parameter Store allows few a second.
const tagsAtOnce = 3

// describe returns all parameters of the store, with the key of each secret.
func (s EditableParameterStore) describe(ctx context.Context) (all []types.ParameterMetadata, err error) {
	pages := ssm.NewDescribeParametersPaginator(s.editor, &ssm.DescribeParametersInput{ParameterFilters: []types.ParameterStringFilter{
		{Key: aws.String("Path"), Option: aws.String("Recursive"), Values: []string{s.prefix}},
	}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("reading the keys of the parameters %s/*: %w%s", s.prefix, loggable.AWSError(err),
				remedy(err, "/*", "ssm:DescribeParameters")) // it has no narrower resource
		}
		all = append(all, page.Parameters...)
	}
	return all, nil
}

// encryptAgain writes a secret again, if it is encrypted with another key than that of the store.
func (s EditableParameterStore) encryptAgain(ctx context.Context, p types.ParameterMetadata) error {
	name := strings.TrimPrefix(aws.ToString(p.Name), s.prefix+"/")
	if s.tagsAndKey.Key == "" || aws.ToString(p.KeyId) == s.tagsAndKey.Key || !IsSecret(name) {
		return nil
	}
	stored, err := s.read(ctx, []string{name})
	if err != nil {
		return err
	}
	return s.Put(ctx, name, stored[name])
}

// tagNew adds the tags to a parameter if this is its first version. PutParameter cannot have
// tags together with permission to replace a value.
func (s EditableParameterStore) tagNew(ctx context.Context, fullName string, version int64) error {
	if version != 1 {
		return nil
	}
	return s.addTags(ctx, fullName)
}

func (s EditableParameterStore) addTags(ctx context.Context, fullName string) error {
	if len(s.tagsAndKey.Tags) == 0 {
		return nil
	}
	input := &ssm.AddTagsToResourceInput{ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: aws.String(fullName)}
	for _, key := range slices.Sorted(maps.Keys(s.tagsAndKey.Tags)) {
		input.Tags = append(input.Tags, types.Tag{Key: aws.String(key), Value: aws.String(s.tagsAndKey.Tags[key])})
	}
	if _, err := s.editor.AddTagsToResource(ctx, input); err != nil {
		return fmt.Errorf("the parameter %s is written, but it does not have the tags of the store: %w%s", fullName, loggable.AWSError(err),
			remedy(err, fullName, "ssm:AddTagsToResource"))
	}
	return nil
}
