package alert

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"commerce-segment/shared/settings"
)

// smtpServer is a stand-in for a mail server on this machine. It answers 250 to all commands
// that are not in answers.
type smtpServer struct {
	address string
	answers map[string]string

	mu    sync.Mutex
	hears []string // all lines
}

func startSMTP(t *testing.T, answers map[string]string) *smtpServer {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &smtpServer{address: listener.Addr().String(), answers: answers}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			s.serve(c)
		}
	})
	t.Cleanup(func() {
		listener.Close()
		serving.Wait()
	})
	return s
}

func (s *smtpServer) serve(c net.Conn) {
	defer c.Close()
	fmt.Fprint(c, "220 here\r\n")
	inData := false
	for lines := bufio.NewScanner(c); lines.Scan(); {
		line := lines.Text()
		s.mu.Lock()
		s.hears = append(s.hears, line)
		s.mu.Unlock()
		command, _, _ := strings.Cut(line, " ")
		answer, planned := s.answers[command]
		switch {
		case inData && line != ".":
			continue
		case inData:
			inData = false
			answer = "250 taken"
		case planned:
		case command == "EHLO":
			answer = "250-here\r\n250 AUTH PLAIN"
		case command == "AUTH":
			answer = "235 welcome"
		case command == "DATA":
			inData, answer = true, "354 go on"
		case command == "QUIT":
			answer = "221 bye"
		default:
			answer = "250 ok"
		}
		fmt.Fprint(c, answer+"\r\n")
	}
}

func (s *smtpServer) heard() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.hears, "\n")
}

// mailTo returns parameters that send e-mail to a server.
func mailTo(address string) fixed {
	return fixed{settings.AlertMailTo: "ops@example.com, PLANTED <planted@example.com>", settings.AlertMailFrom: "hub@example.com",
		settings.AlertSMTPServer: address, settings.AlertSMTPUser: "user", settings.AlertSMTPPassword: "PLANTED"}
}

func TestAlertsByMail(t *testing.T) {
	s := startSMTP(t, nil)
	w := watch(mailTo(s.address))
	w.in(t, 1, broken)
	for _, want := range []string{"AUTH PLAIN", "MAIL FROM:<hub@example.com>", "RCPT TO:<ops@example.com>", "RCPT TO:<planted@example.com>", "Subject: commerce-segment is broken", "The template fails."} {
		if !strings.Contains(s.heard(), want) {
			t.Errorf("the server did not hear %q:\n%s", want, s.heard())
		}
	}
	if w.log.Len() > 0 {
		t.Errorf("it logged %s", w.log.String())
	}
}

// An answer of a server may quote an address, and must not be in the log.
func TestAMailServerThatRejects(t *testing.T) {
	for _, c := range []struct{ command, answer, says string }{
		{"AUTH", "535 no, planted@example.com", "the server answers 535: check the user and the password"},
		{"RCPT", "550 no such user planted@example.com", "the server answers 550: check the addresses"},
		{"EHLO", "250 here", "no way to sign in"},
	} {
		s := startSMTP(t, map[string]string{c.command: c.answer})
		w := watch(mailTo(s.address))
		w.in(t, 1, broken)
		w.in(t, 2, broken)
		logged := w.log.String()
		if strings.Count(logged, c.says) != 1 || strings.Contains(strings.ToLower(logged), "planted") {
			t.Errorf("%s is answered %s, and it logged:\n%s", c.command, c.answer, logged)
		}
	}
}

func TestAMailServerThatCannotBeReached(t *testing.T) {
	w := watch(mailTo("127.0.0.1:1"))
	w.in(t, 1, broken)
	if logged := w.log.String(); !strings.Contains(logged, "connection was refused") {
		t.Errorf("it logged:\n%s", logged)
	}
}

// A password must not be sent to another machine without TLS.
func TestMailNeedsTLS(t *testing.T) {
	s := startSMTP(t, nil)
	f := mailTo("mail.example.com:587")
	m, err := mailSettings(func(name string) string { return f[name] })
	if err != nil {
		t.Fatal(err)
	}
	m.dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, s.address)
	}
	if err := m.send(t.Context(), Message{"title", "text"}); err == nil || !strings.Contains(err.Error(), "offers no TLS") {
		t.Errorf("a server without TLS: %v", err)
	}
	if heard := s.heard(); !strings.Contains(heard, "EHLO") || strings.Contains(heard, "AUTH") || strings.Contains(heard, "MAIL") {
		t.Errorf("without TLS the server heard:\n%s", heard)
	}
}
