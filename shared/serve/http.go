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

// HTTP answers one request of an HTTP API (payload format 2.0). Its error is
// always nil: an error would become a 500 with a body of Lambda's own.
func (f *Function) HTTP(ctx context.Context, request events.APIGatewayV2HTTPRequest) (response events.APIGatewayV2HTTPResponse, err error) {
	return f.accept(ctx, request, []byte(request.Body))
}

// accept is HTTP with the text of the body, which the request then need not have.
func (f *Function) accept(ctx context.Context, request events.APIGatewayV2HTTPRequest, text []byte) (response events.APIGatewayV2HTTPResponse, err error) {
	defer func() {
		if value := recover(); value != nil {
			f.recovered(ctx, value)
			response = answer(http.StatusServiceUnavailable, "unavailable")
		}
	}()
	if response, refused := f.byHeaders(ctx, request, len(text)); refused {
		return response, nil
	}
	body, err := bodyOf(request, text)
	if err != nil {
		return answer(http.StatusBadRequest, "not_base64"), nil
	}
	a := f.Relay.Accept(ctx, keyOf(request), body)
	return answer(a.Status, a.Code), nil
}

// Refuse answers a request that is refused by its headers alone: it is no request for a
// webhook, its body could not be read, or its key is forged. It looks at no body, so it can
// be asked before there is one.
func (f *Function) Refuse(ctx context.Context, request events.APIGatewayV2HTTPRequest) (response events.APIGatewayV2HTTPResponse, refused bool) {
	if response, refused := f.byHeaders(ctx, request, 0); refused {
		return response, true
	}
	return f.refuseForged(ctx, request)
}

// byHeaders is Refuse, but for the key of a request that is in order otherwise. The log
// has the size of the body.
func (f *Function) byHeaders(ctx context.Context, request events.APIGatewayV2HTTPRequest, size int) (response events.APIGatewayV2HTTPResponse, refused bool) {
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
	if response, forged := f.refuseForged(ctx, request); forged {
		return response, true
	}
	a := f.Relay.Reject(ctx, relay.Answer{Status: http.StatusUnsupportedMediaType, Code: code}, size)
	response = answer(a.Status, a.Code)
	response.Headers["Accept-Encoding"] = "identity" // RFC 9110, 15.5.16
	return response, true
}

func (f *Function) refuseForged(ctx context.Context, request events.APIGatewayV2HTTPRequest) (response events.APIGatewayV2HTTPResponse, forged bool) {
	a, forged := f.Relay.RejectForged(ctx, keyOf(request))
	if !forged {
		return response, false
	}
	return answer(a.Status, a.Code), true
}

// keyOf is the key that a request presents.
func keyOf(request events.APIGatewayV2HTTPRequest) string {
	return once(header(request.Headers, KeyHeader))
}

// Route is the path of a tracking's webhooks.
func Route(name string) string { return "/webhooks/" + name }

// isRoute looks at the end of the path only: before it stand the stage and a
// custom domain's mapping, where there are any.
func (f *Function) isRoute(path string) bool {
	return strings.HasSuffix(strings.TrimSuffix(path, "/"), Route(f.Relay.Tracking.Name))
}

// bodyOf is the request's body as it was posted. An HTTP API hands a body over as
// text or as base64, by its content type.
func bodyOf(request events.APIGatewayV2HTTPRequest, text []byte) ([]byte, error) {
	if request.IsBase64Encoded {
		return base64.StdEncoding.AppendDecode(nil, text)
	}
	return text, nil
}

// unsupported returns the code of the reason why a body cannot be read, by its headers:
// it is compressed, or in another charset than UTF-8. Commerce sends neither, but a
// proxy in between may.
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

// once returns the value of a repeated header if it is the same each time: a proxy in
// between may add a header again. Different values stay joined, as one value that is no
// secret.
func once(value string) string {
	first, _, _ := strings.Cut(value, ",")
	for part := range strings.SplitSeq(value, ",") {
		if strings.TrimSpace(part) != strings.TrimSpace(first) {
			return value
		}
	}
	return strings.TrimSpace(first)
}

// answer is what Commerce gets: a status and a short stable code.
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
