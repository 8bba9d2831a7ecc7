package server

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/hubtest"
)

// writeCertificate writes a new certificate for 127.0.0.1 with a serial number, and its key.
func writeCertificate(t *testing.T, certFile, keyFile string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	hubtest.WriteFile(t, certFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})))
	hubtest.WriteFile(t, keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}

// serialOf returns the serial number of the certificate that a handshake gets now.
func serialOf(t *testing.T, c *Certificate) int64 {
	t.Helper()
	c.mu.Lock()
	c.checked = time.Time{} // the interval has passed
	c.mu.Unlock()
	got, err := c.get(nil)
	if err != nil {
		t.Fatal(err)
	}
	return got.Leaf.SerialNumber.Int64()
}

func TestACertificateFollowsItsFiles(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, certFile, keyFile, 1)
	var log bytes.Buffer
	c, err := LoadCertificate(certFile, keyFile, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	want := func(serial int64, after string) {
		t.Helper()
		for range 3 {
			if got := serialOf(t, c); got != serial {
				t.Errorf("after %s the certificate is %d, want %d", after, got, serial)
			}
		}
	}
	want(1, "nothing")
	writeCertificate(t, certFile, keyFile, 2)
	want(2, "a renewal")
	hubtest.WriteFile(t, certFile, "half of a")
	want(2, "a broken file")
	if n := strings.Count(log.String(), "cannot be used"); n != 1 {
		t.Errorf("the broken file is logged %d times:\n%s", n, &log)
	}
	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	want(2, "a removed file")
	writeCertificate(t, certFile, keyFile, 3)
	want(3, "a repair")

	// The files cannot be read, and then they can, without a change that can be seen.
	otherCert, otherKey := filepath.Join(dir, "other-cert.pem"), filepath.Join(dir, "other-key.pem")
	writeCertificate(t, otherCert, otherKey, 4)
	c.certFile, c.keyFile = otherCert, otherKey
	c.files, c.failed = c.stat(), time.Now()
	want(3, "a failed attempt")
	c.failed = time.Now().Add(-reloadInterval)
	want(4, "a later attempt")
}

// serveTLS starts a server with TLS, and returns its address and its log.
func serveTLS(t *testing.T, limit int, handler http.Handler) (address string, log *hubtest.Log) {
	t.Helper()
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, certFile, keyFile, 1)
	log = new(hubtest.Log)
	logger := slog.New(slog.NewTextHandler(log, nil))
	certificate, err := LoadCertificate(certFile, keyFile, logger)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := New(listener, limit, certificate, handler, logger)
	go server.Serve()
	t.Cleanup(func() { server.http.Close() })
	return listener.Addr().String(), log
}

// encrypt begins TLS on a connection, and sends a request.
func encrypt(t *testing.T, conn net.Conn, request string) net.Conn {
	t.Helper()
	encrypted := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	if _, err := encrypted.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	return encrypted
}

func TestALimitBelowTLSKeepsTheConnectionsOfAuthenticatedRequests(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	address, _ := serveTLS(t, 2, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/key" {
			MarkAuthenticated(r)
			begun <- struct{}{}
			<-release
		}
	}))
	genuine := encrypt(t, hubtest.Dial(t, address, ""), "GET /key HTTP/1.1\r\nHost: localhost\r\n\r\n")
	<-begun
	idle := hubtest.Dial(t, address, "")
	other := encrypt(t, hubtest.Dial(t, address, ""), quick)
	wantClosed(t, idle)
	wantAnswer(t, other)
	close(release)
	wantAnswer(t, genuine)
}

func TestFailedHandshakesAreLoggedOnceAndWithoutTheClient(t *testing.T) {
	address, log := serveTLS(t, 10, http.NotFoundHandler())
	for range 5 {
		conn := hubtest.Dial(t, address, "PLANTED text that is not TLS\r\n\r\n")
		wantEnd(t, conn)
	}
	said := log.String()
	if strings.Count(said, "\n") != 1 || !strings.Contains(said, "first record does not look like a TLS handshake") ||
		strings.Contains(said, "PLANTED") || strings.Contains(said, "127.0.0.1") {
		t.Errorf("the log says\n%s", said)
	}
}

// wantEnd waits until the server closes a connection.
func wantEnd(t *testing.T, conn net.Conn) {
	t.Helper()
	var rest bytes.Buffer
	rest.ReadFrom(conn)
}
