// Package apicall has what the clients of an API have in common: the rate of their requests,
// when a call is repeated, how much of an answer is read, and what an error may say.
package apicall

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"commerce-segment/shared/chars"
	"commerce-segment/shared/loggable"
)

// Name returns the name of a call, a method and a path, for logs and errors. It hides the
// parts of the path that do not have the form of an id, because they may come from an answer.
func Name(method, path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		parts[i] = loggable.ID(part)
	}
	return method + " " + strings.Join(parts, "/")
}

// MaxAnswerBytes limits an answer. A page of 100 orders with their lines has one or two
// megabytes.
const MaxAnswerBytes = 16 << 20

// ErrTooLong reports an answer that is longer than MaxAnswerBytes.
var ErrTooLong = fmt.Errorf("the answer is longer than %d MB", MaxAnswerBytes>>20)

// ReadAnswer reads the body of an answer and closes it. The error is ErrTooLong, or says
// that the answer is incomplete.
func ReadAnswer(response *http.Response) ([]byte, error) {
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, MaxAnswerBytes+1))
	if err != nil {
		return nil, fmt.Errorf("the answer is incomplete: %w", err)
	}
	if len(body) > MaxAnswerBytes {
		return nil, ErrTooLong
	}
	return body, nil
}

// NotAsDescribed is the text for an answer that cannot be decoded. The errors of
// encoding/json are not used, because they quote the answer.
const NotAsDescribed = "its form is not the one that the API describes"

// Temporary reports whether the same call may succeed later. Status is that of the answer, or
// 0 without a complete one, and then cause is the reason. An unknown host and a wrong
// certificate are not temporary.
func Temporary(status int, cause error) bool {
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	if errors.As(cause, &name) && name.IsNotFound || errors.As(cause, &certificate) {
		return false
	}
	return status == 0 || status == http.StatusTooManyRequests || status >= 500
}

// NotDone reports whether an API cannot have processed a request: there was no
// connection, or the rate limit rejected it, which is checked first.
func NotDone(status int, cause error) bool {
	var network *net.OpError
	dialling := errors.As(cause, &network) && network.Op == "dial"
	return dialling || status == http.StatusTooManyRequests
}

// maxWords is the longest text that Words returns, in characters.
const maxWords = 200

// Words makes a text from outside safe to show: one printable line without the
// secrets, of at most 200 characters.
func Words(text string, secrets ...string) string {
	for _, secret := range secrets {
		for _, written := range spellings(secret) {
			text = regexp.MustCompile("(?i)"+regexp.QuoteMeta(written)).ReplaceAllLiteralString(text, "[secret]")
		}
	}
	line := []rune(chars.Line(text))
	return strings.TrimSpace(string(line[:min(len(line), maxWords)]))
}

// spellings returns the forms in which a text from outside may quote a secret: as it is,
// and as encoded in a form, in a URL and in JSON.
func spellings(secret string) []string {
	if secret == "" {
		return nil
	}
	quoted, _ := json.Marshal(secret) // never fails for a string
	return []string{secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(string(quoted), `"`)}
}
