package store

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"commerce-segment/infra/hub/backfill"
	"commerce-segment/infra/stack/outputs"
	"commerce-segment/shared/settings"
)

// An event from before the logs begin must not be reported as lost: it would be sent again.
func TestLogsBeginWithTheLogGroupThatBeginsLast(t *testing.T) {
	now := time.Now()
	created := now.AddDate(0, 0, -90)
	for _, c := range []struct {
		name      string
		retention int // of one of them, in days
		newest    time.Time
		want      time.Time
	}{
		{"the lines do not expire", 0, created, created},
		{"the lines expire after some days", 30, created, now.AddDate(0, 0, -30)},
		{"one log group was created later", 30, now.AddDate(0, 0, -3), now.AddDate(0, 0, -3)},
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
				// The second log group only has the name as a prefix.
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
				t.Errorf("the logs begin at %s, want %s", got, c.want)
			}
		})
	}
}

func TestConfigsReturnTheSettingsOfAllTrackings(t *testing.T) {
	directory, err := SetUpDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := directory.Put(t.Context(), "templates/order-completed", "{}"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ host, want string }{
		{"", "http://inbox.example"},
		{"https://segment.example", "https://segment.example"},
	} {
		if err := directory.Put(t.Context(), settings.SegmentHost, c.host); err != nil {
			t.Fatal(err)
		}
		configs, err := InDirectory(directory).Configs(t.Context(), "http://inbox.example")
		if err != nil {
			t.Fatal(err)
		}
		if got := configs["order-completed"]; len(configs) != len(InDirectory(directory).Trackings()) || got.Template != "{}" || got.Segment.Host != c.want {
			t.Errorf("with the host %q: %d settings, %+v", c.host, len(configs), got.Segment)
		}
	}
}

// A backfill continues only with the same source and the same options: other messageIds would
// send the events twice.
func TestUnfinishedReturnsOnlyBackfillsOfTheSameStoreAndSource(t *testing.T) {
	directory, err := SetUpDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		settings.CommerceClientID: "id", settings.CommerceClientSecret: "https://commerce.example secret", settings.CommerceTokenURL: "https://commerce.example",
	} {
		if err := directory.Put(t.Context(), name, value); err != nil {
			t.Fatal(err)
		}
	}
	s := InDirectory(directory)
	what := BackfillOptions{Kinds: []backfill.Kind{backfill.Orders}, Only: []string{"order-completed"}, To: []string{"Amplitude"}, Rate: 200, Inbox: "http://inbox.example"}
	b, err := s.OpenBackfill(t.Context(), what)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	position := b.Begin(backfill.Orders, backfill.Period{Since: "1d"}, now.AddDate(0, 0, -1), now, backfill.Plan{Events: map[string]int{"order-completed": 7}})
	content, err := json.Marshal(position)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(position.File()), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(position.File(), content, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, period := range []backfill.Period{{Since: "1d"}, {Since: "2d"}} {
		begun, err := b.Begun(backfill.Orders, period)
		if err != nil || (begun != nil) != (period.Since == "1d") {
			t.Errorf("since %s: got %v, %v", period.Since, begun, err)
		}
	}
	left, err := s.Unfinished(t.Context(), what.Inbox)
	if err != nil || len(left) != 1 {
		t.Fatalf("unfinished: %v, %v", left, err)
	}
	if got := left[0]; got.File() != position.File() || got.Events != 7 || !slices.Equal(got.Only, what.Only) || !slices.Equal(got.To, what.To) {
		t.Errorf("unfinished: %+v", got)
	}
	for name, values := range map[string][2]string{
		settings.CommerceClientID: {"another-shop's", "id"}, settings.SegmentWriteKey: {"another-sources-key", ""},
	} {
		if err := directory.Put(t.Context(), name, values[0]); err != nil {
			t.Fatal(err)
		}
		if left, err := s.Unfinished(t.Context(), what.Inbox); err != nil || len(left) > 0 {
			t.Errorf("unfinished with another %s: %v, %v", name, left, err)
		}
		if err := directory.Put(t.Context(), name, values[1]); err != nil {
			t.Fatal(err)
		}
	}
}
