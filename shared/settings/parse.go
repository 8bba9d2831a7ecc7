package settings

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"commerce-segment/shared/chars"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/money"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// Where Segment takes batches, unless the settings say otherwise.
const (
	DefaultHost = "https://api.segment.io"
	DefaultPath = "/v1/batch"
)

// Parse makes the typed settings of a tracking out of its parameters. The tracking
// is one of the catalogue: no other has a default template. Parse's error names
// every parameter that is wrong and says what to put there, and never quotes a
// secret.
//
// A missing write key or webhook secret is no error: deployed and not yet
// configured is a normal state, in which events wait.
func Parse(t tracking.Tracking, parameters map[string]string) (relay.Config, error) {
	r := reader{parameters: parameters}
	config := relay.Config{
		Enabled:  read(&r, Enabled(t), true, parseEnabled),
		Events:   read(&r, Events(t), slices.Clone(t.Observes), parseEvents(t)),
		Template: read(&r, Template(t), templates.Default(t.Name), parseTemplate),
		Secrets:  read(&r, WebhookSecret, nil, parseSecrets),
		Segment: segment.Endpoint{
			Host:     read(&r, SegmentHost, DefaultHost, parseHost),
			Path:     read(&r, SegmentPath, DefaultPath, parsePath),
			WriteKey: read(&r, SegmentWriteKey, "", parseWriteKey),
		},
		Commerce:   readCredentials(&r),
		Currencies: read(&r, CommerceCurrencies, nil, money.Parse),
	}
	if len(r.wrong) > 0 {
		return relay.Config{}, errors.Join(r.wrong...)
	}
	return config, nil
}

// reader reads one parameter after the other and gathers what is wrong, so that
// an operator hears of all of it at once.
type reader struct {
	parameters map[string]string
	wrong      []error
}

func read[T any](r *reader, name string, otherwise T, parse func(string) (T, error)) T {
	if strings.TrimSpace(r.parameters[name]) == "" {
		return otherwise
	}
	value, err := unbind(r.parameters[name], r.parameters)
	parsed := otherwise
	if err == nil {
		parsed, err = parseVisible(name, value, parse)
	}
	if err != nil {
		r.wrong = append(r.wrong, fmt.Errorf("parameter %s: %w", name, err))
	}
	return parsed
}

// parseVisible parses a value without invisible characters. The compiler of a template
// reports those itself, with their line.
func parseVisible[T any](name, value string, parse func(string) (T, error)) (parsed T, err error) {
	if err := checkSeen(value); err != nil && !strings.HasPrefix(name, "templates/") {
		return parsed, err
	}
	return parse(value)
}

func checkSeen(value string) error {
	if hidden, found := chars.Hidden(value); found {
		return fmt.Errorf("it holds %s, which cannot be seen: write it again without it", chars.Name(hidden))
	}
	return nil
}

func parseEnabled(value string) (bool, error) {
	switch strings.TrimSpace(value) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, errors.New("it is neither true nor false: put one of the two there")
}

// parseEvents takes a StringList as Parameter Store writes it, and white space
// around its commas.
func parseEvents(t tracking.Tracking) func(string) ([]string, error) {
	return func(value string) ([]string, error) {
		var events []string
		for event := range strings.SplitSeq(value, ",") {
			if event = strings.TrimSpace(event); event != "" {
				events = append(events, event)
			}
		}
		return events, t.CheckEvents(events)
	}
}

// parseTemplate takes any source. Whether it compiles is seen where it is
// compiled, with the line.
func parseTemplate(value string) (string, error) { return value, nil }

// parseSecrets takes one secret, or two while one is being rotated, a line each.
// White space around a secret is not part of it: it comes from an editor, and the
// header in which Commerce sends the secret cannot carry it (RFC 9110, 5.5).
//
// A short secret is taken as it is. Commerce's own examples are 15 characters
// long, and refusing here would only keep genuine events waiting.
func parseSecrets(value string) (commerce.Secrets, error) {
	var secrets commerce.Secrets
	for line := range strings.Lines(value) {
		secret := strings.TrimSpace(line)
		if secret == "" {
			continue
		}
		if err := checkHeader(secret); err != nil {
			return nil, err
		}
		secrets = append(secrets, secret)
	}
	if len(secrets) > 2 {
		return nil, fmt.Errorf("it holds %d secrets: keep the newest on the first line, "+
			"and on the second the one before it while Commerce still sends that", len(secrets))
	}
	return secrets, nil
}

