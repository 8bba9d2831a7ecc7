package settings_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// store is a Source that a test can change, break and slow down, and that counts.
type store struct {
	mu         sync.Mutex
	parameters map[string]string
	err        error
	takes      time.Duration // how long a read takes, or until its context ends
	reads      int
}

func (s *store) Parameters(ctx context.Context, _ []string) (map[string]string, error) {
	s.mu.Lock()
	s.reads++
	parameters, err, takes := maps.Clone(s.parameters), s.err, s.takes
	s.mu.Unlock()
	select {
	case <-time.After(takes):
		return parameters, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// set writes the secret, which is what these tests look for in the settings.
func (s *store) set(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parameters = map[string]string{settings.WebhookSecret: secret}
}

func (s *store) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// journal keeps what OnError hears.
type journal struct {
	mu     sync.Mutex
	errors []error
}

func (j *journal) add(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.errors = append(j.errors, err)
}

// run gives a test a Cache on fake time, whose store holds the secret "first".
func run(t *testing.T, test func(t *testing.T, c *settings.Cache, s *store, j *journal)) {
	synctest.Test(t, func(t *testing.T) {
		s, j := new(store), new(journal)
		s.set("first")
		test(t, &settings.Cache{Tracking: tracking.OrderCompleted, Source: s, OnError: j.add}, s, j)
	})
}

func current(t *testing.T, c *settings.Cache, secret string) {
	t.Helper()
	config, err := c.Current(t.Context())
	if err != nil || len(config.Secrets) != 1 || config.Secrets[0] != secret {
		t.Fatalf("Current: secrets %q, %v, want %q", config.Secrets, err, secret)
	}
}

func reload(t *testing.T, c *settings.Cache, secret string) {
	t.Helper()
	config, err := c.Reload(t.Context())
	if err != nil || len(config.Secrets) != 1 || config.Secrets[0] != secret {
		t.Fatalf("Reload: secrets %q, %v, want %q", config.Secrets, err, secret)
	}
}

func readTimes(t *testing.T, s *store, want int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reads != want {
		t.Fatalf("the source was read %d times, want %d", s.reads, want)
	}
}

func TestCurrentKeepsSettingsForAMinuteGiveOrTakeAFifth(t *testing.T) {
	// The age is drawn at random, so this looks at many. Without the jitter, all
	// functions of a store read it in the same second, for ever.
	ages := map[time.Duration]bool{}
	for range 50 {
		run(t, func(t *testing.T, c *settings.Cache, s *store, _ *journal) {
			current(t, c, "first")
			s.set("second")
			read := time.Now()
			for {
				config, err := c.Current(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if config.Secrets[0] == "second" {
					break
				}
				readTimes(t, s, 1)
				time.Sleep(time.Second)
			}
			age := time.Since(read)
			if age < 48*time.Second || age > 72*time.Second {
				t.Errorf("the settings were kept for %v, want 48 s to 72 s", age)
			}
			ages[age] = true
		})
	}
	if len(ages) < 5 {
		t.Errorf("in 50 caches the settings were kept for only %d different times", len(ages))
	}
}

func TestCurrentKeepsTheLastGoodSettingsWhileTheSourceFails(t *testing.T) {
	run(t, func(t *testing.T, c *settings.Cache, s *store, j *journal) {
		current(t, c, "first")
		down := errors.New("down")
		s.fail(down)
		time.Sleep(2 * time.Minute)
		current(t, c, "first")
		readTimes(t, s, 2)
		if len(j.errors) != 1 || !errors.Is(j.errors[0], down) || !strings.Contains(j.errors[0].Error(), "the last good settings count on") {
			t.Errorf("OnError heard %v", j.errors)
		}

		time.Sleep(4 * time.Second)
		current(t, c, "first")
		readTimes(t, s, 2) // the failure is not 5 s old

		s.fail(nil)
		s.set("second")
		time.Sleep(time.Second)
		current(t, c, "second")
		readTimes(t, s, 3)
	})
}

func TestCurrentKeepsTheLastGoodSettingsForADay(t *testing.T) {
	run(t, func(t *testing.T, c *settings.Cache, s *store, _ *journal) {
		current(t, c, "first")
		s.fail(errors.New("throttled"))
		for range 24 * 60 {
			time.Sleep(time.Minute)
			current(t, c, "first")
		}
		s.fail(nil)
		s.set("second")
		time.Sleep(time.Minute)
		current(t, c, "second")
	})
}

// Somebody writes garbage. Events observed by the old settings must flow on, and
// none may be handled by half of each.
func TestCurrentKeepsTheLastGoodSettingsWhole(t *testing.T) {
	run(t, func(t *testing.T, c *settings.Cache, s *store, j *journal) {
		current(t, c, "first")
		s.parameters = map[string]string{
			settings.WebhookSecret:                   "second",
			settings.Events(tracking.OrderCompleted): "garbage",
		}
		time.Sleep(2 * time.Minute)
		current(t, c, "first")
		if len(j.errors) != 1 || !strings.Contains(j.errors[0].Error(), "parameter tracking/order-completed/events: ") {
			t.Errorf("OnError heard %v", j.errors)
		}
	})
}

func TestCurrentSaysWhyThereHaveNeverBeenSettings(t *testing.T) {
	for _, test := range []struct {
		name    string
		err     error
		events  string
		message string
	}{
		{"the source fails", errors.New("reading parameter segment/host: down"), "",
			"reading the settings of order-completed: reading parameter segment/host: down"},
		{"the parameters are wrong", nil, "garbage",
			"reading the settings of order-completed: parameter tracking/order-completed/events: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			run(t, func(t *testing.T, c *settings.Cache, s *store, j *journal) {
				s.err = test.err
				s.parameters[settings.Events(tracking.OrderCompleted)] = test.events
				for range 2 { // the second one comes while the failure counts
					if _, err := c.Current(t.Context()); err == nil || !strings.Contains(err.Error(), test.message) {
						t.Errorf("got %v\nwant …%s…", err, test.message)
					}
				}
				readTimes(t, s, 1)
				if len(j.errors) != 1 || !strings.Contains(j.errors[0].Error(), "events wait for settings") {
					t.Errorf("OnError heard %v", j.errors)
				}
				s.fail(nil)
				s.set("mended")
				time.Sleep(5 * time.Second)
				current(t, c, "mended")
			})
		})
	}
}

