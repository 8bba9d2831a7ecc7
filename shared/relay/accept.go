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

// The time limits of Accept. Commerce stops waiting after 10 s and does not promise to
// try again. So a call that hangs must leave time for the fallback.
const (
	answerWithin = 8 * time.Second         // everything
	verifyWithin = 1500 * time.Millisecond // after that, the event is accepted unverified
	putWithin    = 3 * time.Second         // after that, the event is delivered in the same call
)

// Answer is the response to Commerce.
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

// Accept takes a webhook: it verifies the key, puts the body on the spool, and returns
// the answer to Commerce, within 8 s. It evaluates no template, unless it cannot put the
// event on the spool and has to deliver it in the same call.
func (r *Relay) Accept(ctx context.Context, key string, body []byte) Answer {
	started := time.Now()
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()

	a := r.accept(ctx, key, body)
	r.logAccept(ctx, a, len(body), started)
	return a.answer
}

// Reject answers a request whose body cannot be read, and logs it as Accept does.
// It verifies nothing.
func (r *Relay) Reject(ctx context.Context, answer Answer, size int) Answer {
	r.logAccept(ctx, acceptance{answer: answer}, size, time.Now())
	return answer
}

// RejectForged answers and logs a request with a forged key, as Accept does. It needs no
// body, so the caller can call it before it reads one. It returns false for any other
// key: then the caller calls Accept.
func (r *Relay) RejectForged(ctx context.Context, key string) (answer Answer, rejected bool) {
	started := time.Now()
	if verdict, _ := r.verifyInTime(ctx, commerce.DigestOf(key)); verdict != commerce.Forged {
		return Answer{}, false
	}
	a := acceptance{answer: forged, err: errForged}
	r.logAccept(ctx, a, 0, started)
	return a.answer, true
}

// acceptance is the result of Accept.
type acceptance struct {
	answer     Answer
	webhook    commerce.Webhook // without its body; empty if the key was not verified
	received   time.Time        // the time in the envelope; zero if there is no envelope
	unverified bool             // accepted without a secret to compare the key with
	failed     bool             // rejected, and kept as a dead letter
	err        error            // for the log; nil if everything succeeded
}

// accept is Accept without the time limit and the log line.
func (r *Relay) accept(ctx context.Context, key string, body []byte) acceptance {
	presented := commerce.DigestOf(key)
	verdict, verifyErr := r.verifyInTime(ctx, presented)
	if verdict == commerce.Forged {
		return acceptance{answer: forged, err: errForged}
	}
	if len(body) > MaxBody {
		return acceptance{answer: tooLarge, err: fmt.Errorf("its body is over %d bytes: %w", MaxBody, ErrTooLarge)}
	}
	webhook, withoutSecret, err := commerce.Check(body)
	if err != nil {
		return r.reject(ctx, verdict, key, body, err)
	}
	envelope := Envelope{Received: time.Now(), Body: withoutSecret}
	a := acceptance{received: envelope.Received}
	if verdict == commerce.Unknown {
		envelope.Presented = &presented
	} else {
		a.webhook = webhook // text from an unauthenticated client stays out of the log
	}
	err = r.put(ctx, envelope)
	switch {
	case err == nil:
		a.answer, a.unverified, a.err = accepted, verdict == commerce.Unknown, verifyErr
	case errors.Is(err, ErrTooLarge):
		a.answer, a.err = tooLarge, err
	default:
		a.answer, a.err = r.deliverNow(ctx, envelope), errors.Join(err, verifyErr)
	}
	return a
}

// verifyInTime is verify with a time limit. If the settings cannot be read in time, the
// event is only verified later.
func (r *Relay) verifyInTime(ctx context.Context, presented commerce.Digest) (commerce.Verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, verifyWithin)
	defer cancel()
	return r.verify(ctx, presented)
}

// verify compares a key with the webhook secrets. If the key looks forged, verify reloads
// the secrets and compares again, so that a secret which was rotated within the last
// minute is accepted. (Reload reads at most every few seconds, so a key may be rejected
// in the first seconds after a rotation.) If the verdict is Unknown, the error says why,
// and is nil if no secret is configured.
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

// reject rejects a body that is not a webhook. If the key is genuine, the body becomes a
// dead letter: Commerce has changed, and the operator must see it. The webhook secret,
// which Commerce writes into its bodies, is removed first.
func (r *Relay) reject(ctx context.Context, verdict commerce.Verdict, key string, body []byte, cause error) acceptance {
	rejected := acceptance{answer: Answer{http.StatusBadRequest, rejectionCode(cause)}, err: cause}
	if verdict != commerce.Genuine || r.Spool == nil {
		return rejected
	}
	body = bytes.ReplaceAll(body, []byte(key), []byte("[webhook secret]"))
	err := r.Spool.Fail(ctx, Envelope{Received: time.Now(), Body: body}, Failure{
		Tracking: r.Tracking.Name,
		Reason:   rejected.answer.Code,
		Detail:   bounded(cause.Error()),
	})
	if err != nil {
		return acceptance{answer: unavailable, err: errors.Join(cause, err)}
	}
	rejected.failed = true
	return rejected
}

// rejectionCode returns the short code for an error of commerce.Check or commerce.Parse.
func rejectionCode(err error) string {
	var invalid *commerce.Error
	if errors.As(err, &invalid) {
		return invalid.Code
	}
	return commerce.NotWebhook
}

var errNoSpool = errors.New("there is no queue")

// put puts an envelope on the spool. Its time limit leaves time to deliver the event in
// the same call if the spool hangs.
func (r *Relay) put(ctx context.Context, e Envelope) error {
	if r.Spool == nil {
		return errNoSpool
	}
	ctx, cancel := context.WithTimeout(ctx, putWithin)
	defer cancel()
	return r.Spool.Put(ctx, e)
}

// deliverNow delivers an event that could not be put on the spool, while Commerce waits.
// If it cannot be delivered or verified now, the answer is 503: the event is stored
// nowhere, so Commerce must know that it was not accepted.
func (r *Relay) deliverNow(ctx context.Context, e Envelope) Answer {
	d := r.process(ctx, []Item{{Receives: 1, Envelope: e}})[0]
	if d.outcome.kind == retrying {
		r.logDelivery(ctx, d)
		return unavailable
	}
	if !r.settle(ctx, d) {
		return unavailable
	}
	return accepted
}
