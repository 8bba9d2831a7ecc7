package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"commerce-segment/infra/hub/deletions"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// connectionsData is the data of the page Connections. It contains no secret.
type connectionsData struct {
	Commerce commerceForm
	Segment  segmentForm
	API      apiForm
	Test     string // the result of the test event
	// Deletions says how many deletions wait until messages go to Segment and there is a token;
	// empty if none does.
	Deletions string
}

type commerceForm struct {
	URL, ClientID string
	SecretSet     bool
	SecretTyped   bool   // the session keeps a secret that the user typed
	Replaces      string // the fingerprint of the settings when the page was opened
	Wrong         wrong
}

type segmentForm struct {
	Region     string // one of regions
	Host, Path string
	KeySet     bool
	KeyTyped   bool   // the session keeps a write key that the user typed
	Replaces   string // the fingerprint of the settings when the page was opened
	Wrong      wrong
	// Inbox offers the inbox of this machine as a region.
	Inbox bool
}

// The regions of the form. The inbox exists only on this machine.
const (
	regionUS    = "us"
	regionEU    = "eu"
	regionOther = "other"
	regionInbox = "inbox"
)

// askCommerceWithin is how long a form waits for Commerce.
const askCommerceWithin = 20 * time.Second

// connections shows the connections to Commerce and Segment.
func (c *Console) connections(w http.ResponseWriter, r *http.Request) {
	data, err := c.readConnections(r.Context())
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	if data.API.TokenSet && data.API.Wrong == nil {
		data.API.Key = c.askSegment(r.Context())
	}
	c.showConnections(w, r, http.StatusOK, data, "")
}

func (c *Console) showConnections(w http.ResponseWriter, r *http.Request, status int, data connectionsData, alert string) {
	data.Commerce.SecretTyped = c.sessions.secret(sessionOf(r), "client_secret", "") != ""
	data.API.TokenTyped = c.sessions.secret(sessionOf(r), "api_token", "") != ""
	data.Segment.KeyTyped = c.sessions.secret(sessionOf(r), "write_key", "") != ""
	data.Deletions = c.waitingDeletions(r.Context())
	c.show(w, r, status, "connections", view{Path: "/connections", Alert: alert, Data: data})
}

// waitingDeletions says how many deletions wait on this machine that Segment is asked for as soon as
// the forms of the page allow it.
func (c *Console) waitingDeletions(ctx context.Context) string {
	log := c.log()
	if c.Store.Deployment != nil || log == nil {
		return ""
	}
	values, err := c.Store.Parameters(ctx, []string{settings.SegmentHost, settings.SegmentAPIToken})
	waiting := 0
	if err == nil && !c.Store.CanDelete(values) {
		waiting, err = deletions.CountWaiting(ctx, log)
	}
	switch {
	case err != nil:
		return "How many deletions wait is not known: " + words.OneLine(err.Error()) + "."
	case waiting == 0:
		return ""
	}
	return fmt.Sprintf("Deletions that wait: %d. As soon as messages go to Segment and there is a token of the Public API, Segment is asked for them. A deletion cannot be undone.", waiting)
}

// readConnections returns the forms with the current settings.
func (c *Console) readConnections(ctx context.Context) (connectionsData, error) {
	list, err := c.Store.Settings(ctx)
	if err != nil {
		return connectionsData{}, err
	}
	set := byName(list)
	form := segmentForm{
		Host: set[settings.SegmentHost].Value, Path: set[settings.SegmentPath].Value,
		KeySet: set[settings.SegmentWriteKey].Set, Inbox: c.Store.Deployment == nil,
		Replaces: fingerprint(set, settings.SegmentHost, settings.SegmentPath, settings.SegmentWriteKey),
	}
	form.Region = regionOf(form.Host, form.Inbox)
	_, unusable := c.Store.Credentials(ctx)
	return connectionsData{
		Segment: form, API: c.readAPI(ctx, set),
		Commerce: commerceForm{
			URL:      strings.TrimSuffix(set[settings.CommerceTokenURL].Value, commerce.TokenPath),
			ClientID: set[settings.CommerceClientID].Value, SecretSet: set[settings.CommerceClientSecret].Set,
			Replaces: fingerprint(set, settings.CommerceTokenURL, settings.CommerceClientID, settings.CommerceClientSecret),
			Wrong:    unusableAccess(unusable),
		},
	}, nil
}

// unusableAccess returns the error of the field that makes the access to Commerce unusable.
func unusableAccess(err error) wrong {
	switch {
	case err == nil || errors.Is(err, store.ErrNotConnected):
		return nil
	case strings.HasPrefix(err.Error(), "parameter "+settings.CommerceTokenURL):
		return wrong{"url": atField(settings.CommerceTokenURL, err)}
	default:
		return wrong{"client_secret": atField(settings.CommerceClientSecret, err)}
	}
}

