// Package loggable has the rule for texts of other programs: of a webhook, a template's
// message or an answer, only what has the form of an id, of an event's name or of a status
// is logged, written on a dead letter or put into an error. Anything else may be personal
// data or a secret.
package loggable

import (
	"bytes"
	"log"
	"log/slog"
	"slices"
	"strings"
)

// ID returns an id as it is if it has the form of one, and otherwise NotAnID. An empty one
// stays empty.
func ID(text string) string {
	if text == "" || IsID(text) {
		return text
	}
	return NotAnID
}

// NotAnID stands in place of a text that is no id.
const NotAnID = "(not an id)"

// IsID reports whether a text has the form of an id: up to 100 letters, digits and -_.:
// such as a UUID or a messageId.
func IsID(text string) bool {
	return text != "" && len(text) <= 100 && strings.Trim(text, inID) == ""
}

const inID = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-"

// Event returns the name of an event of Commerce as it is, and "(unknown event)" for any
// other text. An empty one stays empty.
func Event(name string) string {
	resource, verb, _ := strings.Cut(name, ".")
	if name == "" || slices.Contains(strings.Fields(verbs[resource]), verb) {
		return name
	}
	return "(unknown event)"
}

const changes = "created updated deleted"

// verbs are what happens to each resource, by Commerce's list of observable events.
var verbs = map[string]string{
	"order":                           "created updated authorized paid fulfilled cancelled refunded",
	"transaction":                     "created updated",
	"payment-gateway":                 "updated",
	"customer":                        changes,
	"address":                         changes,
	"account":                         changes,
	"account-member":                  changes,
	"account-membership":              changes,
	"user-authentication-info":        changes,
	"one-time-password-token-request": "created",
	"cart":                            "updated deleted",
	"catalog-release":                 changes,
	"catalog-rule":                    changes,
	"stock-transaction":               "created",
	"currency":                        changes,
	"file":                            "created deleted",
	"integration":                     changes,
	"settings":                        "created updated",
	"subscription":                    "created create-failed paused canceled pending_cancel pending_pause resumed closed",
	"subscription-subscriber":         changes,
	"subscription-offering":           changes,
	"subscription-job":                changes,
	"subscription-schedule":           changes,
	"subscription-invoice":            "created deleted",
}

// StandardLog sends what packages write to the log package to this logger, without what is
// quoted: net/http writes there what a server sends without being asked.
func StandardLog(to *slog.Logger) {
	log.SetFlags(0)
	log.SetOutput(unquoted{to})
}

type unquoted struct{ to *slog.Logger }

// Write implements io.Writer, for a line.
func (u unquoted) Write(line []byte) (int, error) {
	text, _, _ := bytes.Cut(bytes.TrimSpace(line), []byte(`"`))
	u.to.Warn(string(text))
	return len(line), nil
}
