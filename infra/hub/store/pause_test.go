package store

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"commerce-segment/infra/stack/outputs"
	"commerce-segment/shared/tracking"
)

// mappings is the part of Lambda's API that has event source mappings.
type mappings struct {
	mu       sync.Mutex
	disabled map[string]bool // by the name of the function, which is also the mapping's id
	pending  int             // how many answers still say that a mapping is being disabled
}

func (m *mappings) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	state := func(name string) map[string]any {
		state := "Enabled"
		if m.disabled[name] {
			state = "Disabled"
			if m.pending > 0 {
				m.pending--
				state = "Disabling"
			}
		}
		return map[string]any{"UUID": name, "State": state, "LastModified": 1796000000}
	}
	w.Header().Set("Content-Type", "application/json")
	if r.Method == http.MethodGet {
		json.NewEncoder(w).Encode(map[string]any{"EventSourceMappings": []any{state(r.URL.Query().Get("FunctionName"))}})
		return
	}
	body, _ := io.ReadAll(r.Body)
	var asked struct{ Enabled bool }
	json.Unmarshal(body, &asked)
	name := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	m.disabled[name] = !asked.Enabled
	json.NewEncoder(w).Encode(state(name))
}

func TestADeployedTrackingIsPausedByItsEventSourceMapping(t *testing.T) {
	aLambda := &mappings{disabled: map[string]bool{}}
	server := httptest.NewServer(aLambda)
	defer server.Close()
	s := Store{Deployment: &Deployment{
		Config: aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "secret"}, nil
		})},
		Outputs: map[string]string{outputs.Prefix: "/my/shop"},
	}}
	if err := s.SetPaused(t.Context(), []tracking.Tracking{tracking.OrderCompleted}, true); err != nil {
		t.Fatal(err)
	}
	if !aLambda.disabled["my--shop-order-completed"] || len(aLambda.disabled) != 1 {
		t.Errorf("disabled are %v", aLambda.disabled)
	}
	aLambda.pending = 2
	if err := s.AwaitPaused(t.Context(), []tracking.Tracking{tracking.OrderCompleted}); err != nil || aLambda.pending != 0 {
		t.Errorf("it waits while %d answers say that the mapping is being disabled, %v", aLambda.pending, err)
	}
	pauses, err := s.Pauses(t.Context())
	if err != nil || len(pauses) != 1 || !strings.Contains(pauses[0].Says(), "Order Completed is paused since 2026-11-30 00:53 UTC") ||
		!strings.Contains(pauses[0].Says(), "resume it before 2026-12-14 00:53 UTC") {
		t.Errorf("the pauses are %v, %v", pauses, err)
	}
	if err := s.SetPaused(t.Context(), s.Trackings(), false); err != nil {
		t.Fatal(err)
	}
	if pauses, err := s.Pauses(t.Context()); err != nil || len(pauses) != 0 {
		t.Errorf("resumed, the pauses are %v, %v", pauses, err)
	}
}