func TestWithoutOnErrorTheDefaultLoggerHears(t *testing.T) {
	var log strings.Builder
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil)))
	defer slog.SetDefault(before)
	run(t, func(t *testing.T, c *settings.Cache, s *store, _ *journal) {
		c.OnError = nil
		s.fail(errors.New("down"))
		if _, err := c.Current(t.Context()); err == nil {
			t.Error("Current says nothing")
		}
	})
	for _, part := range []string{`"level":"ERROR"`, `"tracking":"order-completed"`, "down (events wait for settings)"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("the log %q does not say %s", log.String(), part)
		}
	}
}

func TestCallersWhoComeAtTheSameTimeShareOneRead(t *testing.T) {
	run(t, func(t *testing.T, c *settings.Cache, s *store, _ *journal) {
		s.takes = time.Second
		var callers sync.WaitGroup
		for range 10 {
			callers.Go(func() { current(t, c, "first") })
			callers.Go(func() { reload(t, c, "first") })
		}
		callers.Wait()
		readTimes(t, s, 1)
	})
}

func TestFreshSettingsDoNotWaitForAReload(t *testing.T) {
	run(t, func(t *testing.T, c *settings.Cache, s *store, _ *journal) {
		current(t, c, "first")
		s.takes = time.Second
		time.Sleep(10 * time.Second)
		go c.Reload(t.Context())
		synctest.Wait()
		readTimes(t, s, 2)
		asked := time.Now()
		current(t, c, "first")
		if waited := time.Since(asked); waited != 0 {
			t.Errorf("Current waited %v for somebody else's Reload", waited)
		}
		time.Sleep(time.Second) // the Reload ends with the test
	})
}

func TestACallerWhoseContextEndsDoesNotWait(t *testing.T) {
	run(t, func(t *testing.T, c *settings.Cache, s *store, _ *journal) {
		s.takes = 1300 * time.Millisecond
		soon, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		asked := time.Now()
		_, err := c.Current(soon)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(asked) != time.Second {
			t.Errorf("without settings: %v after %v", err, time.Since(asked))
		}

		// The read that it began goes on for the next one.
		current(t, c, "first")
		readTimes(t, s, 1)

		// With settings at hand they are the answer, though Reload says that it
		// could not read any newer ones.
		time.Sleep(2 * time.Minute)
		soon, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if config, err := c.Current(soon); err != nil || config.Secrets[0] != "first" {
			t.Errorf("with old settings: %q, %v", config.Secrets, err)
		}
		if config, err := c.Reload(soon); !errors.Is(err, context.DeadlineExceeded) || config.Secrets[0] != "first" {
			t.Errorf("Reload with old settings: %q, %v", config.Secrets, err)
		}
		time.Sleep(2 * time.Second) // the last read ends with the test
	})
}

