package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"commerce-segment/shared/commerce"
)

// How long the parts of an acceptance may take. Commerce gives up after 10 s, and
// does not say whether it tries again: so whatever hangs must leave time for the
// next best thing.
const (
	answerWithin = 8 * time.Second         // all of it
	verifyWithin = 1500 * time.Millisecond // then the event is accepted as an unknown one
	putWithin    = 3 * time.Second         // then it is delivered in the same call
)

// Answer is what Commerce is told.
type Answer struct {
	Status int
	Code   string // short and stable: "accepted", "forged", "not_json", …
}

var (
	accepted    = Answer{http.StatusAccepted, "accepted"}
	forged      = Answer{http.StatusUnauthorized, "forged"}
	tooLarge    = Answer{http.StatusRequestEntityTooLarge, "too_large"}
	unavailable = Answer{http.StatusServiceUnavailable, "unavailable"}
)

// Accept takes a webhook: it verifies the key, puts the body on the spool, and
// says what Commerce is to be told, within 8 s. It evaluates no template, except
// where the spool does not take the event and it is delivered here and now.
func (r *Relay) Accept(ctx context.Context, key string, body []byte) Answer {
	started := time.Now()
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()

	a := r.accept(ctx, key, body)
	r.logAccept(ctx, a, len(body), started)
	return a.answer
}

// Refuse answers a request whose body cannot be read, and logs it as Accept does.
// Nothing in the request is verified.
func (r *Relay) Refuse(ctx context.Context, answer Answer, size int) Answer {
	r.logAccept(ctx, acceptance{answer: answer}, size, time.Now())
	return answer
}

// RefuseForged is Accept of a forged key, whatever the body. It looks at no body, so it can be
// asked before there is one. Any other key it leaves to Accept.
func (r *Relay) RefuseForged(ctx context.Context, key string) (answer Answer, refused bool) {
	started := time.Now()
	if verdict, _ := r.verifyInTime(ctx, commerce.DigestOf(key)); verdict != commerce.Forged {
		return Answer{}, false
	}
	a := acceptance{answer: forged, why: errForged}
	r.logAccept(ctx, a, 0, started)
	return a.answer, true
}

// acceptance is what Accept decided.
type acceptance struct {
	answer     Answer
	webhook    commerce.Webhook // without its body; empty where the key is not known to be genuine
	received   time.Time        // what the envelope says; zero where there is none
	unverified bool             // taken without a secret to compare the key with
	failed     bool             // refused, and kept among the dead letters
	why        error            // what the log says of it; nil where all is well
}

// accept is Accept without the log line.
func (r *Relay) accept(ctx context.Context, key string, body []byte) acceptance {
	presented := commerce.DigestOf(key)
	verdict, why := r.verifyInTime(ctx, presented)
	if verdict == commerce.Forged {
		return acceptance{answer: forged, why: errForged}
	}
	if len(body) > MaxBody {
		return acceptance{answer: tooLarge, why: fmt.Errorf("its body is over %d bytes: %w", MaxBody, ErrTooLarge)}
	}
	webhook, kept, err := commerce.Check(body)
	if err != nil {
		return r.refuse(ctx, verdict, key, body, err)
	}
	envelope := Envelope{Received: time.Now(), Body: kept}
	a := acceptance{received: envelope.Received}
	if verdict == commerce.Unknown {
		envelope.Presented = &presented
	} else {
		a.webhook = webhook // what a stranger wrote stays out of the log
	}
	err = r.put(ctx, envelope)
	switch {
	case err == nil:
		a.answer, a.unverified, a.why = accepted, verdict == commerce.Unknown, why
	case errors.Is(err, ErrTooLarge):
		a.answer, a.why = tooLarge, err
	default:
		a.answer, a.why = r.deliverNow(ctx, envelope), errors.Join(err, why)
	}
	return a
}

// verifyInTime is verify with a limit, so that settings which cannot be reached
// cost the event nothing but a later verification.
func (r *Relay) verifyInTime(ctx context.Context, presented commerce.Digest) (commerce.Verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, verifyWithin)
	defer cancel()
	return r.verify(ctx, presented)
}

// verify says what a presented key is worth. A key that looks forged is looked
// at again with secrets read anew, so that one which was rotated within the last
// minute is not refused; within the last few seconds it may be, because Reload
// does not read more often. The error says why the verdict is Unknown, where it is
// not simply that no secret is configured.
func (r *Relay) verify(ctx context.Context, presented commerce.Digest) (commerce.Verdict, error) {
	config, err := r.Configuration.Current(ctx)
	if err != nil {
		return commerce.Unknown, err
	}
	if verdict := config.Secrets.Verify(presented); verdict != commerce.Forged {
		return verdict, nil
	}
	if config, err = r.Configuration.Reload(ctx); err != nil {
		return commerce.Unknown, err
	}
	return config.Secrets.Verify(presented), nil
}

// refuse answers a body that is no webhook. A genuine one is kept among the dead
// letters: it is Commerce that has changed, and somebody must see it. They need not see
// the secret, which Commerce writes into its bodies.
func (r *Relay) refuse(ctx context.Context, verdict commerce.Verdict, key string, body []byte, why error) acceptance {
	refused := acceptance{answer: Answer{http.StatusBadRequest, refusalCode(why)}, why: why}
	if verdict != commerce.Genuine || r.Spool == nil {
		return refused
	}
	body = bytes.ReplaceAll(body, []byte(key), []byte("[webhook secret]"))
	err := r.Spool.Fail(ctx, Envelope{Received: time.Now(), Body: body}, Failure{
		Tracking: r.Tracking.Name,
		Reason:   refused.answer.Code,
		Detail:   bounded(why.Error()),
	})
	if err != nil {
		return acceptance{answer: unavailable, why: errors.Join(why, err)}
	}
	refused.failed = true
	return refused
}

// refusalCode is the code of why a body is no webhook.
func refusalCode(why error) string {
	var refusal *commerce.Error
	if errors.As(why, &refusal) {
		return refusal.Code
	}
	return commerce.NotWebhook
}

var errNoSpool = errors.New("there is no queue")

// put puts an envelope on the spool, in time to do something else if that hangs.
func (r *Relay) put(ctx context.Context, e Envelope) error {
	if r.Spool == nil {
		return errNoSpool
	}
	ctx, cancel := context.WithTimeout(ctx, putWithin)
	defer cancel()
	return r.Spool.Put(ctx, e)
}

// deliverNow delivers an envelope that the spool did not take, while Commerce
// waits. What cannot be delivered now (an unknown one neither, unless it can be
// verified by now) is not accepted, and Commerce is told so: nobody else has the
// event.
func (r *Relay) deliverNow(ctx context.Context, e Envelope) Answer {
	p := r.carry(ctx, []Item{{Receives: 1, Envelope: e}})[0]
	if p.outcome.fate == retrying {
		r.logDelivery(ctx, p)
		return unavailable
	}
	if !r.settle(ctx, p) {
		return unavailable
	}
	return accepted
}
