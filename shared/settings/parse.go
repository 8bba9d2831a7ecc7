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
	"commerce-segment/shared/publicapi"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// The address at which Segment accepts batches, if the settings have no other.
const (
	DefaultHost = "https://api.segment.io"
	DefaultPath = "/v1/batch"
)

// EUHost is the host at which Segment accepts batches for a workspace in the EU.
const EUHost = "https://events.eu1.segmentapis.com"

// Parse parses the parameters of a tracking. The tracking must be in the catalogue, because
// no other has a default template. The error names every parameter that is wrong, says what
// a right value is, and never quotes a secret.
//
// A missing write key or webhook secret is not an error: events can arrive before the
// store is configured, and are kept until then.
func Parse(t tracking.Tracking, parameters map[string]string) (relay.Config, error) {
	r := reader{parameters: parameters}
	config := relay.Config{
		Enabled:  read(&r, Enabled(t), !t.Optional, parseEnabled),
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
	if t.Call == tracking.Delete {
		api, _ := PublicAPICredentials(parameters) // a token that was entered for another host is none
		config.Segment.APIHost, config.Segment.APIToken = api.URL, api.Token
	}
	if len(r.wrong) > 0 {
		return relay.Config{}, errors.Join(r.wrong...)
	}
	return config, nil
}

// reader reads parameters and collects all errors, so that an operator sees all of them at
// once.
type reader struct {
	parameters map[string]string
	wrong      []error
}

func read[T any](r *reader, name string, otherwise T, parse func(string) (T, error)) T {
	if strings.TrimSpace(r.parameters[name]) == "" {
		return otherwise
	}
	value, err := unbind(name, r.parameters)
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
	if err := checkVisible(value); err != nil && !strings.HasPrefix(name, "templates/") {
		return parsed, err
	}
	return parse(value)
}

// checkVisible returns an error for a value with an invisible character.
func checkVisible(value string) error {
	if hidden, found := chars.Hidden(value); found {
		return fmt.Errorf("it holds %s, which is invisible: enter the value again without it", chars.Name(hidden))
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
	return false, errors.New("it is neither true nor false: enter one of the two")
}

// parseEvents parses a StringList of Parameter Store: event names with commas between them,
// with or without white space.
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

// parseTemplate accepts any source. The compiler reports what is wrong with it, with the
// line.
func parseTemplate(value string) (string, error) { return value, nil }

// parseSecrets parses one secret, or two during a rotation, each on a line. White space
// around a secret is not part of it: it comes from an editor, and the header in which
// Commerce sends the secret cannot contain it (RFC 9110, 5.5).
//
// It accepts a short secret. Commerce's own examples have 15 characters, and an error here
// would only delay genuine events.
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
			"and the previous one on the second line while Commerce still sends it", len(secrets))
	}
	return secrets, nil
}

// checkHeader returns an error for a secret that a header cannot contain unchanged, and for
// one in quotes, which come from the syntax of another file. With such a secret every
// webhook would look forged.
func checkHeader(secret string) error {
	for _, r := range secret {
		switch {
		case r == ' ' || r > ' ' && r <= '~':
		case unicode.IsSpace(r):
			return fmt.Errorf("it holds white space, %s: put each secret on a line of its own, and nothing else", chars.Name(r))
		default:
			return errors.New("it holds a character that the key of a webhook cannot have: use ASCII letters, digits and signs")
		}
	}
	if isQuoted(secret) {
		return errors.New("it is in quotes, which would be part of it: enter it without them")
	}
	return nil
}

// isQuoted reports whether a value is in quotes.
func isQuoted(value string) bool {
	last := len(value) - 1
	return last > 0 && value[0] == value[last] && strings.IndexByte("\"'`", value[0]) >= 0
}

// Word parses a key, an id or a secret: one word of visible ASCII characters, with or
// without white space around it. The error quotes only white space of it.
func Word(value string) (string, error) {
	word := strings.TrimSpace(value)
	if err := checkVisible(word); err != nil {
		return "", err
	}
	for _, r := range word {
		switch {
		case unicode.IsSpace(r):
			return "", fmt.Errorf("it holds white space, %s", chars.Name(r))
		case r < ' ' || r > '~':
			return "", errors.New("it holds a character that is not visible ASCII")
		}
	}
	if isQuoted(word) {
		return "", errors.New("it is in quotes, which would be part of it: enter it without them")
	}
	return word, nil
}

