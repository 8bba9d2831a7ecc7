// Package settings reads, parses and writes the settings of trackings. They are in
// Parameter Store, in a directory of files, or in one environment variable.
//
// A setting is a parameter: a name such as "segment/write-key", relative to the prefix of
// the store, and a string. A parameter that is absent or blank has its default.
package settings

import (
	"context"
	"slices"
	"strings"

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

	// The parameters of the Commerce API are read by the operator's program, and by the
	// functions of the trackings for which ReadsCommerce returns true.
	CommerceClientID     = "commerce/client-id"
	CommerceClientSecret = "commerce/client-secret" // secret
	CommerceTokenURL     = "commerce/token-url"

	// The parameters of Segment's Public API are read by the operator's program, and by the function
	// of a tracking whose call is delete.
	SegmentAPIToken = "segment/api-token" // secret
	SegmentAPIHost  = "segment/api-host"  // scheme and host; PublicAPIHost has the default

	// CommerceCurrencies has the decimals of the store's currencies, EUR=2,HUF=0. The
	// hub copies them from Commerce when the store is connected.
	CommerceCurrencies = "commerce/currencies"
)

// The names of the parameters about alerts. Only the hub on a machine reads them: on AWS the
// alarms of the stack do this work.
const (
	AlertWebhook      = "alerts/webhook" // the URL of a webhook of Slack or Teams, secret
	AlertMailTo       = "alerts/mail-to"
	AlertMailFrom     = "alerts/mail-from"
	AlertSMTPServer   = "alerts/smtp-server" // HOST:PORT
	AlertSMTPUser     = "alerts/smtp-user"
	AlertSMTPPassword = "alerts/smtp-password" // secret
)

// WebhookAddress is the name of the parameter with the address at which Commerce reaches the
// store, if it is not the default. Only the operator's program reads it.
const WebhookAddress = "webhooks/url"

// AlertNames returns the names of the parameters about alerts.
func AlertNames() []string {
	return []string{AlertWebhook, AlertMailTo, AlertMailFrom, AlertSMTPServer, AlertSMTPUser, AlertSMTPPassword}
}

// Enabled returns the name of the parameter that enables a tracking: true or false. The default
// is true, and false if the tracking is optional.
func Enabled(t tracking.Tracking) string { return "tracking/" + t.Name + "/enabled" }

// Paused returns the name of the parameter that pauses the delivery of a tracking on this
// machine: true or false (the default). The functions on AWS do not read it: there, the event
// source mapping of a function is disabled.
func Paused(t tracking.Tracking) string { return "tracking/" + t.Name + "/paused" }

// IsPaused reports whether parameters pause the delivery of a tracking.
func IsPaused(t tracking.Tracking, parameters map[string]string) bool {
	return strings.TrimSpace(parameters[Paused(t)]) == "true"
}

// Events returns the name of the parameter with the Commerce events that a tracking
// observes, with commas between them. The default is in the catalogue.
func Events(t tracking.Tracking) string { return "tracking/" + t.Name + "/events" }

// Template returns the name of the parameter with the JSONata template of a tracking. The
// default is in the folder templates.
func Template(t tracking.Tracking) string { return "templates/" + t.Name }

// Together returns the lists of parameters that belong together and change together. The
// first one of each list is the secret, and the others are those with which it is used.
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
	if t.Call == tracking.Delete {
		names = append(names, SegmentAPIToken, SegmentAPIHost)
	}
	return append(names, CommerceCurrencies)
}

// CommerceNames returns the names of the parameters that a client of the Commerce API
// needs. They are in effect if all three are set.
func CommerceNames() []string {
	return []string{CommerceClientID, CommerceClientSecret, CommerceTokenURL}
}

// PublicAPINames returns the names of the parameters that a client of Segment's Public API
// needs.
func PublicAPINames() []string {
	return []string{SegmentAPIToken, SegmentAPIHost, SegmentHost}
}

// ReadsCommerce reports whether a tracking's function reads the credentials of the Commerce
// API: it does if it calls the API with its default template. The stack and the function
// are built with the same templates, so the function has the permission to read them.
// Without the permission for one parameter, a function could not read any of them.
func ReadsCommerce(t tracking.Tracking) bool { return CallsCommerce(t, templates.Default(t.Name)) }

// CallsCommerce reports whether a tracking calls the Commerce API with this template.
func CallsCommerce(t tracking.Tracking, source string) bool {
	return t.InParts || template.UsesCommerce(source)
}

// IsSecret reports whether the value of a parameter must never be shown.
func IsSecret(name string) bool {
	return slices.Contains([]string{SegmentWriteKey, SegmentAPIToken, WebhookSecret, CommerceClientSecret, AlertWebhook, AlertSMTPPassword}, name)
}

// Source is a place from which parameters are read.
type Source interface {
	// Parameters reads the named parameters. One that is not set is not in the map, which
	// is not an error. It returns when the context ends, and its error never quotes a
	// value.
	Parameters(ctx context.Context, names []string) (map[string]string, error)
}

// Store is a Source that can be written to: files on a developer's machine, or
// Parameter Store.
type Store interface {
	Source
	// Put writes a parameter. A concurrent reader gets the complete old value or the
	// complete new one. The error names the parameter and quotes no value.
	Put(ctx context.Context, name, value string) error
	// PutTogether writes parameters of the lists in Together. A concurrent reader gets all
	// old values of a list or all new ones, even if this process is killed meanwhile.
	PutTogether(ctx context.Context, values map[string]string) error
	// Saving locks the store for saves, in this process and others, until release is
	// called. A caller that compares the settings before it changes them does both while
	// it holds the lock.
	Saving(ctx context.Context) (release func(), err error)
}

var _ Store = EditableParameterStore{}