// Parameter Store hangs. Commerce is to have its answer within 2 s.
func TestAReadThatHangsIsGivenUp(t *testing.T) {
	run(t, func(t *testing.T, c *settings.Cache, s *store, j *journal) {
		s.takes = time.Hour
		asked := time.Now()
		_, err := c.Current(t.Context())
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(asked) != 1400*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(asked))
		}
		if len(j.errors) != 1 {
			t.Errorf("OnError heard %v", j.errors)
		}
	})
}

// A secret is rotated within the minute. If Reload did not read again, genuine
// webhooks would be answered 401 and lost.
func TestReloadReadsNowButNotMoreOftenThanEveryFewSeconds(t *testing.T) {
	run(t, func(t *testing.T, c *settings.Cache, s *store, _ *journal) {
		current(t, c, "first")
		s.set("second")
		time.Sleep(4 * time.Second)
		reload(t, c, "first")
		readTimes(t, s, 1)
		time.Sleep(time.Second)
		reload(t, c, "second")
		current(t, c, "second")
		readTimes(t, s, 2)
		for range 100 { // forged requests
			reload(t, c, "second")
		}
		readTimes(t, s, 2)
	})
}

func TestReloadIsTheFirstReadWhereThereHasBeenNone(t *testing.T) {
	run(t, func(t *testing.T, c *settings.Cache, s *store, _ *journal) {
		reload(t, c, "first")
		current(t, c, "first")
		readTimes(t, s, 1)
	})
}

// "Forged" may be said only of settings that are known to be the latest. If
// Reload kept quiet about a failed read, a secret rotated while Parameter Store
// is down would be refused.
func TestReloadSaysThatItCouldNotRead(t *testing.T) {
	run(t, func(t *testing.T, c *settings.Cache, s *store, _ *journal) {
		current(t, c, "first")
		down := errors.New("down")
		s.fail(down)
		time.Sleep(10 * time.Second)
		for range 2 { // the second one comes while the failure counts
			config, err := c.Reload(t.Context())
			if !errors.Is(err, down) || config.Secrets[0] != "first" {
				t.Errorf("got %q, %v", config.Secrets, err)
			}
		}
		readTimes(t, s, 2)
		current(t, c, "first")
	})
}

// A function that sent what such a template gives without its answers would send wrong
// messages, and nobody would hear of it.
func TestATemplateThatAsksCommerceWaitsWhereItsFunctionMayNot(t *testing.T) {
	const asking = `{"event": $commerce("/v2/orders").data.x}`
	run(t, func(t *testing.T, c *settings.Cache, s *store, j *journal) {
		s.parameters[settings.Template(c.Tracking)] = asking
		_, err := c.Current(t.Context())
		if !errors.Is(err, settings.ErrMayNotAsk) || !strings.Contains(err.Error(), "parameter templates/order-completed: it calls $commerce") {
			t.Errorf("got %v", err)
		}
		if len(j.errors) != 1 {
			t.Errorf("OnError heard %v", j.errors)
		}
	})
	run(t, func(t *testing.T, c *settings.Cache, s *store, _ *journal) {
		c.Tracking = tracking.OrderRefunded
		s.parameters[settings.Template(c.Tracking)] = asking
		current(t, c, "first")
	})
}

// A person who can write one parameter must not receive the secret in another.
func TestAFunctionGoesOnWithTheHostThatTheSecretWasEnteredFor(t *testing.T) {
	run(t, func(t *testing.T, c *settings.Cache, s *store, j *journal) {
		connected := map[string]string{
			settings.CommerceClientID: "id", settings.CommerceTokenURL: "https://ours.example",
			settings.CommerceClientSecret: settings.BindSecret("https://ours.example", "secret"),
		}
		s.parameters = maps.Clone(connected)
		before, err := c.Current(t.Context())
		if err != nil || before.Commerce.URL != "https://ours.example" {
			t.Fatalf("it is connected to %+v, %v", before.Commerce, err)
		}
		for name, url := range map[string]string{"changed": "https://theirs.example", "removed": ""} {
			time.Sleep(time.Hour)
			s.parameters = maps.Clone(connected)
			s.parameters[settings.CommerceTokenURL] = url
			after, err := c.Current(t.Context())
			if err != nil || after.Commerce != before.Commerce && after.Commerce.ClientSecret != "" {
				t.Errorf("with the URL %s it goes on with %+v, %v", name, after.Commerce, err)
			}
		}
		if len(j.errors) != 1 || !strings.Contains(j.errors[0].Error(), "it was entered for https://ours.example") {
			t.Errorf("it says %v", j.errors)
		}
	})
}