// parseHost parses a scheme and a host. The write key is sent there, so the scheme must be
// https, except for a test server on this machine.
func parseHost(value string) (string, error) {
	return origin{
		secret: "write key", isOther: isSegmentWithoutTracking, other: "it is a host of Segment that accepts no events",
		forPath: "put the path into " + SegmentPath,
		remedy:  "enter " + DefaultHost + ", or " + EUHost + " for a workspace in the EU",
	}.parse(value)
}

// ParseAPIHost parses the scheme and the host of Segment's Public API. The token is sent there.
func ParseAPIHost(value string) (string, error) {
	const remedy = "enter " + publicapi.USHost + ", or " + publicapi.EUHost + " for a workspace in the EU"
	return origin{
		secret: "token", isOther: isSegmentWithoutAPI, other: "it is a host of Segment that is not the Public API",
		forPath: remedy, remedy: remedy,
	}.parse(value)
}

// origin describes a URL with only a scheme and a host, to which a secret is sent.
type origin struct {
	secret          string
	isOther         func(host string) bool // hosts of Segment with another purpose
	other           string                 // what is wrong with such a host
	forPath, remedy string                 // what to do about a path, and about anything else
}

func (o origin) parse(value string) (string, error) {
	u, err := url.Parse(strings.TrimSpace(value))
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return "", errors.New("it is not an https URL: " + o.remedy)
	case u.Scheme == "http" && !IsThisMachine(u.Hostname()):
		return "", errors.New("it is an http URL, so the " + o.secret + " would be sent unencrypted: " + o.remedy)
	case o.isOther(u.Hostname()):
		return "", errors.New(o.other + ": " + o.remedy)
	case u.Path != "" && u.Path != "/":
		return "", errors.New("it has a path: " + o.forPath)
	case strings.ContainsAny(value, "?#@"):
		return "", errors.New("it has a user, a query or a fragment: " + o.remedy)
	}
	return u.Scheme + "://" + u.Host, nil
}

// isSegmentWithoutTracking reports whether a host belongs to Segment and accepts no events:
// its app, its website, its Public API and others.
func isSegmentWithoutTracking(host string) bool {
	labels, domain := split(host)
	switch domain {
	case "segment.com":
		return true
	case "segment.io":
		return strings.Join(labels, ".") != "api.segment.io"
	case "segmentapis.com": // each region has its own hosts there, such as events.eu1.segmentapis.com
		return labels[0] != "events" && labels[0] != "in"
	}
	return false
}

// isSegmentWithoutAPI reports whether a host belongs to Segment and is not the Public API.
func isSegmentWithoutAPI(host string) bool {
	_, domain := split(host)
	isAPI := slices.Contains([]string{publicapi.USHost, publicapi.EUHost}, "https://"+strings.ToLower(host))
	return slices.Contains([]string{"segment.com", "segment.io", "segmentapis.com"}, domain) && !isAPI
}

// split returns the labels of a host and its domain, the last two of them.
func split(host string) (labels []string, domain string) {
	labels = strings.Split(strings.TrimSuffix(strings.ToLower(host), "."), ".")
	return labels, strings.Join(labels[max(len(labels)-2, 0):], ".")
}

// IsThisMachine reports whether a host is this machine. In a container,
// host.docker.internal is the name of the machine on which the container runs.
func IsThisMachine(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || host == "host.docker.internal" || err == nil && address.IsLoopback()
}

func parsePath(value string) (string, error) {
	path := strings.TrimSpace(value)
	_, err := url.ParseRequestURI(path)
	if err != nil || path[0] != '/' || strings.ContainsAny(path, "?#") || strings.ContainsFunc(path, unicode.IsSpace) {
		return "", errors.New("it is not the path of a URL: enter " + DefaultPath + ", or another path that begins with / and has no query")
	}
	return path, nil
}

// shortestWriteKey is shorter than every write key that Segment has issued: current
// ones have 32 letters and digits, those in the examples of its first libraries have
// 10.
const shortestWriteKey = 10

// parseWriteKey accepts letters, digits, hyphens and underscores. It is strict because
// Segment is not: it answers most wrong write keys with 200 and drops the event, and may
// answer 400 to every event with a truncated one. It is not stricter, because another host
// with Segment's protocol may issue keys of another length.
func parseWriteKey(value string) (string, error) {
	const remedy = "copy only the write key, 32 letters and digits, from the API keys of the source in Segment"
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
