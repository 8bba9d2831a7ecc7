package local

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"commerce-segment/infra/hub/alert"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/serve"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// startup is the information about a hub that has started. The hub prints it to the terminal,
// and the console shows its warnings.
type startup struct {
	URL         string   // of the hub
	Public      string   // the address for other machines; empty if they cannot reach it
	Elsewhere   string   // the URL of the address for webhooks alone; empty if there is none
	Destination string   // the URL to which messages are sent
	ToInbox     bool     // the destination is the hub's own inbox
	Secret      string   // the webhook secret
	Curl        string   // the command that posts a sample
	InboxCurl   string   // the command that prints the inbox
	UseSegment  string   // how to send to Segment instead of the inbox
	UseInbox    string   // how to send to the inbox again
	Warnings    []string // about the settings
	Kept        string   // the number of events on the disk, and their directory
}

// startup returns the information about this hub with its current settings.
func (h *hub) startup(ctx context.Context) (startup, error) {
	parameters, err := h.directory.Parameters(ctx, append(store.AllNames(), settings.AlertNames()...))
	if err != nil {
		return startup{}, err
	}
	_, noCommerce := settings.CommerceCredentials(parameters)
	delete(parameters, settings.CommerceClientSecret) // if it is wrong, only the trackings that ask Commerce stop
	config, err := store.ConfigOf(sampleTracking, parameters, h.url)
	if err != nil {
		return startup{}, fmt.Errorf("the settings in %s: %w", h.directory.Dir, err)
	}
	if len(config.Secrets) == 0 {
		return startup{}, fmt.Errorf("%s contains no secret: remove the file, and the hub creates a secret when it starts", h.directory.File(settings.WebhookSecret))
	}
	s := startup{
		URL:         h.url,
		Public:      h.public,
		Elsewhere:   h.elsewhere,
		Destination: config.Segment.Host + config.Segment.Path,
		ToInbox:     config.Segment.Host == h.url,
		Secret:      config.Secrets[0],
		Curl:        curlFor(h.url, sampleTracking.Name, config.Secrets[0], h.directory.SampleFile(SampleName)),
		InboxCurl:   fmt.Sprintf(`curl -H "Authorization: Bearer $(cat %s)" %s/inbox`, store.ShellQuote(h.directory.KeyFile()), h.url),
		UseSegment: fmt.Sprintf("To send to Segment instead, put %s in %s and a source's write key in %s.",
			settings.DefaultHost, h.directory.File(settings.SegmentHost), h.directory.File(settings.SegmentWriteKey)),
	}
	s.Kept = h.kept(time.Now())
	s.UseInbox = fmt.Sprintf("The debugger of the source shows the messages. To send to the inbox here again, remove %s.", h.directory.File(settings.SegmentHost))
	if !s.ToInbox && store.IsInboxKey(parameters[settings.SegmentWriteKey]) {
		s.Warnings = append(s.Warnings, fmt.Sprintf("the write key is still the one made for the inbox here. Segment would answer 200 and drop "+
			"everything, so events for Segment are retried: put a source's write key in %s.", h.directory.File(settings.SegmentWriteKey)))
	}
	if noCommerce != nil {
		s.Warnings = append(s.Warnings, fmt.Sprintf("the trackings that ask Commerce retry their events: %v.", noCommerce))
	}
	if wrong := alert.Check(parameters); wrong != nil {
		s.Warnings = append(s.Warnings, fmt.Sprintf("alerts are not sent: %s. Correct it, and test it with hub alert-test.", strings.ReplaceAll(wrong.Error(), "\n", "; ")))
	}
	unread, err := h.directory.Unread()
	if err != nil {
		return startup{}, fmt.Errorf("listing the files in %s: %w", h.directory.Dir, err)
	}
	for _, file := range unread {
		s.Warnings = append(s.Warnings, fmt.Sprintf("nothing reads %s: name a template %s, without an extension; the other settings are in infra/docs/local.md.",
			file, h.directory.File("templates/<name>")))
	}
	return s, nil
}

// kept returns a sentence with the directory of the events, and their number if an earlier run
// left some.
func (h *hub) kept(now time.Time) string {
	folder, status := h.directory.File(store.QueueFolder), h.webhooks.status()
	if status.Waiting+status.Failed == 0 {
		return fmt.Sprintf("Events are kept in %s until they are delivered.", folder)
	}
	text := fmt.Sprintf("%s has %s to be delivered", folder, words.Count(status.Waiting, "event"))
	if status.Waiting > 0 {
		text += fmt.Sprintf(", the oldest received %s ago", words.Age(now.Sub(status.Oldest)))
	}
	return text + fmt.Sprintf(", and %s.", words.Count(status.Failed, "dead letter"))
}

// SecretHeader returns the header line with the webhook secret.
func (s startup) SecretHeader() string { return serve.KeyHeader + ": " + s.Secret }

// InboxTitle returns the title of the command that prints the inbox.
func (s startup) InboxTitle() string {
	if s.ToInbox {
		return "See what Segment would receive"
	}
	return "See the inbox here (this hub does not send to it)"
}

// log writes the information to a log, without secrets.
func (s startup) log(ctx context.Context, log *slog.Logger) {
	log.InfoContext(ctx, "listening", "url", s.URL, "webhooks", s.Elsewhere, "sending_to", s.Destination, "kept", s.Kept)
	for _, warning := range s.Warnings {
		log.WarnContext(ctx, warning)
	}
}

// write prints the information to a terminal, with the address of the console with which a
// browser can sign in.
func (s startup) write(w io.Writer, console string) {
	fmt.Fprintf(w, "Listening on %s (^C stops it). The console: %s\n", s.URL, console)
	if s.Public != "" {
		fmt.Fprintf(w, "Other machines reach it at %s, and can read the inbox with the key.\n", s.Public)
	}
	if s.Elsewhere != "" {
		fmt.Fprintf(w, "Listening for webhooks alone on %s.\n", s.Elsewhere)
	}
	if s.ToInbox {
		fmt.Fprintf(w, "Sending to the inbox here, %s/inbox. %s\n", s.URL, s.UseSegment)
	} else {
		fmt.Fprintf(w, "Sending to %s. %s\n", s.Destination, s.UseInbox)
	}
	for _, warning := range s.Warnings {
		fmt.Fprintf(w, "Warning: %s\n", warning)
	}
	fmt.Fprintln(w, s.Kept)
	fmt.Fprintf(w, "\nWebhooks go to %s/webhooks/<name> with this header:\n%s\n", s.URL, s.SecretHeader())
	fmt.Fprintf(w, "\nPost a sample:\n%s\n", s.Curl)
	fmt.Fprintf(w, "\n%s:\n%s\n\n", s.InboxTitle(), s.InboxCurl)
}

// curlFor returns a command that posts a file to a tracking. It works in any POSIX shell and in
// any directory.
func curlFor(url, name, secret, file string) string {
	return strings.Join([]string{
		"curl", "-i", store.ShellQuote(url + serve.Route(name)),
		"-H", store.ShellQuote("Content-Type: application/json"),
		"-H", store.ShellQuote(serve.KeyHeader + ": " + secret),
		"--data-binary", store.ShellQuote("@" + file),
	}, " ")
}

// SampleName is the name of the sample in the curl command that hub run prints.
const SampleName = "order-completed/registered-customer"

var sampleTracking = tracking.OrderCompleted
