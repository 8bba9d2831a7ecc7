package store

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"commerce-segment/infra/emulator"
	"commerce-segment/infra/emulator/standin"
	"commerce-segment/infra/stack/outputs"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
)

func TestUnusableCredentialsAreExplained(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>expired</Message></Error></ErrorResponse>`)
	}))
	defer server.Close()
	none := filepath.Join(t.TempDir(), "none")
	for name, c := range map[string]struct{ id, profile, says string }{
		"none":                          {"", "", "there are no AWS credentials, or the login has expired: choose a profile"},
		"a profile that does not exist": {"", "not-there", "there is no AWS profile not-there"},
		"expired":                       {"id", "", "AWS rejected the credentials (ExpiredToken): choose a profile"},
	} {
		t.Run(name, func(t *testing.T) {
			for name, value := range map[string]string{
				"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": c.id, "AWS_SECRET_ACCESS_KEY": c.id,
				"AWS_PROFILE": c.profile, "AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none, "AWS_EC2_METADATA_DISABLED": "true",
			} {
				t.Setenv(name, value)
			}
			if _, err := OpenDeployed(t.Context(), "/shop"); err == nil || !strings.HasPrefix(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
}

func TestAStackIsOpenedOnlyWithItsOwnPrefix(t *testing.T) {
	const shopOutput = "<Outputs><member><OutputKey>Prefix</OutputKey><OutputValue>/my/shop</OutputValue></member></Outputs>"
	for _, c := range []struct{ name, prefix, status, outputs, says string }{
		{"the prefix of the stack", "/my/shop", "CREATE_COMPLETE", shopOutput, ""},
		{"the prefix with a slash at the end", "/my/shop/", "CREATE_COMPLETE", shopOutput, ""},
		{"another prefix with the same stack name", "/my--shop", "CREATE_COMPLETE", shopOutput, "the stack my--shop in us-east-1 is the store /my/shop, not /my--shop"},
		{"a stack whose deployment failed", "/my/shop", "ROLLBACK_COMPLETE", "", "(its status is ROLLBACK_COMPLETE): deploy it first"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/xml")
				fmt.Fprintf(w, `<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStacksResult><Stacks><member>
					<StackName>my--shop</StackName><CreationTime>2026-01-02T03:04:05Z</CreationTime><StackStatus>%s</StackStatus>%s
					</member></Stacks></DescribeStacksResult></DescribeStacksResponse>`, c.status, c.outputs)
			}))
			defer server.Close()
			none := filepath.Join(t.TempDir(), "none")
			for name, value := range map[string]string{
				"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret",
				"AWS_PROFILE": "", "AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none,
			} {
				t.Setenv(name, value)
			}
			s, err := OpenDeployed(t.Context(), c.prefix)
			if c.says == "" && (err != nil || s.Prefix != "/my/shop") {
				t.Errorf("opened %q, %v", s.Prefix, err)
			}
			if c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("got error %v, want %q in it", err, c.says)
			}
		})
	}
}

// A tick is how the function of a tracking is made to attempt its events.
func TestRetryNowSendsATickToEachQueueWithRetryingEvents(t *testing.T) {
	account := standin.Start(t)
	d := &Deployment{Outputs: map[string]string{}, Config: aws.Config{Region: emulator.Region, BaseEndpoint: &account.URL, Credentials: aws.AnonymousCredentials{}}}
	client := sqs.NewFromConfig(d.Config)
	trackings := tracking.All()[:3]
	for _, each := range trackings {
		for output, name := range map[string]string{outputs.Queue(each): each.Name, outputs.Waiting(each): each.Name + "-waiting", outputs.DeadLetters(each): each.Name + "-dead"} {
			made, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name})
			if err != nil {
				t.Fatal(err)
			}
			d.Outputs[output] = *made.QueueUrl
		}
	}
	for _, each := range trackings[:2] {
		queues, err := d.Spool(each)
		if err == nil {
			err = queues.Retry(t.Context(), relay.Item{Fresh: true, Envelope: relay.Envelope{Body: []byte(`{}`)}}, relay.Next{NotBefore: time.Minute})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if events, err := d.RetryNow(t.Context(), trackings); err != nil || events != 2 {
		t.Errorf("%d events are retried, %v", events, err)
	}
	for i, each := range trackings {
		url := d.Outputs[outputs.Queue(each)]
		received, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url})
		if err != nil {
			t.Fatal(err)
		}
		ticks := 0
		for _, m := range received.Messages {
			if _, ok := spool.ParseTick(*m.Body); ok {
				ticks++
			}
		}
		if want := map[bool]int{true: 1}[i < 2]; ticks != want || len(received.Messages) != want {
			t.Errorf("%s has %d messages and %d ticks, want %d", each.Name, len(received.Messages), ticks, want)
		}
	}
	delete(d.Outputs, outputs.Waiting(trackings[0]))
	if _, err := d.RetryNow(t.Context(), trackings); err == nil || !strings.Contains(err.Error(), "deploy it again with this version") {
		t.Errorf("with the stack of an earlier release: %v", err)
	}
}
