// Package hostiletest has servers for tests whose answers are invalid and have personal data
// in every part. No log line and no error may contain these data.
package hostiletest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

// Person is the personal data, an e-mail address. Mark is the part of it that can also be in
// the name of a host.
const (
	Person = "jane.doe@example.com"
	Mark   = "jane.doe"
)

// Peer is a server.
type Peer struct {
	Name string
	URL  string
}

// answers are sent in reply to a request, as they are. PERSON stands for the personal data,
// and SELF for the address of the peer.
var answers = []struct{ name, text string }{
	{"the status is an address", "HTTP/1.1 PERSON OK\r\n\r\n"},
	{"the version is an address", "PERSON/1.1 200 OK\r\n\r\n"},
	{"the first line is an address", "PERSON\r\n\r\n"},
	{"the first line has no end", strings.Repeat("PERSON", 10_000)},
	{"the reason is an address", "HTTP/1.1 500 PERSON\r\nContent-Length: 0\r\n\r\n"},
	{"the reason of a refusal is an address", "HTTP/1.1 403 PERSON\r\nContent-Length: 0\r\n\r\n"},
	{"a header without a colon", "HTTP/1.1 200 OK\r\nPERSON\r\n\r\n"},
	{"a header with a NUL", "HTTP/1.1 200 OK\r\nX: PERSON\x00\r\n\r\n"},
	{"a header's name is an address", "HTTP/1.1 200 OK\r\n<PERSON>: x\r\nContent-Length: 0\r\n\r\n"},
	{"the length is an address", "HTTP/1.1 200 OK\r\nContent-Length: PERSON\r\n\r\n"},
	{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: PERSON\r\n\r\n"},
	{"the transfer encoding is an address", "HTTP/1.1 200 OK\r\nTransfer-Encoding: PERSON\r\n\r\n"},
	{"the size of a chunk is an address", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nPERSON\r\n"},
	{"a trailer without a colon", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nPERSON\r\n\r\n"},
	{"the body breaks off", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nPERSON"},
	{"the body is not JSON", closing("200", "PERSON")},
	{"the body is JSON of another form", closing("200", `{"data":"PERSON","x":"PERSON"}`)},
	{"a token, and then an address", closing("200", `{"access_token":"PERSON","expires_in":3600,"data":{"id":"PERSON"}}`)},
	{"it refuses with an error's title and detail", closing("400", `{"errors":[{"title":"PERSON","detail":"PERSON"}]}`)},
	{"it refuses with an error's message", closing("422", `{"success":false,"message":"PERSON"}`)},
	{"it fails with a page", closing("500", "<html>PERSON</html>")},
	{"it refuses as AWS does", closing("400", `{"__type":"com.amazonaws#PERSON","message":"PERSON","Message":"PERSON"}`)},
	{"it refuses as AWS does, by a header", "HTTP/1.1 400 Bad Request\r\nX-Amzn-Errortype: PERSON\r\nX-Amzn-Requestid: PERSON\r\nContent-Length: 2\r\n\r\n{}"},
	{"AWS's answer has another form", closing("200", `{"Parameters":"PERSON"}`)},
	{"Retry-After is an address", "HTTP/1.1 429 Too Many Requests\r\nRetry-After: PERSON\r\nContent-Length: 0\r\n\r\n"},
	{"it leads to a host", "HTTP/1.1 301 Moved\r\nLocation: http://PERSON/\r\nContent-Length: 0\r\n\r\n"},
	{"it leads to what is no URL", "HTTP/1.1 302 Found\r\nLocation: ://PERSON%zz\r\nContent-Length: 0\r\n\r\n"},
	{"it leads to itself, again and again", "HTTP/1.1 307 Found\r\nLocation: SELF/?q=PERSON\r\nContent-Length: 0\r\n\r\n"},
	{"it leads to itself with a GET", "HTTP/1.1 303 See Other\r\nLocation: /?q=PERSON\r\nContent-Length: 0\r\n\r\n"},
	{"it switches protocols", "HTTP/1.1 101 PERSON\r\nConnection: Upgrade\r\nUpgrade: PERSON\r\n\r\nPERSON"},
	{"it informs and then ends", "HTTP/1.1 103 PERSON\r\nLink: <PERSON>\r\n\r\nPERSON"},
	{"it sends more than it was asked for", "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\nPERSON"},
	{"an SSH server", "SSH-2.0-PERSON\r\n"},
	{"a mail server", "220 PERSON ESMTP\r\n"},
	{"a gRPC server", "\x00\x00\x00\x04\x00\x00\x00\x00\x00" + "\x00\x00\x1c\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00PERSON"},
	{"a TLS alert", "\x15\x03\x03\x00\x02\x02\x28PERSON"},
	{"it ends the connection", ""},
}

// closing returns an answer whose body ends with the connection.
func closing(status, body string) string {
	return "HTTP/1.1 " + status + " X\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" + body
}

// Peers starts all peers, on this machine. They end with the test.
func Peers(t testing.TB) []Peer {
	t.Helper()
	var peers []Peer
	for _, a := range answers {
		peers = append(peers, Peer{a.name, "http://" + serve(t, a.text, nil)})
	}
	for _, a := range []struct{ name, text string }{
		{"plain text in place of TLS", "PERSON\r\n"},
		{"HTTP in place of TLS", "HTTP/1.1 400 PERSON\r\n\r\nPERSON"},
		{"a record of TLS with an address in it", "\x16\x03\x03\x00\x14PERSON"},
	} {
		peers = append(peers, Peer{a.name, "https://" + serve(t, a.text, nil)})
	}
	now := time.Now()
	for _, c := range []struct {
		name  string
		until time.Time
	}{
		{"a certificate of another host, signed by an unknown authority", now.Add(time.Hour)},
		{"a certificate that has expired", now.Add(-time.Hour)},
	} {
		peers = append(peers, Peer{c.name, "https://" + serve(t, "HTTP/1.1 PERSON\r\n\r\n", certificate(t, c.until))})
	}
	return peers
}

// serve answers each connection with the text. It returns its address.
func serve(t testing.TB, text string, secured *tls.Config) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	address := listener.Addr().String()
	text = strings.NewReplacer("PERSON", Person, "SELF", "http://"+address).Replace(text)
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			if secured != nil {
				connection = tls.Server(connection, secured)
			}
			go answer(connection, text)
		}
	}()
	return address
}

// answer waits for the beginning of a request and sends the text.
func answer(connection net.Conn, text string) {
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := connection.Read(make([]byte, 64<<10)); err != nil {
		return
	}
	_, _ = io.WriteString(connection, text)
	if half, ok := connection.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_, _ = io.Copy(io.Discard, connection) // or the answer may be lost in a reset
}

// certificate returns a TLS configuration whose certificate has personal data.
func certificate(t testing.TB, until time.Time) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: Person, Organization: []string{Person}},
		DNSNames: []string{Mark + ".example.com"}, EmailAddresses: []string{Person},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{signed}, PrivateKey: key}}}
}