func regionOf(host string, inbox bool) string {
	switch host = strings.TrimRight(strings.TrimSpace(host), "/"); {
	case host == "" && inbox:
		return regionInbox
	case host == "" || host == settings.DefaultHost:
		return regionUS
	case host == settings.EUHost:
		return regionEU
	}
	return regionOther
}

const nothingChanged = "Nothing has changed."

// save writes the wanted settings, and returns the notice for the page.
func (c *Console) save(ctx context.Context, wanted map[string]string) (said string, err error) {
	current, err := c.Store.Parameters(ctx, store.AllNames())
	if err != nil {
		return "", err
	}
	written, err := c.Store.Write(ctx, current, wanted)
	if len(written) > 0 {
		c.Log.Info("console: parameters were written", "by", senderOf(ctx), "parameters", strings.Join(written, ","))
		c.received.Forget()
	}
	switch {
	case err != nil:
		return "", err
	case len(written) == 0:
		return nothingChanged, nil
	case c.Store.Takes > 0:
		return fmt.Sprintf("Saved. In effect within %.0f seconds.", c.Store.Takes.Seconds()), nil
	}
	return "Saved.", nil
}

// connectCommerce saves the access to Commerce after a successful test.
func (c *Console) connectCommerce(w http.ResponseWriter, r *http.Request) {
	data, err := c.readConnections(r.Context())
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	before := data.Commerce
	form := commerceForm{
		URL: r.PostFormValue("url"), ClientID: r.PostFormValue("client_id"), SecretSet: before.SecretSet,
		Replaces: r.PostFormValue("replaces"), Wrong: wrong{},
	}
	data.Commerce = form
	secret := c.sessions.secret(sessionOf(r), "client_secret", r.PostFormValue("client_secret"))
	wanted := map[string]string{
		settings.CommerceTokenURL: form.Wrong.required("url", settings.CommerceTokenURL, form.URL),
		settings.CommerceClientID: form.Wrong.required("client_id", settings.CommerceClientID, form.ClientID),
	}
	if len(form.Wrong) == 0 && form.changedByBoth(before, wanted, secret) {
		data.Commerce.Replaces = before.Replaces
		c.showConnections(w, r, http.StatusConflict, data, changedMeanwhile)
		return
	}
	credentials, err := c.commerceWanted(r.Context(), wanted, form, secret)
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	if len(form.Wrong) > 0 {
		c.showConnections(w, r, http.StatusUnprocessableEntity, data, "")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), askCommerceWithin)
	defer cancel()
	reached, err := store.Reach(ctx, credentials)
	if err != nil {
		form.Wrong.blame(err)
		c.showConnections(w, r, http.StatusUnprocessableEntity, data, "Not connected, and nothing was saved. "+err.Error())
		return
	}
	release, err := c.Store.Saving(r.Context())
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	release = sync.OnceFunc(release)
	defer release()
	now, err := c.readConnections(r.Context())
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	if now.Commerce.Replaces != before.Replaces { // changed while Commerce was asked
		form.changedByBoth(now.Commerce, wanted, secret)
		data.Commerce.Replaces = now.Commerce.Replaces
		c.showConnections(w, r, http.StatusConflict, data, changedMeanwhile)
		return
	}
	saved, err := c.save(r.Context(), wanted)
	if err != nil {
		if now, unread := c.readConnections(r.Context()); unread == nil { // the settings that were written are this user's own
			data.Commerce.Replaces = now.Commerce.Replaces
		}
		c.showConnections(w, r, http.StatusBadGateway, data, err.Error())
		return
	}
	c.sessions.forget(sessionOf(r), "client_secret")
	if _, notice, err := commerce.BaseURL(form.URL); err == nil && notice != "" {
		reached += "\n" + words.Capital(notice) + "."
	}
	release()
	said, err := c.Store.CopyCurrencies(r.Context())
	if err != nil {
		said = "Note: " + err.Error() + "."
	}
	c.done(w, r, "/connections", strings.TrimSpace(reached+" "+saved+"\n"+said))
}

// changedByBoth reports whether another user changed the access after the page was opened, to
// other values than this user's. It adds an error to each field that differs.
func (f commerceForm) changedByBoth(now commerceForm, wanted map[string]string, secret string) bool {
	if f.Replaces == now.Replaces {
		return false
	}
	f.Wrong.meanwhile("url", strings.TrimSuffix(wanted[settings.CommerceTokenURL], commerce.TokenPath), now.URL)
	f.Wrong.meanwhile("client_id", wanted[settings.CommerceClientID], now.ClientID)
	f.Wrong.meanwhileSecret("client_secret", secret)
	return len(f.Wrong) > 0
}

