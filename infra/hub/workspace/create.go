package workspace

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode"

	"commerce-segment/shared/publicapi"
	"commerce-segment/shared/settings"
)

// maxName is the length of the longest name of a source, in characters.
const maxName = 100

// Create creates a source of the kind HTTP API, with a display name. The slug follows from the
// name. If the source was created and the name could not be set, it returns the source and the
// error.
func Create(ctx context.Context, client *publicapi.Client, name string) (publicapi.Source, error) {
	name = strings.TrimSpace(name)
	slug := slugOf(name)
	if slug == "" || len([]rune(name)) > maxName {
		return publicapi.Source{}, fmt.Errorf("%s cannot be the name of a source: use at most %d characters, with at least one letter from a to z or one digit", Quote(name), maxName)
	}
	source, err := client.CreateSource(ctx, slug, publicapi.HTTPAPI)
	var refused *publicapi.APIError
	switch {
	case errors.As(err, &refused) && refused.MaybeDone:
		return source, fmt.Errorf("%w: hub sources list shows whether it was created", err)
	case publicapi.IsStatus(err, http.StatusUnauthorized):
		return source, fmt.Errorf("%w: creating a source needs the role Source Admin for all sources", err)
	case publicapi.IsStatus(err, http.StatusConflict):
		return source, fmt.Errorf("%w: the workspace has a source with the slug %s, so choose another name", err, slug)
	case err != nil:
		return source, err
	}
	named, err := client.RenameSource(ctx, source.ID, name)
	if err != nil {
		return source, fmt.Errorf("the source was created as %s, but its name was not set: %w", Quote(source.Title()), err)
	}
	if len(named.WriteKeys) == 0 {
		named.WriteKeys = source.WriteKeys
	}
	return named, nil
}

// slugOf returns the slug of a source with a name: its letters and digits in lower case, and hyphens
// between them.
func slugOf(name string) string {
	other := func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) }
	return strings.Join(strings.FieldsFunc(strings.ToLower(name), other), "-")
}

// trackingHosts are the hosts to which the events of a workspace are sent, by the host of its
// Public API.
var trackingHosts = map[string]string{publicapi.USHost: settings.DefaultHost, publicapi.EUHost: settings.EUHost}

// SettingsFor returns the settings with which a store sends to a source: the write key, and also the
// host if the current one is missing or belongs to another region. A proxy stays.
func SettingsFor(source publicapi.Source, current map[string]string) (wanted map[string]string, err error) {
	if len(source.WriteKeys) == 0 {
		return nil, fmt.Errorf("the answer of Segment has no write key for the source %s: copy it from the source's settings, under API Keys", Quote(source.Title()))
	}
	wanted = map[string]string{settings.SegmentWriteKey: source.WriteKeys[0]}
	api, err := settings.PublicAPIHost(current)
	if err != nil {
		return nil, err
	}
	host, now := trackingHosts[api], strings.TrimRight(strings.TrimSpace(current[settings.SegmentHost]), "/")
	isSegment := now == settings.DefaultHost || now == settings.EUHost
	if host != "" && host != now && (now == "" || isSegment) {
		wanted[settings.SegmentHost] = host
	}
	return wanted, nil
}
