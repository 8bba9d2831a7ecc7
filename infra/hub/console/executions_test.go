package console

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/executions"
)

// A long table takes longer than the server's WriteTimeout.
func TestALongTableIsSentCompletely(t *testing.T) {
	const rows = 40
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		slow := func(yield func(executions.Execution, error) bool) {
			for range rows {
				time.Sleep(5 * time.Millisecond)
				if !yield(executions.Execution{Detail: strings.Repeat("x", 4<<10)}, nil) {
					return
				}
			}
		}
		if err := executions.WriteCSV(w, withTime(w, slow)); err != nil {
			panic(http.ErrAbortHandler)
		}
	}))
	server.Config.WriteTimeout = 50 * time.Millisecond
	server.Start()
	defer server.Close()
	response, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	table, err := io.ReadAll(response.Body)
	if n := strings.Count(string(table), "\n"); err != nil || n != 1+rows {
		t.Errorf("the table has %d lines, %v", n, err)
	}
}
