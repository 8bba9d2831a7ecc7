// Package apicall has what the clients of an API have in common: the rate of their requests,
// when a call is repeated, how much of an answer is read, and what an error may say.
package apicall

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

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

// ErrNotAsDescribed reports an answer that cannot be decoded. The errors of encoding/json are
// not used, because they quote the answer.
var ErrNotAsDescribed = errors.New("the answer does not have the documented format")
