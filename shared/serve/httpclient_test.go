package serve_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"commerce-segment/shared/serve"
)

// slowConn returns from Write only after the answer has arrived, as on a busy machine where
// the writing goroutine has to wait.
type slowConn struct{ net.Conn }

func (c slowConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	time.Sleep(50 * time.Millisecond)
	return n, err
}

// An answer that arrives before the writer of the request continues is read to its end, and
// the request is not repeated.
func TestAnAnswerOfAWSIsReadEvenIfItArrivesEarly(t *testing.T) {
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		io.WriteString(w, `{"Attributes": `)
		w.(http.Flusher).Flush()
		time.Sleep(100 * time.Millisecond) // the rest arrives later, as with a large answer
		io.WriteString(w, `{"VisibilityTimeout": "54"}}`)
	}))
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			return slowConn{conn}, err
		},
	}}
	queues := sqs.NewFromConfig(aws.Config{
		Region: "eu-west-1", BaseEndpoint: &server.URL, HTTPClient: serve.BufferBodies(client),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	})
	output, err := queues.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: aws.String(server.URL + "/1/queue")})
	if err != nil {
		t.Fatal(err)
	}
	if output.Attributes["VisibilityTimeout"] != "54" || calls != 1 {
		t.Errorf("%d calls, the last returned %v, want one call", calls, output.Attributes)
	}
}
