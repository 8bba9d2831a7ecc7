// Package settings is what one tracking is told to do, and where that is
// written: in Parameter Store, in a directory of files, or in one environment
// variable.
//
// A setting is a parameter: a name such as "segment/write-key", relative to the
// store's own prefix, and a string. A parameter that is absent or blank has its
// default.
package settings

import (
	"context"

	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// The names of the parameters that all trackings share.
const (
	SegmentHost     = "segment/host"      // scheme and host, DefaultHost
	SegmentPath     = "segment/path"      // DefaultPath
	SegmentWriteKey = "segment/write-key" // secret
	WebhookSecret   = "commerce/webhook-secret"

	// Those of the Commerce API are read by the operator's program, and by the
	// functions that ReadsCommerce names.
	CommerceClientID     = "commerce/client-id"
	CommerceClientSecret = "commerce/client-secret" // secret
	CommerceTokenURL     = "commerce/token-url"

	// CommerceCurrencies has the decimals of the store's currencies, EUR=2,HUF=0. The
	// hub copies them from Commerce when the store is connected.
	CommerceCurrencies = "commerce/currencies"
)

// Enabled names the parameter that says whether a tracking does anything: true
// (the default) or false.
func Enabled(t tracking.Tracking) string { return "tracking/" + t.Name + "/enabled" }

// Events names the parameter that lists the Commerce events a tracking observes,
// with commas between them. The default is the catalogue's.
func Events(t tracking.Tracking) string { return "tracking/" + t.Name + "/events" }

// Template names the parameter that holds a tracking's JSONata template. The
// default is the one in the templates folder.
func Template(t tracking.Tracking) string { return "templates/" + t.Name }

// Together are the parameters that belong together and change together, in each list the
// secret first and then what it is for.
func Together() [][]string {
	return [][]string{
		{SegmentWriteKey, SegmentHost, SegmentPath},
		{CommerceClientSecret, CommerceTokenURL, CommerceClientID},
	}
}

// Names returns the names of the parameters that a tracking's function reads.
func Names(t tracking.Tracking) []string {
	names := []string{
		SegmentHost, SegmentPath, SegmentWriteKey, WebhookSecret,
		Enabled(t), Events(t), Template(t),
	}
	if ReadsCommerce(t) {
		names = append(names, CommerceNames()...)
	}
	return append(names, CommerceCurrencies)
}

// CommerceNames are the parameters that make a client of the Commerce API. They count
// where all three are set.
func CommerceNames() []string {
	return []string{CommerceClientID, CommerceClientSecret, CommerceTokenURL}
}

// ReadsCommerce says that a tracking's function reads the credentials of the Commerce
// API: it asks it with its default template. The stack and the function are built of
// the same templates, so the one allows what the other asks for; to ask for a
// parameter that is not allowed would leave a function without all of them.
func ReadsCommerce(t tracking.Tracking) bool { return AsksCommerce(t, templates.Default(t.Name)) }

// AsksCommerce reports whether a tracking asks the Commerce API when it has this template.
func AsksCommerce(t tracking.Tracking, source string) bool {
	return t.InParts || template.UsesCommerce(source)
}

// IsSecret says that a parameter's value is to be shown to nobody.
func IsSecret(name string) bool {
	return name == SegmentWriteKey || name == WebhookSecret || name == CommerceClientSecret
}

// Source is where parameters are written.
type Source interface {
	// Parameters reads the named ones. What is not there is not in the map, and
	// is no error. It returns when the context ends, and its error quotes no
	// parameter's value.
	Parameters(ctx context.Context, names []string) (map[string]string, error)
}

// Store is a Source that can be written to: files on a developer's machine, or
// Parameter Store.
type Store interface {
	Source
	// Put writes a parameter. Whoever reads it meanwhile gets the old value or the
	// new one whole. Its error names the parameter and quotes no value.
	Put(ctx context.Context, name, value string) error
	// PutTogether writes parameters of the lists in Together. Whoever reads them meanwhile
	// gets the old values of all of a list or the new ones of all, also where this process
	// is killed halfway.
	PutTogether(ctx context.Context, values map[string]string) error
	// Saving keeps others from saving to the store until release is called, those of other
	// processes too. Who compares what is set with what is to replace it does both meanwhile.
	Saving(ctx context.Context) (release func(), err error)
}

var _ Store = EditableParameterStore{}
