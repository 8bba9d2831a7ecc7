package serve

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"commerce-segment/shared/relay"
)

// KeyHeader is the header in which Commerce sends the integration's secret key, in
// plain text.
const KeyHeader = "X-MOLTIN-SECRET-KEY"

// HTTP answers one request of an HTTP API (payload format 2.0). Its error is always nil:
// Lambda would turn an error into a 500 with a body of its own.
func (f *Function) HTTP(ctx context.Context, request events.APIGatewayV2HTTPRequest) (response events.APIGatewayV2HTTPResponse, err error) {
	return f.accept(ctx, request, []byte(request.Body))
}

// accept is HTTP with the text of the body as an argument. It does not read request.Body.
func (f *Function) accept(ctx context.Context, request events.APIGatewayV2HTTPRequest, text []byte) (response events.APIGatewayV2HTTPResponse, err error) {
	defer func() {
		if value := recover(); value != nil {
			f.recovered(ctx, value)
			response = answer(http.StatusServiceUnavailable, "unavailable")
		}
	}()
	if response, rejected := f.rejectByHeaders(ctx, request, len(text)); rejected {
		return response, nil
	}
	body, err := bodyOf(request, text)
	if err != nil {
		return answer(http.StatusBadRequest, "not_base64"), nil
	}
	a := f.Relay.Accept(ctx, keyOf(request), body)
	return answer(a.Status, a.Code), nil
}

// Reject answers a request that can be rejected by its headers: its path or method is not
// that of a webhook, its body has an unsupported encoding, or its key is forged. It needs
// no body, so a server can call it before it reads the body.
func (f *Function) Reject(ctx context.Context, request events.APIGatewayV2HTTPRequest) (response events.APIGatewayV2HTTPResponse, rejected bool) {
	if response, rejected := f.rejectByHeaders(ctx, request, 0); rejected {
		return response, true
	}
	return f.rejectForged(ctx, request)
}

// rejectByHeaders is Reject without the check of the key of an otherwise valid request. The
// size of the body is for the log.
func (f *Function) rejectByHeaders(ctx context.Context, request events.APIGatewayV2HTTPRequest, size int) (response events.APIGatewayV2HTTPResponse, rejected bool) {
	if !f.isRoute(request.RawPath) {
		return answer(http.StatusNotFound, "not_found"), true
	}
	if request.RequestContext.HTTP.Method != http.MethodPost {
		response = answer(http.StatusMethodNotAllowed, "method_not_allowed")
		response.Headers["Allow"] = http.MethodPost
		return response, true
	}
	code := unsupported(request.Headers)
	if code == "" {
		return response, false
	}
	if response, forged := f.rejectForged(ctx, request); forged {
		return response, true
	}
	a := f.Relay.Reject(ctx, relay.Answer{Status: http.StatusUnsupportedMediaType, Code: code}, size)
	response = answer(a.Status, a.Code)
	response.Headers["Accept-Encoding"] = "identity" // RFC 9110, 15.5.16
	return response, true
}

// rejectForged answers a request with a forged key.
func (f *Function) rejectForged(ctx context.Context, request events.APIGatewayV2HTTPRequest) (response events.APIGatewayV2HTTPResponse, forged bool) {
	a, forged := f.Relay.RejectForged(ctx, keyOf(request))
	if !forged {
		return response, false
	}
	return answer(a.Status, a.Code), true
}

// keyOf returns the secret key in a request's headers.
func keyOf(request events.APIGatewayV2HTTPRequest) string {
	return once(header(request.Headers, KeyHeader))
}

// Route returns the path of a tracking's webhooks.
func Route(name string) string { return "/webhooks/" + name }

// isRoute reports whether a path ends with the route of the tracking. The stage and the
// mapping of a custom domain may come before it.
func (f *Function) isRoute(path string) bool {
	return strings.HasSuffix(strings.TrimSuffix(path, "/"), Route(f.Relay.Tracking.Name))
}

// bodyOf returns the request's body as it was posted. An HTTP API passes a body as text or
// in base64, depending on its content type.
func bodyOf(request events.APIGatewayV2HTTPRequest, text []byte) ([]byte, error) {
	if request.IsBase64Encoded {
		return base64.StdEncoding.AppendDecode(nil, text)
	}
	return text, nil
}

// unsupported returns a code if the headers show that the body is compressed or not in
// UTF-8, and otherwise "". Commerce sends neither, but a proxy in between may.
func unsupported(headers map[string]string) string {
	encoding := strings.ToLower(strings.TrimSpace(header(headers, "Content-Encoding")))
	switch encoding {
	case "", "identity":
	case "gzip", "x-gzip", "deflate", "compress", "br", "zstd":
		return "unsupported_encoding_" + encoding
	default:
		return "unsupported_encoding"
	}
	_, parameters, err := mime.ParseMediaType(header(headers, "Content-Type"))
	if charset := strings.ToLower(parameters["charset"]); err == nil && !slices.Contains([]string{"", "utf-8", "utf8", "us-ascii"}, charset) {
		return "unsupported_charset"
	}
	return ""
}

// header returns the value of a header, whose name may be in any case. The values of a
// repeated header are joined with commas, as an HTTP API passes them.
func header(headers map[string]string, name string) string {
	var values []string
	for key, value := range headers {
		if strings.EqualFold(key, name) {
			values = append(values, value)
		}
	}
	return strings.Join(values, ",")
}

// once returns the value of a repeated header once if it is always the same: a proxy in
// between may add a header again. Different values stay joined, so they match no secret.
func once(value string) string {
	first, _, _ := strings.Cut(value, ",")
	for part := range strings.SplitSeq(value, ",") {
		if strings.TrimSpace(part) != strings.TrimSpace(first) {
			return value
		}
	}
	return strings.TrimSpace(first)
}

// answer returns a response to Commerce: a status and a short stable code.
func answer(status int, code string) events.APIGatewayV2HTTPResponse {
	body, _ := json.Marshal(struct { // a string always encodes
		Code string `json:"code"`
	}{code})
	return events.APIGatewayV2HTTPResponse{
		StatusCode: status,
		Headers:    map[string]string{"Content-Type": "application/json"},
		Body:       string(body),
	}
}
