package serve

import (
	"bytes"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// BufferBodies makes a client of AWS send a request's header and body in one write.
//
// The SDK (smithy-go 1.28.9) closes a request's body as soon as the response is there,
// and its reader then answers net/http's last look for more of the body with an error,
// upon which net/http closes the connection in the middle of the response. AWS has then
// done what was asked, and the SDK asks again: a message is queued twice, or received
// by nobody. It takes an answer that comes before the goroutine that wrote the request
// runs again. net/http has done with a body that it knows to be in memory before any
// of the request leaves.
func BufferBodies(client aws.HTTPClient) aws.HTTPClient { return bufferBodies{client} }

type bufferBodies struct{ aws.HTTPClient }

// Do sends a request, and replaces its body.
func (c bufferBodies) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, fmt.Errorf("reading the body of a request to AWS: %w", err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return c.HTTPClient.Do(r)
}
