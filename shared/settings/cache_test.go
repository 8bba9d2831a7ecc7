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

// store is a Source that a test can change, break and slow down. It counts its reads.
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

// set sets the webhook secret, by which these tests distinguish settings.
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

// journal records the errors that OnError receives.
type journal struct {
	mu     sync.Mutex
	errors []error
}

func (j *journal) add(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.errors = append(j.errors, err)
}

// run runs a test in virtual time, with a Cache whose store has the secret "first".
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

func TestCurrentKeepsSettingsForAboutAMinute(t *testing.T) {
	// The age is random, so this tests many. Without the jitter, all functions of a store
	// would always read the settings in the same second.
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
		if len(j.errors) != 1 || !errors.Is(j.errors[0], down) || !strings.Contains(j.errors[0].Error(), "the last good settings stay in effect") {
			t.Errorf("OnError heard %v", j.errors)
		}

		time.Sleep(4 * time.Second)
		current(t, c, "first")
		readTimes(t, s, 2) // the failure is less than 5 s old

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

// After an invalid change, events must be handled by the old settings, and never by a
// mixture of both.
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

func TestCurrentReturnsTheErrorIfThereHaveNeverBeenSettings(t *testing.T) {
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
				for range 2 { // the second call comes before the next attempt
					if _, err := c.Current(t.Context()); err == nil || !strings.Contains(err.Error(), test.message) {
						t.Errorf("got %v\nwant …%s…", err, test.message)
					}
				}
				readTimes(t, s, 1)
				if len(j.errors) != 1 || !strings.Contains(j.errors[0].Error(), "events are retried until there are settings") {
					t.Errorf("OnError heard %v", j.errors)
				}
				s.fail(nil)
				s.set("fixed")
				time.Sleep(5 * time.Second)
				current(t, c, "fixed")
			})
		})
	}
}

func TestWithoutOnErrorTheDefaultLoggerIsUsed(t *testing.T) {
	var log strings.Builder
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil)))
	defer slog.SetDefault(before)
	run(t, func(t *testing.T, c *settings.Cache, s *store, _ *journal) {
		c.OnError = nil
		s.fail(errors.New("down"))
		if _, err := c.Current(t.Context()); err == nil {
			t.Error("Current returns no error")
		}
	})
	for _, part := range []string{`"level":"ERROR"`, `"tracking":"order-completed"`, "down (events are retried until there are settings)"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("the log %q does not say %s", log.String(), part)
		}
	}
}

func TestConcurrentCallersShareOneRead(t *testing.T) {
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
			t.Errorf("Current waited %v for the Reload of another caller", waited)
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

		// The read that it started continues for the next caller.
		current(t, c, "first")
		readTimes(t, s, 1)

		// With old settings these are returned, and Reload also returns an error, because
		// it could not read newer ones.
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

// Even if Parameter Store hangs, Commerce must get its answer within 2 s.
func TestAReadThatHangsEndsInTime(t *testing.T) {
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

// A secret may be rotated less than a minute after the last read. If Reload did not read
// again, genuine webhooks would be answered 401 and lost.
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

func TestReloadReadsIfNothingWasReadYet(t *testing.T) {
	run(t, func(t *testing.T, c *settings.Cache, s *store, _ *journal) {
		reload(t, c, "first")
		current(t, c, "first")
		readTimes(t, s, 1)
	})
}

// A webhook may be rejected as forged only if the settings are known to be up to date. If
// Reload returned no error for a failed read, a secret that is rotated while Parameter
// Store is down would be rejected.
func TestReloadReturnsTheErrorOfAFailedRead(t *testing.T) {
	run(t, func(t *testing.T, c *settings.Cache, s *store, _ *journal) {
		current(t, c, "first")
		down := errors.New("down")
		s.fail(down)
		time.Sleep(10 * time.Second)
		for range 2 { // the second call comes before the next attempt
			config, err := c.Reload(t.Context())
			if !errors.Is(err, down) || config.Secrets[0] != "first" {
				t.Errorf("got %q, %v", config.Secrets, err)
			}
		}
		readTimes(t, s, 2)
		current(t, c, "first")
	})
}

// Without the answers of Commerce, such a template would write wrong messages without any
// error.
func TestATemplateThatCallsCommerceIsAnErrorIfItsFunctionHasNoPermission(t *testing.T) {
	const asking = `{"event": $commerce("/v2/orders").data.x}`
	run(t, func(t *testing.T, c *settings.Cache, s *store, j *journal) {
		s.parameters[settings.Template(c.Tracking)] = asking
		_, err := c.Current(t.Context())
		if !errors.Is(err, settings.ErrNoCommercePermission) || !strings.Contains(err.Error(), "parameter templates/order-completed: it calls $commerce") {
			t.Errorf("got %v", err)
		}
		if len(j.errors) != 1 {
			t.Errorf("OnError heard %v", j.errors)
		}
	})
	run(t, func(t *testing.T, c *settings.Cache, s *store, _ *journal) { // without them it only lacks fields
		s.parameters[settings.Template(c.Tracking)] = `{"event": $commerce("/v2/orders", 800).data.x}`
		current(t, c, "first")
	})
	run(t, func(t *testing.T, c *settings.Cache, s *store, _ *journal) {
		c.Tracking = tracking.OrderRefunded
		s.parameters[settings.Template(c.Tracking)] = asking
		current(t, c, "first")
	})
}

// A person who can change one parameter must not receive the secret in another one.
func TestAFunctionKeepsTheHostThatTheSecretWasEnteredFor(t *testing.T) {
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
