package local

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/serve"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// startup is what an operator needs to know about a hub that has started. It goes to the
// terminal, and its warnings onto the pages of the console.
type startup struct {
	URL         string   // the hub's own
	Public      string   // the address on which other machines reach it; empty where none do
	Destination string   // where messages go
	ToInbox     bool     // they go to the hub's own inbox
	Secret      string   // what proves a webhook
	Curl        string   // posts a sample
	InboxCurl   string   // shows what Segment received
	Instead     string   // how to send to Segment instead of the inbox
	Back        string   // how to come back to the inbox
	Warnings    []string // what is odd about the settings
	Kept        string   // what is kept on the disk, and where
}

// startup describes this hub, by its settings as they are now.
func (h *hub) startup(ctx context.Context) (startup, error) {
	parameters, err := h.directory.Parameters(ctx, store.AllNames())
	if err != nil {
		return startup{}, err
	}
	_, noCommerce := settings.CommerceCredentials(parameters)
	delete(parameters, settings.CommerceClientSecret) // which stops only the trackings that ask Commerce
	config, err := store.ConfigOf(sampleTracking, parameters, h.url)
	if err != nil {
		return startup{}, fmt.Errorf("the settings in %s: %w", h.directory.Dir, err)
	}
	if len(config.Secrets) == 0 {
		return startup{}, fmt.Errorf("%s holds no secret: remove it, and the hub makes one when it starts", h.directory.File(settings.WebhookSecret))
	}
	s := startup{
		URL:         h.url,
		Public:      h.public,
		Destination: config.Segment.Host + config.Segment.Path,
		ToInbox:     config.Segment.Host == h.url,
		Secret:      config.Secrets[0],
		Curl:        curlFor(h.url, sampleTracking.Name, config.Secrets[0], h.directory.SampleFile(SampleName)),
		InboxCurl:   fmt.Sprintf(`curl -H "Authorization: Bearer $(cat %s)" %s/inbox`, store.ShellQuote(h.directory.KeyFile()), h.url),
		Instead: fmt.Sprintf("To send to Segment instead, put %s in %s and a source's write key in %s.",
			settings.DefaultHost, h.directory.File(settings.SegmentHost), h.directory.File(settings.SegmentWriteKey)),
	}
	s.Kept = h.kept(time.Now())
	s.Back = fmt.Sprintf("See it in that source's debugger; to send to the inbox here again, remove %s.", h.directory.File(settings.SegmentHost))
	if !s.ToInbox && strings.HasPrefix(config.Segment.WriteKey, store.InboxKeyPrefix) {
		s.Warnings = append(s.Warnings, fmt.Sprintf("the write key is still the one made for the inbox here, and Segment would answer 200 and drop "+
			"everything: put a source's write key in %s.", h.directory.File(settings.SegmentWriteKey)))
	}
	if noCommerce != nil {
		s.Warnings = append(s.Warnings, fmt.Sprintf("the events of the trackings that ask Commerce wait: %v.", noCommerce))
	}
	unread, err := h.directory.Unread()
	if err != nil {
		return startup{}, fmt.Errorf("looking through %s: %w", h.directory.Dir, err)
	}
	for _, file := range unread {
		s.Warnings = append(s.Warnings, fmt.Sprintf("nothing reads %s: a template is %s, without an ending, and the other settings are in infra/docs/local.md.",
			file, h.directory.File("templates/<name>")))
	}
	return s, nil
}

// kept says where the events are, and how many an earlier run left.
func (h *hub) kept(now time.Time) string {
	folder, status := h.directory.File(store.QueueFolder), h.webhooks.status()
	if status.Waiting+status.Failed == 0 {
		return fmt.Sprintf("Events are kept in %s until they are delivered.", folder)
	}
	text := fmt.Sprintf("In %s %s", folder, words.Count(status.Waiting, "event")+" to be delivered")
	if status.Waiting > 0 {
		text += fmt.Sprintf(", the oldest received %s ago", words.Age(now.Sub(status.Oldest)))
	}
	return text + fmt.Sprintf(", and %s, are kept.", words.Count(status.Failed, "dead letter"))
}

// SecretHeader is the header line that proves a webhook.
func (s startup) SecretHeader() string { return serve.KeyHeader + ": " + s.Secret }

// InboxTitle says what the inbox shows.
func (s startup) InboxTitle() string {
	if s.ToInbox {
		return "See what Segment received"
	}
	return "See what came to the inbox here (nothing from this hub)"
}

// write writes it to a terminal, with the address of the console that lets a browser in.
func (s startup) write(w io.Writer, console string) {
	fmt.Fprintf(w, "Listening on %s (^C stops it). The console: %s\n", s.URL, console)
	if s.Public != "" {
		fmt.Fprintf(w, "Other machines reach it too, on %s, and can read the inbox with the key.\n", s.Public)
	}
	if s.ToInbox {
		fmt.Fprintf(w, "Sending to the inbox here, %s/inbox. %s\n", s.URL, s.Instead)
	} else {
		fmt.Fprintf(w, "Sending to %s. %s\n", s.Destination, s.Back)
	}
	for _, warning := range s.Warnings {
		fmt.Fprintf(w, "Warning: %s\n", warning)
	}
	fmt.Fprintln(w, s.Kept)
	fmt.Fprintf(w, "\nWebhooks go to %s/webhooks/<name> with this header:\n%s\n", s.URL, s.SecretHeader())
	fmt.Fprintf(w, "\nPost a sample:\n%s\n", s.Curl)
	fmt.Fprintf(w, "\n%s:\n%s\n\n", s.InboxTitle(), s.InboxCurl)
}

// curlFor is a command that posts a file to a tracking, for any POSIX shell and
// from any folder.
func curlFor(url, name, secret, file string) string {
	return strings.Join([]string{
		"curl", "-i", store.ShellQuote(url + serve.Route(name)),
		"-H", store.ShellQuote("Content-Type: application/json"),
		"-H", store.ShellQuote(serve.KeyHeader + ": " + secret),
		"--data-binary", store.ShellQuote("@" + file),
	}, " ")
}

// The sample that hub run shows how to post.
const SampleName = "order-completed/registered-customer"

var sampleTracking = tracking.OrderCompleted
