package publicapitest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestRequestsThatSegmentDoesNotDescribeAreRejected(t *testing.T) {
	const from, to = "2026-11-29T00:00:00Z", "2026-11-29T04:00:00Z"
	now := time.Now().UTC()
	recent := "startTime=" + now.Add(-2*time.Hour).Format(time.RFC3339) + "&endTime=" + now.Format(time.RFC3339)
	for _, c := range []struct {
		name, method, target, accept, body string
		status                             int
	}{
		{"the workspace", "GET", "/", "application/vnd.segment.v1+json", "", 200},
		{"without a version", "GET", "/", "application/json", "", 200},
		{"a version that does not exist", "GET", "/", "application/vnd.segment.v9+json", "", 406},
		{"a stable version of what is in beta", "GET", "/delivery-overview/failed-on-ingest?sourceId=x&granularity=HOUR&" + recent, "application/vnd.segment.v1+json", "", 406},
		{"what is in beta", "GET", "/delivery-overview/failed-on-ingest?sourceId=x&granularity=HOUR&" + recent, "application/vnd.segment.v1beta+json", "", 200},
		{"more than four hours by minute", "GET", "/delivery-overview/failed-on-ingest?sourceId=x&granularity=MINUTE&startTime=2026-11-01T00:00:00Z&endTime=" + to, "application/json", "", 422},
		{"no source of a delivery overview", "GET", "/delivery-overview/failed-on-ingest?granularity=HOUR&" + recent, "application/json", "", 422},
		{"a reason of what was received", "GET", "/delivery-overview/successfully-received?groupBy.0=discardReason&sourceId=x&granularity=HOUR&" + recent, "application/json", "", 422},
		{"volumes", "GET", "/events/volume?groupBy.0=source&granularity=DAY&startTime=" + from + "&endTime=" + to, "application/json", "", 200},
		{"volumes without a granularity", "GET", "/events/volume?startTime=" + from + "&endTime=" + to, "application/json", "", 422},
		{"volumes with an array in another form", "GET", "/events/volume?groupBy=source&granularity=DAY&startTime=" + from + "&endTime=" + to, "application/json", "", 422},
		{"volumes with a parameter that does not exist", "GET", "/events/volume?eventNames.0=x&granularity=DAY&startTime=" + from + "&endTime=" + to, "application/json", "", 422},
		{"a page that is too large", "GET", "/sources?pagination[count]=1001", "application/json", "", 422},
		{"a cursor of another list", "GET", "/sources?pagination[cursor]=7", "application/json", "", 422},
		{"a source without its kind", "POST", "/sources", "application/json", `{"slug":"x","enabled":true}`, 422},
		{"a source with a name, which is not an input", "POST", "/sources", "application/json", `{"slug":"x","enabled":true,"metadataId":"y","name":"X"}`, 422},
		{"a regulation of a type that does not exist", "POST", "/regulations", "application/json", `{"regulationType":"DELETE","subjectType":"USER_ID","subjectIds":["x"]}`, 422},
		{"a regulation of no user", "POST", "/regulations", "application/json", `{"regulationType":"DELETE_ONLY","subjectType":"USER_ID","subjectIds":[]}`, 422},
		{"a path that does not exist", "GET", "/source", "application/json", "", 404},
	} {
		t.Run(c.name, func(t *testing.T) {
			request := httptest.NewRequest(c.method, c.target, strings.NewReader(c.body))
			request.Header.Set("Accept", c.accept)
			request.Header.Set("Authorization", "Bearer "+Token)
			if c.body != "" {
				request.Header.Set("Content-Type", "application/json")
			}
			answer := httptest.NewRecorder()
			New().ServeHTTP(answer, request)
			if answer.Code != c.status {
				t.Errorf("it answers %d, want %d: %s", answer.Code, c.status, answer.Body)
			}
			if failed := answer.Code != http.StatusOK; failed != strings.HasPrefix(answer.Body.String(), `{"errors":[{`) {
				t.Errorf("it answers %d with %s", answer.Code, answer.Body)
			}
		})
	}
}

func TestReceivedEventsAreCountedAfterTheLag(t *testing.T) {
	s := New()
	s.Lag = time.Hour
	now := time.Now()
	s.Received("shop", "track", "Order Completed", now.Add(-30*time.Minute), 1)
	s.Received("shop", "track", "Order Completed", now.Add(-2*time.Hour), 2)
	total := 0
	for _, group := range s.grouped(received, period{now.Add(-24 * time.Hour), now, time.Hour}, nil, func(counted) bool { return true }) {
		total += group["total"].(int)
	}
	if total != 2 {
		t.Errorf("it counts %d", total)
	}
}

func TestARegulationFinishesAlsoIfOnlyTheListIsRead(t *testing.T) {
	s := New()
	s.AddRegulation("SUPPRESS_WITH_DELETE", "customer-1")
	for _, status := range []string{"INITIALIZED", "RUNNING", "FINISHED"} {
		request := httptest.NewRequest("GET", "/regulations", nil)
		request.Header.Set("Accept", "application/vnd.segment.v1+json")
		request.Header.Set("Authorization", "Bearer "+Token)
		answer := httptest.NewRecorder()
		s.ServeHTTP(answer, request)
		if !strings.Contains(answer.Body.String(), `"status":"`+status+`"`) {
			t.Errorf("it answers %s, want the status %s", answer.Body, status)
		}
	}
}
