package loggable

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
)

// described is an error with a safe text. errors.Is and errors.As find its cause.
type described struct {
	text  string
	cause error
}

func (d *described) Error() string { return d.text }

func (d *described) Unwrap() error { return d.cause }

// Timeout and Temporary make it a net.Error: url.Error asks only the error that it wraps.
func (d *described) Timeout() bool { return isTimeout(d.cause) }

func (d *described) Temporary() bool { return d.Timeout() }

// Error returns a network error with a text that quotes nothing from the other side. (The
// errors of net/http, crypto/tls and crypto/x509 do.) It returns nil for nil.
func Error(err error) error {
	if err == nil {
		return nil
	}
	return &described{describe(err), err}
}

func describe(err error) string {
	var name *net.DNSError
	var network *net.OpError
	var record tls.RecordHeaderError
	var certificate *tls.CertificateVerificationError
	var alert tls.AlertError
	dialing := errors.As(err, &network) && network.Op == "dial"
	switch {
	case errors.Is(err, context.Canceled):
		return "the request was canceled before an answer came"
	case isTimeout(err):
		return "no answer came in time"
	case errors.As(err, &network) && network.Op == "proxyconnect":
		return "no connection could be made through the proxy"
	case errors.As(err, &name) && name.IsNotFound:
		return "there is no host " + ID(name.Name)
	case errors.As(err, &name):
		return "the name of the host " + ID(name.Name) + " could not be looked up"
	case errors.As(err, &certificate):
		return describeCertificate(certificate.Err)
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return "it does not speak TLS: check whether its URL begins with http://"
	case errors.As(err, &alert):
		return "it rejected the TLS handshake"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the connection was refused" + by(network)
	case dialing:
		return "no connection could be made" + by(network)
	case isCut(err):
		return "the connection ended before the whole answer came"
	default:
		return "its answer is not HTTP"
	}
}

// by returns the address of a connection as the end of an error, or "" if it is unknown.
func by(network *net.OpError) string {
	if network == nil || network.Addr == nil {
		return ""
	}
	return ": " + network.Addr.String()
}

// describeCertificate describes the fault of the other side's certificate.
func describeCertificate(err error) string {
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &host):
		return "its certificate is for another host"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "its certificate has expired, or is not valid yet"
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return "its certificate is signed by an unknown authority"
	default:
		return "its certificate is not valid"
	}
}

func isTimeout(err error) bool {
	var network net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout()
}

func isCut(err error) bool {
	for _, cut := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, cut) {
			return true
		}
	}
	return false
}

// Transport returns a RoundTripper whose errors quote nothing from the answer, also while
// the answer is read. Its responses have the standard text of their status, and no
// Location: http.Client would quote it in errors, or send the request there.
func Transport(below http.RoundTripper) http.RoundTripper { return transport{below} }

type transport struct{ below http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.below.RoundTrip(request)
	if err != nil {
		return nil, Error(err)
	}
	response.Status = fmt.Sprintf("%d %s", response.StatusCode, http.StatusText(response.StatusCode))
	response.Header.Del("Location")
	response.Body = answer{response.Body}
	return response, nil
}

// answer is the body of a response.
type answer struct{ io.ReadCloser }

// Read implements io.Reader.
func (a answer) Read(p []byte) (int, error) {
	n, err := a.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = Error(err)
	}
	return n, err
}

// AWSError returns an error of the AWS SDK without the text of AWS's answer: it may quote
// the request, which contains an event or a secret. The status and the code stay. An error
// without an answer is returned unchanged.
func AWSError(err error) error {
	var coded interface{ ErrorCode() string }
	var answered interface{ HTTPStatusCode() int }
	if !errors.As(err, &answered) || answered.HTTPStatusCode() == 0 {
		return err
	}
	status := answered.HTTPStatusCode()
	if errors.As(err, &coded) {
		return &described{fmt.Sprintf("AWS answered %d %s", status, ID(coded.ErrorCode())), err}
	}
	return &described{fmt.Sprintf("AWS answered %d, and the answer cannot be read", status), err}
}
