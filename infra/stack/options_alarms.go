package stack

import (
	"fmt"
	"net/mail"
)

// AlarmOptions are the options of the alarms: who receives them.
type AlarmOptions struct {
	// Emails are addresses that receive every alarm, after their owners have confirmed the
	// subscription by e-mail.
	Emails []string
}

func alarmOptions(r *optionReader) AlarmOptions {
	return AlarmOptions{Emails: r.list("alarmEmail", checkEmail)}
}

func checkEmail(email string) error {
	address, err := mail.ParseAddress(email)
	if err != nil || address.Address != email {
		return fmt.Errorf("%q is not an e-mail address: use one such as on-call@example.com, or leave it out", email)
	}
	return nil
}
