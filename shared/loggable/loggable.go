// Package loggable has the rule for text from other programs. Text from a webhook, a
// template's output or an answer may be personal data or a secret. So it may reach a log,
// a dead letter's reason or an error only if it has the form of an id, of an event's name
// or of a status. Text is for the few explanations that an operator needs.
package loggable

import (
	"bytes"
	"log"
	"log/slog"
	"slices"
	"strings"
)

// ID returns a text unchanged if it is empty or has the form of an id, and otherwise
// NotAnID.
func ID(text string) string {
	if text == "" || IsID(text) {
		return text
	}
	return NotAnID
}

// NotAnID replaces a text that does not have the form of an id.
const NotAnID = "(not an id)"

// IsID reports whether a text has the form of an id, for example a UUID or a messageId: up
// to 100 letters, digits, and the characters - _ . and :
func IsID(text string) bool {
	return text != "" && len(text) <= 100 && strings.Trim(text, inID) == ""
}

const inID = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-"

// OrderNumber returns the number by which people know an order, without a # at its beginning. It
// returns "" for a text that does not have the form of a number: up to 64 characters of an id
// with a digit among them.
func OrderNumber(text string) string {
	text = strings.TrimPrefix(text, "#")
	if len(text) > 64 || !IsID(text) || !strings.ContainsAny(text, "0123456789") {
		return ""
	}
	return text
}

// Currency returns the code of a currency unchanged, and "" for any other text. A store can
// define its own codes: up to 8 capital letters and digits.
func Currency(code string) string {
	if len(code) > 8 || strings.Trim(code, inCode) != "" {
		return ""
	}
	return code
}

const inCode = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// Event returns the name of a Commerce event unchanged, an empty text unchanged, and
// "(unknown event)" for any other text.
func Event(name string) string {
	resource, verb, _ := strings.Cut(name, ".")
	if name == "" || slices.Contains(strings.Fields(verbs[resource]), verb) {
		return name
	}
	return "(unknown event)"
}

// Verbs returns what can happen to a type of resource, according to Commerce's list of
// observable events: created and others for order. It returns none for an unknown type.
func Verbs(resource string) []string { return strings.Fields(verbs[resource]) }

const changes = "created updated deleted"

// verbs has the events of each resource, from Commerce's list of observable events.
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

// StandardLog sends the lines that packages write to package log to a logger, without
// their quoted parts: net/http quotes data there that a server sends without a request.
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
