package commerce

import (
	"crypto/sha256"
	"crypto/subtle"
	"strings"
)

// Verdict is what the presented key says about a request.
type Verdict int

// The three verdicts.
const (
	// Unknown: no secret is configured, or it could not be read.
	Unknown Verdict = iota
	// Genuine: the key is one of the configured secrets.
	Genuine
	// Forged: secrets are configured and the key is none of them.
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

// Digest is the SHA-256 of a presented key, kept with an event that could not
// be verified when it came in.
type Digest [sha256.Size]byte

// DigestOf hashes a presented key: the value of X-MOLTIN-SECRET-KEY, in which
// Commerce sends an integration's secret_key in clear.
func DigestOf(presented string) Digest { return sha256.Sum256([]byte(presented)) }

// Secrets are the webhook secrets that count, newest first: one, or two while
// one is being rotated. A blank one does not count. None that counts means that
// none is configured.
type Secrets []string

// Verify says whether the presented key is one of the secrets. It takes as long
// for any key: what it compares are digests, in constant time, with every secret
// even after one has matched.
func (s Secrets) Verify(presented Digest) Verdict {
	configured, matches := 0, 0
	for _, secret := range s {
		if strings.TrimSpace(secret) == "" {
			continue // or a request without any key would be genuine
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
