// Package alert tells people when the health of a store on this machine gets worse, and when it
// works again: with a webhook of Slack or Teams, and by e-mail.
package alert

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"strconv"
	"strings"

	"commerce-segment/shared/settings"
)

// channel is a way to tell people.
type channel struct {
	name string
	// send sends a message. Its error contains no secret and no address of a person.
	send func(context.Context, Message) error
}

// channels returns the channels that the parameters set up, and what is wrong with the others.
func channels(parameters map[string]string) ([]channel, error) {
	value := func(name string) string { return strings.TrimSpace(parameters[name]) }
	var all []channel
	var wrong []error
	if address := value(settings.AlertWebhook); address != "" {
		u, err := webhookURL(address)
		if wrong = append(wrong, err); err == nil {
			all = append(all, channel{"webhook", func(ctx context.Context, m Message) error { return post(ctx, u, m) }})
		}
	}
	if value(settings.AlertMailTo) != "" {
		m, err := mailSettings(value)
		if wrong = append(wrong, err); err == nil {
			all = append(all, channel{"e-mail", m.send})
		}
	}
	return all, errors.Join(wrong...)
}

// Check returns an error that lists what is wrong with the parameters about alerts.
func Check(parameters map[string]string) error {
	_, err := channels(parameters)
	return err
}

// webhookURL parses the URL of a webhook. Without TLS, others could read it on its way.
func webhookURL(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		return nil, fmt.Errorf("%s is not a URL that begins with https://: copy the URL of an incoming webhook of Slack, or of a workflow of Teams", settings.AlertWebhook)
	}
	return u, nil
}

// mailSettings parses the parameters about e-mail.
func mailSettings(value func(name string) string) (m mailer, err error) {
	var wrong []error
	if m.to, err = mail.ParseAddressList(value(settings.AlertMailTo)); err != nil {
		wrong = append(wrong, fmt.Errorf("%s is not a list of e-mail addresses with commas between them", settings.AlertMailTo))
	}
	if m.from, err = mail.ParseAddress(value(settings.AlertMailFrom)); err != nil {
		wrong = append(wrong, fmt.Errorf("%s is not an e-mail address: put there the address that the mail server lets this hub send from", settings.AlertMailFrom))
	}
	host, port, err := net.SplitHostPort(value(settings.AlertSMTPServer))
	if m.host = host; err == nil {
		m.port, err = strconv.Atoi(port)
	}
	if err != nil || host == "" || m.port < 1 || m.port > 65535 {
		wrong = append(wrong, fmt.Errorf("%s is not HOST:PORT, for example mail.example.com:587", settings.AlertSMTPServer))
	}
	m.dial = (&net.Dialer{}).DialContext
	m.user, m.password = value(settings.AlertSMTPUser), value(settings.AlertSMTPPassword)
	if (m.user == "") != (m.password == "") {
		wrong = append(wrong, fmt.Errorf("%s and %s belong together: set both, or neither", settings.AlertSMTPUser, settings.AlertSMTPPassword))
	}
	return m, errors.Join(wrong...)
}

// isLoopback reports whether a host is this machine.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