// commerceWanted returns the credentials in the form. An empty field keeps the current
// secret, which is sent only to the host for which it was entered.
func (c *Console) commerceWanted(ctx context.Context, wanted map[string]string, form commerceForm, secret string) (commerce.Credentials, error) {
	current, err := c.Store.Parameters(ctx, settings.CommerceNames())
	if err != nil {
		return commerce.Credentials{}, err
	}
	if secret != "" || !form.SecretSet {
		wanted[settings.CommerceClientSecret] = form.Wrong.required("client_secret", settings.CommerceClientSecret, secret)
	}
	if len(form.Wrong) > 0 {
		return commerce.Credentials{}, nil
	}
	credentials, err := store.CommerceWanted(current, wanted)
	if err != nil {
		form.Wrong["client_secret"] = atField(settings.CommerceClientSecret, err)
	}
	return credentials, nil
}

// blame adds an error from Commerce to the field that probably caused it.
func (w wrong) blame(err error) {
	var answered *commerce.APIError
	if errors.As(err, &answered) && (answered.Status == http.StatusBadRequest || answered.Status == http.StatusUnauthorized || answered.Status == http.StatusForbidden) {
		w["client_id"] = "Commerce rejects this client ID with this secret. Is it the ID of an application key of that store?"
		w["client_secret"] = "Commerce rejects this secret with this client ID. Is it the secret of that key?"
		return
	}
	w["url"] = "this is not the address of a Commerce API, or it does not respond"
}

// saveSegment saves the connection to Segment.
func (c *Console) saveSegment(w http.ResponseWriter, r *http.Request) {
	release, err := c.Store.Saving(r.Context())
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	defer release()
	data, err := c.readConnections(r.Context())
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	form := segmentForm{
		Region: r.PostFormValue("region"), Host: r.PostFormValue("host"), Path: r.PostFormValue("path"),
		KeySet: data.Segment.KeySet, Inbox: data.Segment.Inbox, Replaces: r.PostFormValue("replaces"), Wrong: wrong{},
	}
	before := data.Segment
	data.Segment = form
	wanted := form.answers(c.sessions.secret(sessionOf(r), "write_key", r.PostFormValue("write_key")))
	if len(form.Wrong) == 0 && form.changedByBoth(before, wanted) {
		data.Segment.Replaces = before.Replaces
		c.showConnections(w, r, http.StatusConflict, data, changedMeanwhile)
		return
	}
	if err := c.checkKey(r.Context(), form, wanted); err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	if len(form.Wrong) > 0 {
		c.showConnections(w, r, http.StatusUnprocessableEntity, data, "")
		return
	}
	looked, err := c.lookUpKey(r.Context(), form, wanted)
	if err != nil {
		form.Wrong["write_key"] = atField(settings.SegmentWriteKey, err)
		c.showConnections(w, r, http.StatusUnprocessableEntity, data, "")
		return
	}
	said, err := c.save(r.Context(), wanted)
	if err != nil {
		if now, unread := c.readConnections(r.Context()); unread == nil { // the settings that were written are this user's own
			data.Segment.Replaces = now.Segment.Replaces
		}
		c.showConnections(w, r, http.StatusBadGateway, data, err.Error())
		return
	}
	c.sessions.forget(sessionOf(r), "write_key")
	c.done(w, r, "/connections", strings.TrimSpace(looked+" "+said))
}

// answers returns the parameters that the form sets. It adds errors to the fields.
func (f segmentForm) answers(writeKey string) map[string]string {
	wanted := map[string]string{}
	switch {
	case f.Region == regionInbox && f.Inbox:
		wanted[settings.SegmentHost], wanted[settings.SegmentPath] = "", ""
		return wanted
	case f.Region == regionUS:
		wanted[settings.SegmentHost] = settings.DefaultHost
	case f.Region == regionEU:
		wanted[settings.SegmentHost] = settings.EUHost
	case f.Region == regionOther:
		wanted[settings.SegmentHost] = f.Wrong.required("host", settings.SegmentHost, f.Host)
	default:
		f.Wrong["region"] = "choose one of the regions"
	}
	wanted[settings.SegmentPath] = settings.DefaultPath
	if strings.TrimSpace(f.Path) != "" {
		wanted[settings.SegmentPath] = f.Wrong.answered("path", settings.SegmentPath, f.Path)
	}
	if writeKey != "" || !f.KeySet {
		wanted[settings.SegmentWriteKey] = f.Wrong.required("write_key", settings.SegmentWriteKey, writeKey)
	}
	return wanted
}

// changedByBoth reports whether another user changed the connection after the page was opened,
// to other values than this user's. It adds an error to each field that differs.
func (f segmentForm) changedByBoth(now segmentForm, wanted map[string]string) bool {
	if f.Replaces == now.Replaces {
		return false
	}
	f.Wrong.meanwhile("region", wanted[settings.SegmentHost], now.Host)
	f.Wrong.meanwhile("path", wanted[settings.SegmentPath], now.Path)
	f.Wrong.meanwhileSecret("write_key", wanted[settings.SegmentWriteKey])
	return len(f.Wrong) > 0
}

