package serve

import (
	"bytes"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// BufferBodies makes a client of AWS send the header and the body of a request in one
// write.
//
// Without it a request can be lost or repeated. The SDK (smithy-go 1.28.9) closes the body
// of a request as soon as the response arrives. If net/http then reads the body once more,
// to find its end, it gets an error and closes the connection in the middle of the
// response. AWS has executed the request, but the SDK repeats it: a message is put on the
// queue twice, or is received and lost. This happens if the response arrives before the
// goroutine that writes the request runs again. With a body in memory, net/http finds its
// end before it sends the request.
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
