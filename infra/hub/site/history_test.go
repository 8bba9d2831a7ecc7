package site

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"commerce-segment/infra/stack/outputs"
	"commerce-segment/shared/settings"
)

// What the logs have forgotten must not count as lost: it would be sent again.
func TestLogsAreCompleteFromTheTimeWhenTheyAllWereThere(t *testing.T) {
	now := time.Now()
	created := now.AddDate(0, 0, -90)
	for _, c := range []struct {
		name      string
		retention int // of one of them, in days
		newest    time.Time
		want      time.Time
	}{
		{"they are kept for ever", 0, created, created},
		{"they are kept for some days", 30, created, now.AddDate(0, 0, -30)},
		{"one was created later", 30, now.AddDate(0, 0, -3), now.AddDate(0, 0, -3)},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var asked struct {
					Prefix string `json:"logGroupNamePrefix"`
				}
				if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
					t.Error(err)
				}
				at, retention := created, ""
				if strings.HasSuffix(asked.Prefix, "order-completed") {
					at = c.newest
					if c.retention > 0 {
						retention = fmt.Sprintf(`, "retentionInDays": %d`, c.retention)
					}
				}
				w.Header().Set("Content-Type", "application/x-amz-json-1.1")
				// The second one only begins with that name.
				fmt.Fprintf(w, `{"logGroups": [{"logGroupName": %q, "creationTime": %d%s}, {"logGroupName": "%[1]s-x", "creationTime": %d}]}`,
					asked.Prefix, at.UnixMilli(), retention, now.UnixMilli())
			}))
			defer server.Close()
			d := &Deployment{
				Config: aws.Config{
					Region: "us-east-1", BaseEndpoint: aws.String(server.URL), Credentials: aws.CredentialsProviderFunc(
						func(context.Context) (aws.Credentials, error) {
							return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "secret"}, nil
						}),
				},
				Outputs: map[string]string{outputs.Prefix: "/shop"},
			}
			got, err := d.LogsBegin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got.Sub(c.want).Abs() > time.Minute {
				t.Errorf("they begin %s, want %s", got, c.want)
			}
		})
	}
}

func TestTheSettingsOfAllTrackingsAreThoseOfTheStore(t *testing.T) {
	home, err := MakeHome(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := home.Put(t.Context(), "templates/order-completed", "{}"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ host, want string }{
		{"", "http://inbox.example"},
		{"https://segment.example", "https://segment.example"},
	} {
		if err := home.Put(t.Context(), settings.SegmentHost, c.host); err != nil {
			t.Fatal(err)
		}
		configs, err := Here(home).Configs(t.Context(), "http://inbox.example")
		if err != nil {
			t.Fatal(err)
		}
		if got := configs["order-completed"]; len(configs) != 7 || got.Template != "{}" || got.Segment.Host != c.want {
			t.Errorf("of the host %q come %d, and %+v", c.host, len(configs), got.Segment)
		}
	}
}
