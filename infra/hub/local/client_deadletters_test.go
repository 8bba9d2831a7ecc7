package local

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"commerce-segment/infra/hub/deadletters"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/tracking"
)

// lettersOf returns that many summaries of dead letters, with the ids 1, 2, …
func lettersOf(many int) (all []string) {
	for i := range many {
		all = append(all, fmt.Sprintf(`{"id":"%d"}`, i+1))
	}
	return all
}

// A redrive is in batches, because the hub takes longer for all than the client waits. The user
// learns how many were put back, also when a batch fails.
func TestARedriveIsInBatchesAndReportsWhatWasPutBack(t *testing.T) {
	const many = 2*redriveBatch + 100
	for _, c := range []struct {
		name   string
		second http.HandlerFunc // answers the second batch
		moved  int
		says   string
		looked int
	}{
		{"all", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, `{"moved":%d}`, redriveBatch) }, many, "", many},
		{"a part of the second", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"moved":7,"error":"the disk is full"}`) },
			redriveBatch + 7, "the disk is full (507 were put back on the queue; the list of dead letters shows what is left)", redriveBatch},
		{"no answer about the second", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			redriveBatch, "the hub did not confirm 500 dead letters, which it may have put back: ", redriveBatch},
	} {
		t.Run(c.name, func(t *testing.T) {
			var batches []int
			hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					fmt.Fprintf(w, `{"letters":[%s]}`, strings.Join(lettersOf(many), ","))
					return
				}
				named := len(strings.Fields(r.FormValue("ids")))
				if batches = append(batches, named); len(batches) == 2 {
					c.second(w, r)
					return
				}
				fmt.Fprintf(w, `{"moved":%d}`, named)
			}))
			defer hub.Close()
			directory, err := store.OpenDirectory(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			of := tracking.All()[0]
			queues := deadletters.Queues{{Tracking: of, Queue: hubQueue{Client{http.DefaultClient, hub.URL, directory}, of}}}
			looked := 0
			moved, err := queues.Redrive(t.Context(), func(deadletters.Letter) bool { return true }, func(n int) { looked = n })
			hub.Close() // waits for the handlers, which write batches
			if moved != c.moved || looked != c.looked || fmt.Sprint(batches) != fmt.Sprint([]int{500, 500, 100}[:len(batches)]) {
				t.Errorf("%d were put back and %d looked at in the batches %v, want %d and %d", moved, looked, batches, c.moved, c.looked)
			}
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("it says %v, want %s", err, c.says)
			}
		})
	}
}
