package local

import (
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// collecting runs a Collector. It returns its URL, and a function that stops it and returns the
// number of messages.
func collecting(t *testing.T, file, secret string) (url string, stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended, messages := make(chan string), make(chan error), 0
	go func() {
		var err error
		messages, err = (&Collector{Addr: "127.0.0.1:0", File: file, Secret: secret}).
			Run(ctx, slog.New(slog.DiscardHandler), func(url string) { ready <- url }, func(int) {})
		ended <- err
	}()
	select {
	case url = <-ready:
	case err := <-ended:
		t.Fatal(err)
	}
	return url + CollectPath, func() int {
		t.Helper()
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		return messages
	}
}

// signatureOf returns what Segment writes in X-Signature.
func signatureOf(text, secret string) string {
	mac := hmac.New(sha1.New, []byte(secret))
	io.WriteString(mac, text)
	return hex.EncodeToString(mac.Sum(nil))
}

// zipped returns a text with gzip.
func zipped(text string) string {
	var b strings.Builder
	w := gzip.NewWriter(&b)
	io.WriteString(w, text)
	w.Close()
	return b.String()
}

func TestPostsOfAWebhookDestinationAreAddedToTheFile(t *testing.T) {
	const a, b = `{"type":"track","event":"A"}`, `{"type":"identify","userId":"b"}`
	batch := "[" + a + "," + b + "]"
	file := filepath.Join(t.TempDir(), "theirs.jsonl")
	url, stop := collecting(t, file, "s3cret")
	for name, c := range map[string]struct {
		method, body, media, signature string
		want                           int
	}{
		"a signed message":                                   {"POST", a, "application/json", signatureOf(a, "s3cret"), http.StatusOK},
		"a batch, of which the first is signed":              {"POST", batch, "application/json; charset=utf-8", signatureOf(a, "s3cret"), http.StatusOK},
		"another secret":                                     {"POST", b, "application/json", signatureOf(b, "other"), http.StatusUnauthorized},
		"the signature of another message":                   {"POST", b, "application/json", signatureOf(a, "s3cret"), http.StatusUnauthorized},
		"no signature":                                       {"POST", b, "application/json", "", http.StatusUnauthorized},
		"the signature of the batch":                         {"POST", batch, "application/json", signatureOf(batch, "s3cret"), http.StatusUnauthorized},
		"no signature, and the rest is no JSON":              {"POST", a + "{", "application/json", "", http.StatusUnauthorized},
		"a batch of another secret, and the rest is no JSON": {"POST", "[" + a + ",{", "application/json", signatureOf(a, "other"), http.StatusUnauthorized},
		"a signed message with gzip":                         {"POST", zipped(a), "application/json", signatureOf(zipped(a), "s3cret"), http.StatusBadRequest},
		"nothing":                                            {"POST", "", "application/json", signatureOf("", "s3cret"), http.StatusBadRequest},
		"a form":                                             {"POST", b, "text/plain", signatureOf(b, "s3cret"), http.StatusUnsupportedMediaType},
		"no message":                                         {"POST", `{"id":1}`, "application/json", signatureOf(`{"id":1}`, "s3cret"), http.StatusBadRequest},
		"a body that is too large":                           {"POST", strings.Repeat(" ", maxWebhookBytes+1), "application/json", "", http.StatusRequestEntityTooLarge},
		"a request to read":                                  {"GET", "", "", "", http.StatusMethodNotAllowed},
	} {
		request, err := http.NewRequestWithContext(t.Context(), c.method, url, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", c.media)
		request.Header.Set(SignatureHeader, c.signature)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != c.want {
			t.Errorf("%s: it answers %d, want %d", name, response.StatusCode, c.want)
		}
	}
	if messages := stop(); messages != 3 {
		t.Errorf("it received %d messages, want 3", messages)
	}
	first := a + "\n" + a + "\n" + b + "\n"
	other := a + "\n" + b + "\n" + a + "\n" // the posts are in the order of a map
	content, err := os.ReadFile(file)
	if err != nil || string(content) != first && string(content) != other {
		t.Errorf("the file has %q, %v", content, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others can read the file: %v, %v", info.Mode(), err)
	}

	url, stop = collecting(t, file, "")
	response, err := http.Post(url, "application/json", strings.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	stop()
	if later, _ := os.ReadFile(file); string(later) != string(content)+b+"\n" {
		t.Errorf("after a second run without a secret the file has %q", later)
	}
}

func TestMessagesAreNotAddedToAnotherFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(file, []byte("notes"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := (&Collector{Addr: "127.0.0.1:0", File: file}).Run(t.Context(), slog.New(slog.DiscardHandler), func(string) {}, nil)
	if err == nil || !strings.Contains(err.Error(), "name another file with --save") {
		t.Errorf("it returns %v", err)
	}
	if content, _ := os.ReadFile(file); string(content) != "notes" {
		t.Errorf("the file has %q", content)
	}
}
