package settings_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"commerce-segment/shared/settings"
)

const customerKey = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd"

// protected is a store with a key and a tag, and the calls that it makes from now on.
func protected(t *testing.T) (*systemsManager, settings.EditableParameterStore) {
	s := newSystemsManager(t, map[string]map[string]any{
		"/shop/segment/write-key":       with(text("SecureString", "wk"), "KeyId", "alias/aws/ssm"),
		"/shop/commerce/webhook-secret": with(text("SecureString", "s"), "KeyId", customerKey),
		"/shop/segment/host":            text("String", "https://api.segment.io"),
	})
	return s, s.store().With(settings.TagsAndKey{Key: customerKey, Tags: map[string]string{"team": "shop"}})
}

// made describes the calls, sorted: the operation, the parameter, the key and the tags.
func (s *systemsManager) made() (all []string) {
	for _, call := range s.calls {
		text := fmt.Sprint(call["Operation"])
		for _, field := range []string{"Name", "ResourceId", "KeyId", "Tags"} {
			if value := call[field]; value != nil {
				text += " " + fmt.Sprint(value)
			}
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

func TestProtectTagsEveryParameterAndEncryptsSecretsOfAnotherKey(t *testing.T) {
	s, store := protected(t)
	if err := store.ApplyTagsAndKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	const tags = " [map[Key:team Value:shop]]"
	want := []string{
		"AddTagsToResource /shop/commerce/webhook-secret" + tags,
		"AddTagsToResource /shop/segment/host" + tags,
		"AddTagsToResource /shop/segment/write-key" + tags,
		"DescribeParameters",
		"GetParameters",
		"PutParameter /shop/segment/write-key " + customerKey,
	}
	if got := s.made(); !slices.Equal(got, want) {
		t.Errorf("the calls are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWithoutKeyAndTagsNothingIsCalled(t *testing.T) {
	s, _ := protected(t)
	if err := s.store().ApplyTagsAndKey(t.Context()); err != nil || len(s.calls) > 0 {
		t.Errorf("%v, and the calls %v", err, s.made())
	}
}

func TestASecretIsWrittenWithTheKeyAndANewParameterWithTheTags(t *testing.T) {
	s, store := protected(t)
	s.answers = append(s.answers, version(1), nil, version(2), version(1), nil)
	for _, name := range []string{settings.SegmentWriteKey, settings.CommerceClientSecret, settings.SegmentHost} {
		if err := store.Put(t.Context(), name, "x"); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"AddTagsToResource /shop/segment/host [map[Key:team Value:shop]]",
		"AddTagsToResource /shop/segment/write-key [map[Key:team Value:shop]]",
		"PutParameter /shop/commerce/client-secret " + customerKey, // its second version
		"PutParameter /shop/segment/host",
		"PutParameter /shop/segment/write-key " + customerKey,
	}
	if got := s.made(); !slices.Equal(got, want) {
		t.Errorf("the calls are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestErrorsOfTagsAndKeysNameTheMissingPermission(t *testing.T) {
	denied := refusal(400, "AccessDeniedException", "no")
	s, store := protected(t)
	s.answers = append(s.answers, denied)
	if err := store.ApplyTagsAndKey(t.Context()); err == nil || !strings.Contains(err.Error(), "allow ssm:DescribeParameters") {
		t.Errorf("the error is %v", err)
	}
	s.answers = append(s.answers, version(1), denied)
	if err := store.Put(t.Context(), settings.SegmentHost, "x"); err == nil || !strings.Contains(err.Error(), "is written, but it does not have the tags of the store") ||
		!strings.Contains(err.Error(), "allow ssm:AddTagsToResource on arn:aws:ssm:<region>:<account>:parameter/shop/segment/host") {
		t.Errorf("the error is %v", err)
	}
	s.answers = append(s.answers, denied)
	if err := store.Put(t.Context(), settings.SegmentWriteKey, "x"); err == nil || !strings.Contains(err.Error(), "kms:Encrypt on "+customerKey) {
		t.Errorf("the error is %v", err)
	}
}
