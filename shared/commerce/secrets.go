package commerce

import (
	"crypto/sha256"
	"crypto/subtle"
	"strings"
)

// Verdict is the result of the check of a request's key.
type Verdict int

// The three verdicts.
const (
	// Unknown means that no secret is configured, or that it could not be read.
	Unknown Verdict = iota
	// Genuine means that the key is one of the configured secrets.
	Genuine
	// Forged means that secrets are configured and the key is none of them.
	Forged
)

func (v Verdict) String() string {
	switch v {
	case Genuine:
		return "genuine"
	case Forged:
		return "forged"
	default:
		return "unknown"
	}
}

// Digest is the SHA-256 of a request's key. It is stored with an event that could not be
// verified when it was accepted.
type Digest [sha256.Size]byte

// DigestOf returns the digest of a request's key: the value of the header
// X-MOLTIN-SECRET-KEY, in which Commerce sends the integration's secret_key unhashed.
func DigestOf(presented string) Digest { return sha256.Sum256([]byte(presented)) }

// Secrets are the webhook secrets in effect, newest first: one, or two during a rotation.
// Blank ones are ignored. If all are blank, no secret is configured.
type Secrets []string

// Verify reports whether the key with this digest is one of the secrets. It takes the same
// time for every key: it compares digests in constant time, and always with all secrets.
func (s Secrets) Verify(presented Digest) Verdict {
	configured, matches := 0, 0
	for _, secret := range s {
		if strings.TrimSpace(secret) == "" {
			continue // otherwise a request without a key would be genuine
		}
		digest := DigestOf(secret)
		matches |= subtle.ConstantTimeCompare(digest[:], presented[:])
		configured++
	}
	switch {
	case configured == 0:
		return Unknown
	case matches == 0:
		return Forged
	default:
		return Genuine
	}
}
