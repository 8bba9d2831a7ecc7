package local

import (
	"fmt"
	"net/http"
	"testing"
)

func TestNewMessagesAreThoseAboutTheResource(t *testing.T) {
	h := serveInbox(t, &inbox{})
	client := Client{http: http.DefaultClient, URL: h.URL}
	for _, body := range []string{`{"batch":["old o-1"]}`, `{"batch":["o-2","new o-1"]}`, `{"batch":["o-3"]}`} {
		h.Request("POST", "/v1/batch", body)
	}
	got, err := client.newMessages(t.Context(), 1, "o-1")
	if err != nil || fmt.Sprintf("%s", got) != `["new o-1"]` {
		t.Errorf("got %s, %v", got, err)
	}
}
