package server

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"log"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"
)

// Certificate is a certificate of TLS in files. It follows their changes: a new certificate is
// in effect within a second. While the new files cannot be used, the old certificate is.
type Certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	files   []os.FileInfo // of the last attempt to load them
	failed  time.Time     // when that attempt failed; zero if it succeeded
	checked time.Time
}

// checkInterval is the time between two looks at the files of a certificate.
const checkInterval = time.Second

// reloadInterval is the time after which files that could not be loaded are tried again, also
// if they look unchanged: a change of their permissions, for example, cannot be seen.
const reloadInterval = time.Minute

// LoadCertificate returns the certificate in two PEM files. Its error says what to do.
func LoadCertificate(certFile, keyFile string, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, log: log, checked: time.Now()}
	c.files = c.stat()
	if err := c.load(); err != nil {
		return nil, fmt.Errorf("the certificate for TLS cannot be used: %w. --tls-cert is a PEM file with the certificate and those between it and the root, --tls-key one with its private key", err)
	}
	return c, nil
}

// load reads the files.
func (c *Certificate) load() error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return err
	}
	c.current = &pair
	return nil
}

// get is the GetCertificate of a tls.Config.
func (c *Certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.checked) >= checkInterval {
		c.checked = time.Now()
		c.follow()
	}
	return c.current, nil
}

// follow loads the files if they have changed, or if they could not be loaded a while ago. It
// logs each change once.
func (c *Certificate) follow() {
	files := c.stat() // before the files are read, so that a later change is not missed
	changed := !slices.EqualFunc(files, c.files, sameFile)
	again := !c.failed.IsZero() && time.Since(c.failed) >= reloadInterval
	if !changed && !again {
		return
	}
	c.files = files
	if err := c.load(); err != nil {
		c.failed = time.Now()
		if changed {
			c.log.Error("the new certificate for TLS cannot be used, and the old one stays in effect: write both files again", "detail", err.Error())
		}
		return
	}
	c.failed = time.Time{}
	c.log.Info("the new certificate for TLS is in effect", "expires", c.current.Leaf.NotAfter.UTC().Format(time.RFC3339))
}

// stat returns what is known about the two files; nil for a missing one.
func (c *Certificate) stat() []os.FileInfo {
	files := make([]os.FileInfo, 2)
	for i, name := range []string{c.certFile, c.keyFile} {
		files[i], _ = os.Stat(name) // load reports why
	}
	return files
}

// sameFile reports whether a file is the same and unchanged.
func sameFile(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == b
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

// handshakeInterval is the time in which at most one failed handshake is logged. Anyone who
// reaches the address can cause them.
const handshakeInterval = time.Minute

// handshakeLog returns the ErrorLog of a server with TLS. It logs failed handshakes without
// the address of the client, and not all of them.
func handshakeLog(to *slog.Logger) *log.Logger { return log.New(&handshakes{to: to}, "", 0) }

type handshakes struct {
	to *slog.Logger

	mu   sync.Mutex
	last time.Time
	more int // failed handshakes since then
}

// Write implements io.Writer, for a line of net/http.
func (h *handshakes) Write(line []byte) (int, error) {
	text := bytes.TrimSpace(line)
	if !bytes.HasPrefix(text, []byte("http: TLS handshake error")) {
		h.to.Warn(string(text))
		return len(line), nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.last.IsZero() && time.Since(h.last) < handshakeInterval {
		h.more++
		return len(line), nil
	}
	h.to.Warn("a client failed to begin TLS", "detail", reasonOf(text), "not_logged_before", h.more)
	h.last, h.more = time.Now(), 0
	return len(line), nil
}

// reasonOf returns the reason at the end of a line of net/http, without what the client sent,
// which is in brackets or quoted.
func reasonOf(line []byte) string {
	reason := line[bytes.LastIndex(line, []byte(": "))+2:]
	if i := bytes.IndexAny(reason, `(["`); i >= 0 {
		reason = reason[:i]
	}
	return string(bytes.TrimSpace(reason))
}
