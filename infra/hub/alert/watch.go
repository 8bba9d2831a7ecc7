package alert

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"commerce-segment/infra/hub/health"
	"commerce-segment/shared/settings"
)

const (
	// judgeEvery is how often the health is judged.
	judgeEvery = time.Minute
	// sendWithin is the time limit of an alert.
	sendWithin = 10 * time.Second
)

// ofSettings stands for the settings, if they are wrong, in place of the name of a channel.
const ofSettings = "settings"

// Watcher judges the health of a store again and again, and sends alerts.
type Watcher struct {
	Settings settings.Source
	Judge    func(context.Context) health.Judgement
	Log      *slog.Logger
	Pace     Pace

	unsent  map[string]Message // the newest message that a channel has not taken, by its name
	failing map[string]bool    // the names of the channels whose outage was logged, and ofSettings
}

// Run judges the health once a minute until the context is done.
func (w *Watcher) Run(ctx context.Context) {
	ticks := time.NewTicker(judgeEvery)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			w.look(ctx)
		}
	}
}

// look judges the health once, and sends the message that is due. A channel that failed gets
// its newest message again.
func (w *Watcher) look(ctx context.Context) {
	defer func() {
		if value := recover(); value != nil { // the hub must not end because of its alerts
			w.Log.Error("panic", "type", fmt.Sprintf("%T", value), "stack", string(debug.Stack()))
		}
	}()
	all, err := w.channels(ctx)
	if w.note(ofSettings, err); len(all) == 0 {
		return
	}
	if w.unsent == nil {
		w.unsent = map[string]Message{}
	}
	if message, due := w.Pace.Next(w.Judge(ctx)); due {
		for _, c := range all {
			w.unsent[c.name] = message
		}
	}
	for _, c := range all {
		message, waits := w.unsent[c.name]
		if !waits {
			continue
		}
		err := c.sendWithin(ctx, message)
		if ctx.Err() != nil {
			return // the hub stops
		}
		if w.note(c.name, err); err == nil {
			delete(w.unsent, c.name)
		}
	}
}

// channels reads the settings, which may have changed.
func (w *Watcher) channels(ctx context.Context) ([]channel, error) {
	parameters, err := w.Settings.Parameters(ctx, settings.AlertNames())
	if err != nil {
		return nil, err
	}
	return channels(parameters)
}

// note logs the first failure of a channel, and that it works again.
func (w *Watcher) note(name string, err error) {
	if w.failing == nil {
		w.failing = map[string]bool{}
	}
	switch {
	case err != nil && !w.failing[name]:
		w.Log.Warn("alerts cannot be sent", "because_of", name, "detail", oneLine(err.Error()))
	case err == nil && w.failing[name]:
		w.Log.Info("alerts can be sent again", "because_of", name)
	}
	w.failing[name] = err != nil
}

// sendWithin sends a message, within a time limit.
func (c channel) sendWithin(ctx context.Context, m Message) error {
	ctx, cancel := context.WithTimeout(ctx, sendWithin)
	defer cancel()
	return c.send(ctx, m)
}

// Result is what became of a test.
type Result struct {
	Channel string
	Err     error
}

// Test sends a test message with each channel that the parameters set up. Its error is about
// the others.
func Test(ctx context.Context, parameters map[string]string, console string) (results []Result, err error) {
	all, err := channels(parameters)
	for _, c := range all {
		results = append(results, Result{c.name, c.sendWithin(ctx, Message{
			Title: "commerce-segment: a test of the alerts",
			Text:  "Nothing is wrong, and nothing is to be done.\nOverview: " + console + "/",
		})})
	}
	return results, err
}
