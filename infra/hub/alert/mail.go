package alert

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/textproto"

	gomail "github.com/wneessen/go-mail"

	"commerce-segment/shared/loggable"
)

// mailer sends e-mail.
type mailer struct {
	host           string
	port           int
	user, password string // empty if the server wants none
	from           *mail.Address
	to             []*mail.Address
	dial           gomail.DialContextFunc
}

// implicitTLS is the port at which a connection begins with TLS.
const implicitTLS = 465

// send sends a message. The answers of a server may quote addresses, so no error contains them.
func (m mailer) send(ctx context.Context, message Message) error {
	options := []gomail.Option{gomail.WithPort(m.port), gomail.WithTimeout(sendWithin), gomail.WithTLSPolicy(gomail.TLSMandatory)}
	auth := gomail.SMTPAuthAutoDiscover // of what is safe
	if isLoopback(m.host) {
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
		auth = gomail.SMTPAuthPlain
	}
	if m.port == implicitTLS {
		options = append(options, gomail.WithSSL())
	} else {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		options = append(options, gomail.WithDialContextFunc(closedAfter(ctx, m.dial)))
	}
	if m.user != "" {
		options = append(options, gomail.WithSMTPAuth(auth), gomail.WithUsername(m.user), gomail.WithPassword(m.password))
	}
	client, err := gomail.NewClient(m.host, options...)
	if err != nil {
		return err
	}
	email := gomail.NewMsg()
	email.FromMailAddress(m.from)
	email.ToMailAddress(m.to...)
	email.Subject(message.Title)
	email.SetDate()
	email.SetMessageID()
	email.SetBodyString(gomail.TypeTextPlain, message.Text+"\n")
	if err := client.DialAndSendWithContext(ctx, email); err != nil {
		return fmt.Errorf("%s: %w", m.host, withoutAnswer(err))
	}
	return nil
}

// closedAfter returns a function that dials, and closes the connection when the context ends:
// the client does not, if the server offers no TLS or rejects the password.
func closedAfter(ctx context.Context, dial gomail.DialContextFunc) gomail.DialContextFunc {
	return func(dialing context.Context, network, address string) (net.Conn, error) {
		connection, err := dial(dialing, network, address)
		if err == nil {
			context.AfterFunc(ctx, func() { connection.Close() })
		}
		return connection, err
	}
}

// withoutAnswer returns an error of a mail server without the text of its answer.
func withoutAnswer(err error) error {
	var answer *textproto.Error
	var sending *gomail.SendError
	var network net.Error
	switch {
	case errors.As(err, &answer):
		return rejected(answer.Code)
	case errors.As(err, &sending) && sending.ErrorCode() > 0:
		return rejected(sending.ErrorCode())
	case errors.As(err, &network):
		return loggable.Error(network)
	default:
		return errors.New("the server offers no TLS (STARTTLS), or no way to sign in that this hub knows, or ended the connection")
	}
}

// rejected describes the code of an answer.
func rejected(code int) error {
	switch code {
	case 530, 534, 535, 538:
		return fmt.Errorf("the server answers %d: check the user and the password", code)
	default:
		return fmt.Errorf("the server answers %d: check the addresses in alerts/mail-from and alerts/mail-to", code)
	}
}