// checkKey adds an error to the form if the write key belongs to the inbox or to another host:
// Segment would respond with 200 and drop everything.
func (c *Console) checkKey(ctx context.Context, form segmentForm, wanted map[string]string) error {
	if form.Region == regionInbox {
		return nil
	}
	current, err := c.Store.Parameters(ctx, []string{settings.SegmentHost, settings.SegmentWriteKey})
	if err != nil {
		return err
	}
	if store.IsInboxKey(cmp.Or(wanted[settings.SegmentWriteKey], current[settings.SegmentWriteKey])) {
		form.Wrong["write_key"] = "the current write key belongs to the inbox of this machine, and Segment would drop everything: paste the write key of the source"
	} else if err := c.Store.CheckKey(current, wanted); err != nil {
		form.Wrong["write_key"] = atField(settings.SegmentWriteKey, err)
	}
	return nil
}

// sendTest sends a test event to Segment, and shows the response.
func (c *Console) sendTest(w http.ResponseWriter, r *http.Request) {
	data, err := c.readConnections(r.Context())
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	to, err := c.endpoint(r.Context())
	if err != nil {
		c.showConnections(w, r, http.StatusUnprocessableEntity, data, err.Error())
		return
	}
	outcome, err := deliverTest(r.Context(), to)
	switch {
	case err != nil:
		c.fail(w, r, http.StatusInternalServerError, err)
	case outcome.Verdict != segment.Delivered:
		c.showConnections(w, r, http.StatusBadGateway, data,
			strings.TrimSuffix(fmt.Sprintf("%s did not accept the test event (%s): %s", to.Host, outcome.Reason, outcome.Detail), ": "))
	case c.Machine != nil && to.Host == c.Machine.URL():
		c.done(w, r, "/connections", "The test event is in the inbox of this machine. The page Inbox shows it.")
	default:
		data.Test = fmt.Sprintf("Sent to %s, which responded with %d. This does not show whether the write key is valid: Segment also responds with 200 to a wrong key. "+
			"Look for “%s” in the source's debugger in Segment.", to.Host+to.Path, outcome.Status, testEvent)
		c.showConnections(w, r, http.StatusOK, data, "")
	}
}

var errInboxElsewhere = errors.New("events go to the inbox of hub run on this machine, and this console belongs to another process. Open the console of hub run, or choose a region and save it first")

// endpoint returns where messages are sent, by the current settings.
func (c *Console) endpoint(ctx context.Context) (segment.Endpoint, error) {
	values, err := c.Store.Parameters(ctx, store.AllNames())
	if err != nil {
		return segment.Endpoint{}, err
	}
	config, err := settings.Parse(tracking.OrderCompleted, values)
	if err != nil {
		return segment.Endpoint{}, err
	}
	if c.Store.SendsToInbox(values) {
		if c.Machine == nil {
			return segment.Endpoint{}, errInboxElsewhere
		}
		config.Segment.Host, config.Segment.Path = c.Machine.URL(), settings.DefaultPath
	}
	return config.Segment, nil
}

const testEvent = "commerce-segment Test Event"

func deliverTest(ctx context.Context, to segment.Endpoint) (segment.Outcome, error) {
	now := time.Now()
	messages, err := segment.NewMessages(segment.Fact{
		Tracking: tracking.Tracking{Name: "test-event", Call: tracking.Track}, ResourceID: "commerce-segment",
		UpdatedAt: now.UTC().Format(time.RFC3339Nano), WriteKey: to.WriteKey, Received: now,
	}, []map[string]any{{"event": testEvent, "anonymousId": "commerce-segment"}})
	if err != nil {
		return segment.Outcome{}, fmt.Errorf("creating the test event: %w", err)
	}
	client := segment.NewClient(nil)
	defer client.Close()
	return client.Deliver(ctx, to, messages)[0], nil
}

// connection keeps the client of the store's Commerce, with its token, until the credentials
// change.
type connection struct {
	mu          sync.Mutex
	credentials commerce.Credentials
	client      *commerce.Client
}

// commerce returns a client with the current settings. The error is store.ErrNotConnected if a
// setting is missing.
func (c *Console) commerce(ctx context.Context) (*commerce.Client, error) {
	credentials, err := c.Store.Credentials(ctx)
	if err != nil {
		return nil, err
	}
	c.connection.mu.Lock()
	defer c.connection.mu.Unlock()
	if c.connection.client == nil || c.connection.credentials != credentials {
		client, err := commerce.NewClient(credentials, nil)
		if err != nil {
			return nil, err
		}
		c.connection.client, c.connection.credentials = client, credentials
	}
	return c.connection.client, nil
}
