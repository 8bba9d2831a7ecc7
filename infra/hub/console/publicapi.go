package console

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/infra/hub/workspace"
	"commerce-segment/shared/publicapi"
	"commerce-segment/shared/settings"
)

// apiForm is the access to Segment's Public API. It contains no secret.
type apiForm struct {
	TokenSet   bool
	TokenTyped bool     // the session keeps a token that the user typed
	Host       string   // the one that is in effect
	Hosts      []string // to choose from
	Name       string   // of a source to create
	Replaces   string   // the fingerprint of the settings when the page was opened
	Wrong      wrong
	// Key is what Segment knows of the write key; nil if it was not asked.
	Key *keyState
}

// keyState is what Segment knows of the write key.
type keyState struct {
	Says, Do string
	Dropped  bool   // Segment drops the events
	Inbox    bool   // the messages go to the inbox of this machine
	Source   string // the name of the source that has the key, or ""
	URL      string // its address in Segment's app
}

// readAPI returns the form with the current settings.
func (c *Console) readAPI(ctx context.Context, set map[string]store.Setting) apiForm {
	host, err := settings.PublicAPIHost(map[string]string{
		settings.SegmentHost: set[settings.SegmentHost].Value, settings.SegmentAPIHost: set[settings.SegmentAPIHost].Value,
	})
	form := apiForm{
		TokenSet: set[settings.SegmentAPIToken].Set, Host: host, Hosts: []string{publicapi.USHost, publicapi.EUHost},
		Replaces: fingerprint(set, settings.SegmentAPIHost, settings.SegmentAPIToken),
	}
	if err != nil {
		form.Wrong = wrong{"api_host": atField(settings.SegmentAPIHost, err)}
	} else if !slices.Contains(form.Hosts, host) {
		form.Hosts = append(form.Hosts, host)
	}
	if _, err := c.Store.PublicAPI(ctx); err != nil && form.TokenSet && form.Wrong == nil {
		form.Wrong = wrong{"api_token": atField(settings.SegmentAPIToken, err)}
	}
	return form
}

// lookUpKey looks up the write key that the form sets. The error reports that no source has the key.
func (c *Console) lookUpKey(ctx context.Context, form segmentForm, wanted map[string]string) (said string, err error) {
	if form.Region == regionInbox {
		return "", nil
	}
	current, err := c.Store.Parameters(ctx, append(settings.PublicAPINames(), settings.SegmentWriteKey))
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	return workspace.Verify(ctx, current, wanted)
}

// askSegment returns what Segment knows of the write key.
func (c *Console) askSegment(ctx context.Context) *keyState {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	l, err := workspace.Of(ctx, c.Store)
	if err != nil {
		return &keyState{Says: "Segment could not be asked: " + words.OneLine(err.Error()) + "."}
	}
	state := &keyState{Dropped: l.EventsAreDropped(), Inbox: l.Inbox, URL: l.URL}
	l.URL = "" // the page has a link
	state.Says = words.Capital(l.Says()) + "."
	if l.Source != nil {
		state.Source = l.Source.Title()
	}
	if do := l.WhatToDo(c.Store.Flag()); do != "" {
		state.Do = words.Capital(do) + "."
	}
	return state
}

// connectAPI saves the token of Segment's Public API after a successful test.
func (c *Console) connectAPI(w http.ResponseWriter, r *http.Request) {
	data, err := c.readConnections(r.Context())
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	before := data.API
	form := apiForm{TokenSet: before.TokenSet, Host: r.PostFormValue("api_host"), Hosts: before.Hosts, Replaces: r.PostFormValue("replaces"), Wrong: wrong{}}
	data.API = form
	token := c.sessions.secret(sessionOf(r), "api_token", r.PostFormValue("api_token"))
	wanted := map[string]string{settings.SegmentAPIToken: form.Wrong.required("api_token", settings.SegmentAPIToken, token)}
	if host := form.Wrong.required("api_host", settings.SegmentAPIHost, form.Host); host != before.Host {
		wanted[settings.SegmentAPIHost] = host
	}
	current, err := c.Store.Parameters(r.Context(), store.AllNames())
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	if len(form.Wrong) > 0 {
		c.showConnections(w, r, http.StatusUnprocessableEntity, data, "")
		return
	}
	if form.Replaces != before.Replaces {
		form.Wrong.meanwhile("api_host", form.Host, before.Host)
		form.Wrong.meanwhileSecret("api_token", token)
		data.API.Replaces = before.Replaces
		c.showConnections(w, r, http.StatusConflict, data, changedMeanwhile)
		return
	}
	said, err := workspace.Verify(r.Context(), current, wanted)
	if err != nil {
		form.Wrong["api_token"] = atField(settings.SegmentAPIToken, err)
		c.showConnections(w, r, http.StatusUnprocessableEntity, data, "Nothing was saved. "+err.Error())
		return
	}
	saved, err := c.saveAlone(r.Context(), current, wanted)
	if err != nil {
		c.showConnections(w, r, http.StatusBadGateway, data, err.Error())
		return
	}
	c.sessions.forget(sessionOf(r), "api_token")
	c.done(w, r, "/connections", said+" "+saved)
}

// saveAlone saves the wanted settings, if they were not changed after current was read.
func (c *Console) saveAlone(ctx context.Context, current, wanted map[string]string) (said string, err error) {
	release, err := c.Store.Saving(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	now, err := c.Store.Parameters(ctx, store.AllNames())
	if err != nil {
		return "", err
	}
	if err := store.CheckUnchanged(current, now, wanted); err != nil {
		return "", err
	}
	return c.save(ctx, wanted)
}

// createSource creates a source in Segment, and makes the store send to it.
func (c *Console) createSource(w http.ResponseWriter, r *http.Request) {
	data, err := c.readConnections(r.Context())
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	data.API.Name = r.PostFormValue("name")
	current, err := c.Store.Parameters(r.Context(), store.AllNames())
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	client, err := c.Store.PublicAPIOf(current)
	if err != nil {
		c.showConnections(w, r, http.StatusUnprocessableEntity, data, err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), lookWithin)
	defer cancel()
	source, failed := workspace.Create(ctx, client, data.API.Name)
	if source.ID == "" {
		data.API.Wrong = wrong{"name": failed.Error()}
		c.showConnections(w, r, http.StatusUnprocessableEntity, data, "")
		return
	}
	wanted, err := workspace.SettingsFor(source, current)
	var saved string
	if err == nil {
		saved, err = c.saveAlone(r.Context(), current, wanted)
	}
	if err = errors.Join(failed, err); err != nil {
		c.showConnections(w, r, http.StatusBadGateway, data, "The source was created. "+err.Error())
		return
	}
	where := ". Events are sent to it. "
	if c.Store.SendsToInbox(store.Together(current, wanted)) {
		where = ". Its write key is set. Events still go to the inbox: choose the region of the workspace above and save it. "
	}
	c.done(w, r, "/connections", "Created the source "+workspace.Quote(source.Title())+where+"Connect its destinations in Segment. "+saved)
}
