package store

import (
	"errors"
	"strings"
	"testing"

	"commerce-segment/infra/publicapitest"
	"commerce-segment/shared/settings"
)

func TestTheClientOfThePublicAPINeedsItsToken(t *testing.T) {
	server := publicapitest.Start(t)
	dir := t.TempDir()
	s, err := Open(t.Context(), Location{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.PublicAPI(t.Context()); !errors.Is(err, ErrNoAPIToken) || !strings.Contains(err.Error(), "hub configure --dir") {
		t.Errorf("without a token: %v", err)
	}
	for name, value := range map[string]string{settings.SegmentAPIHost: server.URL, settings.SegmentAPIToken: settings.BindSecret(server.URL, publicapitest.Token)} {
		if err := s.Put(t.Context(), name, value); err != nil {
			t.Fatal(err)
		}
	}
	client, err := s.PublicAPI(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if workspace, err := client.Workspace(t.Context()); err != nil || workspace.Slug != publicapitest.WorkspaceSlug {
		t.Errorf("%v, %+v", err, workspace)
	}
}
