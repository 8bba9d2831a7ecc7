package main

import (
	"html"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheConsoleTellsWhatIsOddAboutTheSettings(t *testing.T) {
	h := startIn(t, filepath.Join(t.TempDir(), "<b>'&"))
	h.set("segment/writekey", "a slip in the name")
	status, page := h.request("GET", "/", "")
	if status != http.StatusOK || strings.Contains(page, "<b>'") {
		t.Fatalf("answered %d, or does not escape a file's name:\n%s", status, page)
	}
	if text := html.UnescapeString(page); !strings.Contains(text, "nothing reads ") || !strings.Contains(text, "segment/writekey") {
		t.Errorf("the page does not tell of the file that nothing reads:\n%s", text)
	}
}

func TestTheConsolePostsASample(t *testing.T) {
	h := start(t)
	if status, _ := h.request("POST", "/samples", "sample=order-completed%2Fguest", "Content-Type", "application/x-www-form-urlencoded"); status != http.StatusOK && status != http.StatusSeeOther {
		t.Errorf("answered %d", status)
	}
	h.awaitMessages(1)
	if _, page := h.request("GET", "/", ""); !strings.Contains(page, `<td data-label="Commerce event">order.paid</td><td data-label="Tracking">Order Completed</td>`) {
		t.Errorf("the page does not show the webhook:\n%s", page)
	}
}

// Without this nobody sees on this machine that an event was given up.
func TestThePagesTellOfDeadLetters(t *testing.T) {
	h := start(t)
	h.set("templates/order-completed", `{"event": ""}`)
	h.webhook("order-completed", order("order.paid", "o-dead"))
	eventually(t, "the page counts the dead letter, and says where it is", func() bool {
		_, page := h.request("GET", "/", "")
		return strings.Contains(page, `<dd class="bad">1</dd>`) && strings.Contains(page, `<a href="/deadletters">`)
	})
	if _, page := h.request("GET", "/deadletters", ""); !strings.Contains(page, "o-dead") || !strings.Contains(page, "message_invalid") {
		t.Errorf("the page of the dead letters does not show it:\n%s", page)
	}
}

// A page elsewhere on the web can have its visitor's browser post here.
func TestOtherSitesCannotWriteIntoTheInbox(t *testing.T) {
	h := start(t)
	status, _ := h.request("POST", "/v1/batch", `{"batch":[{"type":"track"}]}`, "Origin", "https://elsewhere.example")
	if status != http.StatusForbidden {
		t.Errorf("answered %d, want 403", status)
	}
	if _, inbox := h.request("GET", "/inbox", ""); inbox != "[]\n" {
		t.Errorf("the inbox holds %s", inbox)
	}
}