// checkHeader refuses a secret that a header cannot carry without a change, or that is
// in the quotes of another file's syntax: every webhook would look forged.
func checkHeader(secret string) error {
	for _, r := range secret {
		switch {
		case r == ' ' || r > ' ' && r <= '~':
		case unicode.IsSpace(r):
			return fmt.Errorf("it holds white space, %s: put each secret on a line of its own, and nothing else", chars.Name(r))
		default:
			return errors.New("it holds a character that the key of a webhook cannot have: use letters, digits and signs of ASCII")
		}
	}
	if isQuoted(secret) {
		return errors.New("it stands in quotes, which would be part of it: write it without them")
	}
	return nil
}

// isQuoted reports whether a value is in quotes.
func isQuoted(value string) bool {
	last := len(value) - 1
	return last > 0 && value[0] == value[last] && strings.IndexByte("\"'`", value[0]) >= 0
}

// Word parses a key, an id or a secret: one word of visible ASCII characters, with or
// without white space around it. Its error quotes nothing of it except white space.
func Word(value string) (string, error) {
	word := strings.TrimSpace(value)
	if err := checkSeen(word); err != nil {
		return "", err
	}
	for _, r := range word {
		switch {
		case unicode.IsSpace(r):
			return "", fmt.Errorf("it holds white space, %s", chars.Name(r))
		case r < ' ' || r > '~':
			return "", errors.New("it holds a character that does not belong there")
		}
	}
	if isQuoted(word) {
		return "", errors.New("it stands in quotes, which would be part of it: write it without them")
	}
	return word, nil
}

// parseHost takes a scheme and a host. The write key goes there, so it must not go
// in clear, except to a stand-in on this very machine.
func parseHost(value string) (string, error) {
	const remedy = "put " + DefaultHost + " there, or https://events.eu1.segmentapis.com for a workspace in the EU"
	u, err := url.Parse(strings.TrimSpace(value))
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return "", errors.New("it is not an https URL: " + remedy)
	case u.Scheme == "http" && !isThisMachine(u.Hostname()):
		return "", errors.New("it is an http URL, and would send the write key in clear: " + remedy)
	case isSegmentWithoutTracking(u.Hostname()):
		return "", errors.New("it is a host of Segment's that takes no events: " + remedy)
	case u.Path != "" && u.Path != "/":
		return "", errors.New("it has a path: put the path into " + SegmentPath)
	case strings.ContainsAny(value, "?#@"):
		return "", errors.New("it has a user, a query or a fragment: " + remedy)
	}
	return u.Scheme + "://" + u.Host, nil
}

// isSegmentWithoutTracking reports whether a host belongs to Segment and is none of those
// that take events: its app, its website, its Public API and the like.
func isSegmentWithoutTracking(host string) bool {
	labels := strings.Split(strings.TrimSuffix(strings.ToLower(host), "."), ".")
	if len(labels) < 2 {
		return false
	}
	switch strings.Join(labels[len(labels)-2:], ".") {
	case "segment.com":
		return true
	case "segment.io":
		return strings.Join(labels, ".") != "api.segment.io"
	case "segmentapis.com": // each region has its own hosts there, such as events.eu1.segmentapis.com
		return labels[0] != "events" && labels[0] != "in"
	}
	return false
}

// isThisMachine says that what is sent to a host stays on this machine.
// host.docker.internal is what a container calls the machine that it runs on.
func isThisMachine(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || host == "host.docker.internal" || err == nil && address.IsLoopback()
}

func parsePath(value string) (string, error) {
	path := strings.TrimSpace(value)
	_, err := url.ParseRequestURI(path)
	if err != nil || path[0] != '/' || strings.ContainsAny(path, "?#") || strings.ContainsFunc(path, unicode.IsSpace) {
		return "", errors.New("it is not the path of a URL: put " + DefaultPath + " there, or another that begins with / and has no query")
	}
	return path, nil
}

// shortestWriteKey is shorter than every write key that Segment has issued: current
// ones have 32 letters and digits, those in the examples of its first libraries have
// 10.
const shortestWriteKey = 10

// parseWriteKey accepts letters, digits, hyphens and underscores. It is strict because
// Segment is not: to most wrong write keys it answers 200 and drops the event, and to a
// truncated one it may answer 400 to everything. It is not stricter, because another
// host with Segment's protocol may issue keys of another length.
func parseWriteKey(value string) (string, error) {
	const remedy = "copy the write key alone from the source's API keys in Segment, which is 32 letters and digits"
	key := strings.TrimSpace(value)
	if strings.ContainsFunc(key, isNotOfAWriteKey) {
		return "", errors.New("it holds white space, or a character that no write key has: " + remedy)
	}
	if len(key) < shortestWriteKey {
		return "", fmt.Errorf("it has %d characters, fewer than any write key: %s", len(key), remedy)
	}
	return key, nil
}

func isNotOfAWriteKey(r rune) bool {
	return r > unicode.MaxASCII || r != '-' && r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
}
