package received_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/received"
	"commerce-segment/infra/hub/received/receivedtest"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/publicapitest"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

func newWorld(t *testing.T) *receivedtest.World {
	t.Helper()
	s, err := store.Open(t.Context(), store.Location{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return receivedtest.New(t, s)
}

// useConsent connects a tracking plan with the rule of consent to the source.
func useConsent(w *receivedtest.World) {
	plan := w.Segment.AddPlan("Plan", publicapitest.Object{"type": "TRACK", "key": "Segment Consent Preference Updated", "jsonSchema": publicapitest.Object{}, "version": 1})
	w.Segment.RemoveSource(w.Source)
	w.Source = w.Segment.AddSource(publicapitest.Source{Slug: "orders", Name: "Orders", WriteKeys: []string{receivedtest.WriteKey}, TrackingPlanID: plan})
}

func read(t *testing.T, w *receivedtest.World) *received.Report {
	t.Helper()
	return readSince(t, w, 24*time.Hour)
}

func readSince(t *testing.T, w *receivedtest.World, since time.Duration) *received.Report {
	t.Helper()
	r, err := received.Read(t.Context(), received.Options{
		Store: w.Store, Log: executions.Memory{List: executions.Of(w.Lines)}, Inbox: "http://127.0.0.1:1", Since: w.Now.Add(-since),
	}, w.Now)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const order = receivedtest.Order

func TestTheDifferencesOfAllCommandsAndPagesAreFound(t *testing.T) {
	for _, test := range receivedtest.Cases {
		t.Run(test.Name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			test.Make(w)
			r := read(t, w)
			if test.Severity == "" {
				if len(r.Findings) > 0 || !strings.Contains(r.Says(), test.Says) {
					t.Errorf("it says %q and finds %+v", r.Says(), r.Findings)
				}
				return
			}
			if len(r.Findings) > 1 && r.Findings[0].Key == received.FindingWrongKey {
				r.Findings = r.Findings[1:] // a wrong key, for which there is an explanation
			}
			if len(r.Findings) != 1 || string(r.Findings[0].Severity) != test.Severity || !strings.Contains(r.Findings[0].Says, test.Says) || r.Findings[0].Do == "" {
				t.Errorf("it finds %+v, want a %s: %s", r.Findings, test.Severity, test.Says)
			}
		})
	}
}

func TestEachDifferenceIsFoundAndExplained(t *testing.T) {
	for _, test := range []struct {
		name string
		make func(*testing.T, *receivedtest.World)
		says string   // the report
		want []string // the keys and severities of the findings
		text string   // in the first finding
	}{
		{"everything arrived", func(_ *testing.T, w *receivedtest.World) {
			w.Send(3, order, 40)
			w.Receive(3, order, 40)
		}, "received 40 of 40 sent messages in the last 24 hours", nil, ""},
		{"nothing was sent", func(*testing.T, *receivedtest.World) {}, "No message was sent to Segment in the last 24 hours", nil, ""},
		{"an event is blocked and counted in the volume", func(_ *testing.T, w *receivedtest.World) {
			w.Send(3, order, 40)
			w.Receive(3, order, 40)
			w.Segment.FilteredAtSource(w.Source, "track", order, "", w.At(3), 5)
		}, "received 40 of 40", []string{"blocked/Order Completed/ warning"}, "Reason: Segment gives no reason"},
		{"users are deleted", func(t *testing.T, w *receivedtest.World) {
			useConsent(w)
			w.Set(settings.Enabled(tracking.CustomerDeleted), "true")
			w.SendWith(3, order, 4, true)
			w.Receive(3, order, 4)
			deletion := w.Lines[len(w.Lines)-1]
			deletion.Time, deletion.Tracking, deletion.MessageIDs = w.At(2), tracking.CustomerDeleted.Name, []string{"m-of-the-deletion"}
			deletion.Calls = nil
			w.Lines = append(w.Lines, deletion)
			deletion.Calls = []segment.Calls{{Call: segment.Call{Type: "delete"}, Messages: 1}}
			w.Lines = append(w.Lines, deletion)
		}, "received 4 of 4 sent messages in the last 24 hours", nil, ""},
		{"nothing arrived, and some days ago one message was blocked", func(_ *testing.T, w *receivedtest.World) {
			w.Send(20, order, 1)
			w.Segment.FilteredAtSource(w.Source, "track", order, "", w.At(20), 1)
			w.Send(5, order, 4)
		}, "received 0 of 5", []string{"nothing fault", "blocked/Order Completed/ warning"}, "5 messages were sent"},
		{"all messages are blocked, one of them in the next hour", func(_ *testing.T, w *receivedtest.World) {
			w.Send(6, order, 1)
			w.Segment.FilteredAtSource(w.Source, "track", order, "", w.At(5), 1)
			w.Send(3, order, 4)
			w.Segment.FilteredAtSource(w.Source, "track", order, "", w.At(3), 4)
		}, "received 0 of 5", []string{"blocked/Order Completed/ warning"}, "Segment blocked 5 messages"},
		{"nothing arrives any more, and before that one message was blocked", func(_ *testing.T, w *receivedtest.World) {
			w.Send(9, order, 5)
			w.Receive(9, order, 4)
			w.Segment.FilteredAtSource(w.Source, "track", order, "", w.At(9), 1)
			w.Send(6, order, 3)
			w.Send(2, order, 1)
		}, "received 4 of 5 sent messages from", []string{"lag warning", "blocked/Order Completed/ warning"}, "or it no longer receives messages"},
		{"everything is blocked since some hours", func(_ *testing.T, w *receivedtest.World) {
			w.Send(9, order, 4)
			w.Receive(9, order, 4)
			w.Send(6, order, 3)
			w.Segment.FilteredAtSource(w.Source, "track", order, "", w.At(6), 3)
		}, "received 4 of 7", []string{"blocked/Order Completed/ warning"}, "Segment blocked 3 messages"},
		{"messages were blocked before and after the period", func(_ *testing.T, w *receivedtest.World) {
			w.Send(25, order, 2)
			w.Segment.FilteredAtSource(w.Source, "track", order, "", w.At(25), 2)
			w.Send(3, order, 40)
			w.Receive(3, order, 37)
			w.Send(0, order, 1)
			w.Segment.FilteredAtSource(w.Source, "track", order, "", w.At(0), 1)
		}, "received 37 of 40", []string{"fewer/Order Completed warning"}, "3 are missing"},
		{"some are missing", func(_ *testing.T, w *receivedtest.World) {
			w.Send(3, order, 40)
			w.Receive(3, order, 37)
		}, "received 37 of 40", []string{"fewer/Order Completed warning"}, "37 of 40 messages of Order Completed"},
		{"very few are missing", func(_ *testing.T, w *receivedtest.World) {
			w.Send(3, order, 231)
			w.Receive(3, order, 230)
		}, "received 230 of 231", []string{"fewer/Order Completed note"}, "1 is missing"},
		{"one of two events is missing", func(_ *testing.T, w *receivedtest.World) {
			w.Send(3, order, 4)
			w.Send(3, "Order Refunded", 2)
			w.Receive(3, order, 4)
		}, "received 4 of 6", []string{"fewer/Order Refunded warning"}, "received none of 2 messages of Order Refunded"},
		{"nothing arrived", func(_ *testing.T, w *receivedtest.World) {
			w.Send(5, order, 4)
			w.Send(3, "", 2)
		}, "received 0 of 6", []string{"nothing fault"}, "6 messages were sent"},
		{"late: received in the hour after the period", func(_ *testing.T, w *receivedtest.World) {
			w.Send(1, order, 4)
			w.Receive(1, order, 3)
			w.Receive(0, order, 1)
		}, "received 4 of 4", nil, ""},
		{"late: sent in the hour before the period", func(_ *testing.T, w *receivedtest.World) {
			w.Send(25, order, 3)
			w.Receive(25, order, 1)
			w.Receive(24, order, 2)
			w.Send(3, order, 4)
			w.Receive(3, order, 4)
		}, "received 4 of 4", nil, ""},
		{"late: from one hour to the next", func(_ *testing.T, w *receivedtest.World) {
			w.Send(5, order, 4)
			w.Receive(5, order, 1)
			w.Receive(4, order, 3)
		}, "received 4 of 4", nil, ""},
		{"the hour in progress is not judged", func(_ *testing.T, w *receivedtest.World) {
			w.Send(3, order, 4)
			w.Receive(3, order, 4)
			w.Send(0, order, 50)
		}, "received 4 of 4", nil, ""},
		{"repeated messages", func(_ *testing.T, w *receivedtest.World) {
			w.Send(3, order, 4)
			w.Receive(3, order, 4)
			w.Repeat(2, 1)
		}, "received 4 of 4", nil, ""},
		{"messages of the day before were repeated", func(_ *testing.T, w *receivedtest.World) {
			w.Send(27, order, 40)
			w.Receive(27, order, 40)
			w.Repeat(5, 40)
			w.Send(3, order, 6)
			w.Receive(3, order, 6)
		}, "received 6 of 6", nil, ""},
		{"messages were sent again after more than a day", func(_ *testing.T, w *receivedtest.World) {
			w.Send(29, order, 40)
			w.Receive(29, order, 40)
			w.Repeat(3, 40)
			w.Receive(3, order, 40)
		}, "No new message was sent to Segment in the last 24 hours, only 40 earlier messages again", []string{"twice/Order Completed warning"}, "Segment counted 40 messages of Order Completed twice"},
		{"another sender identifies the same users", func(_ *testing.T, w *receivedtest.World) {
			w.Send(3, "", 4)
			w.Receive(3, "", 9)
		}, "received 4 of 4", []string{"more/identify note"}, "5 more messages of identify"},
		{"only another sender", func(t *testing.T, w *receivedtest.World) {
			w.Set(settings.Enabled(tracking.OrderRefunded), "true")
			w.Receive(3, "Order Refunded", 9)
		}, "No message was sent", []string{"more/Order Refunded warning"}, "9 more messages of Order Refunded"},
		{"events of a website in the same source", func(_ *testing.T, w *receivedtest.World) {
			w.Send(3, order, 4)
			w.Receive(3, order, 4)
			w.Receive(3, "Product Viewed", 9000)
		}, "received 4 of 4", nil, ""},
		{"a dead letter of some days ago was replayed", func(_ *testing.T, w *receivedtest.World) {
			w.Send(3, order, 4)
			w.Lines[len(w.Lines)-1].Received = w.At(150)
			w.Receive(3, order, 4)
		}, "received 4 of 4", nil, ""},
		{"dead letters were replayed in the hour in which the log begins", func(_ *testing.T, w *receivedtest.World) {
			w.Lines = nil
			for _, hoursAgo := range []int{9, 5} {
				w.Send(hoursAgo, order, 4)
				w.Lines[len(w.Lines)-1].Received = w.At(150)
				w.Receive(hoursAgo, order, 4)
			}
		}, "received 8 of 8", nil, ""},
		{"events whose names all templates compute", func(_ *testing.T, w *receivedtest.World) {
			w.Send(3, segment.ComputedEvent, 2)
			w.Receive(3, order, 2)
		}, "2 messages were sent to Segment in the last 24 hours, with names that the templates compute", nil, ""},
		{"after the others, an event whose name the template computes", func(_ *testing.T, w *receivedtest.World) {
			w.Send(9, order, 4)
			w.Receive(9, order, 4)
			w.Send(3, segment.ComputedEvent, 2)
		}, "received 4 of 4 sent messages in the last 24 hours", nil, ""},
		{"an event whose name the template computes", func(_ *testing.T, w *receivedtest.World) {
			w.Send(3, order, 4)
			w.Send(3, segment.ComputedEvent, 2)
			w.Receive(3, order, 6)
		}, "received 4 of 4", nil, ""},
		{"nothing arrives any more", func(_ *testing.T, w *receivedtest.World) {
			w.Send(9, order, 4)
			w.Receive(9, order, 4)
			w.Send(6, order, 3)
			w.Send(2, order, 1)
		}, "received 4 of 4 sent messages from", []string{"lag warning"}, "or it no longer receives messages"},
		{"a disabled source", func(_ *testing.T, w *receivedtest.World) {
			w.Segment.RemoveSource(w.Source)
			w.Source = w.Segment.AddSource(publicapitest.Source{Slug: "orders", Name: "Orders", Disabled: true, WriteKeys: []string{receivedtest.WriteKey}})
			w.Send(3, order, 4)
		}, "received 0 of 4", []string{"disabled fault"}, "which is disabled"},
		{"a token that may not see keys", func(_ *testing.T, w *receivedtest.World) {
			w.Segment.NotSourceAdmin = true
			w.Send(3, order, 4)
		}, "give the token the role Source Admin", nil, ""},
		{"a token that Segment revoked", func(t *testing.T, w *receivedtest.World) {
			w.Set(settings.SegmentAPIToken, settings.BindSecret(w.Segment.URL, "revoked"))
		}, "Segment answered 401", nil, ""},
		{"messages go to the inbox", func(t *testing.T, w *receivedtest.World) {
			w.Set(settings.SegmentHost, "")
		}, "the inbox of the hub", nil, ""},
		{"the delivery overview cannot be read", func(_ *testing.T, w *receivedtest.World) {
			w.Segment.NotPermitted = []string{"/delivery-overview/failed-on-ingest"}
			w.Send(3, order, 4)
			w.Receive(3, order, 4)
		}, "received 4 of 4", []string{"unread note"}, "What failed on ingest is not known"},
		{"the workspace uses consent by its tracking plan", func(_ *testing.T, w *receivedtest.World) {
			useConsent(w)
			w.Send(3, order, 3)
			w.SendWith(3, order, 1, true)
			w.Receive(3, order, 4)
		}, "received 4 of 4", []string{"consent warning"}, "3 of 4 messages"},
		{"the workspace receives changes of consent", func(_ *testing.T, w *receivedtest.World) {
			w.Segment.Received("another source", "track", "Segment Consent Preference Updated", w.At(70), 1)
			w.Send(3, order, 4)
			w.Receive(3, order, 4)
		}, "received 4 of 4", []string{"consent warning"}, "it received the event Segment Consent Preference Updated"},
		{"all messages have consent", func(_ *testing.T, w *receivedtest.World) {
			useConsent(w)
			w.SendWith(3, order, 4, true)
			w.Receive(3, order, 4)
		}, "received 4 of 4", nil, ""},
		{"a log that begins within the period", func(_ *testing.T, w *receivedtest.World) {
			w.Lines = nil
			w.Receive(9, order, 30)
			w.Receive(4, order, 3) // before the first line of that hour
			w.Send(4, order, 2)
			w.Receive(4, order, 2)
			w.Send(3, order, 4)
			w.Receive(3, order, 4)
		}, "received 6 of 6 sent messages in the last 4 hours", nil, ""},
		{"a log that begins after the period", func(_ *testing.T, w *receivedtest.World) {
			w.Lines = nil
			w.Send(0, order, 2)
		}, "so no hour of this period can be compared", nil, ""},
		{"a log with lines of an earlier release", func(_ *testing.T, w *receivedtest.World) {
			w.Send(4, order, 9)
			for i := range w.Lines {
				w.Lines[i].Calls = nil
			}
			w.Receive(4, order, 9)
			w.Send(3, order, 4)
			w.Receive(3, order, 2)
		}, "received 2 of 4 sent messages in the last 4 hours", []string{"fewer/Order Completed warning"}, "2 are missing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			test.make(t, w)
			r := read(t, w)
			if says := r.Says(); !strings.Contains(says, test.says) {
				t.Errorf("it says %q, want %q", says, test.says)
			}
			var got []string
			for _, f := range r.Findings {
				got = append(got, f.Key+" "+string(f.Severity))
			}
			if fmt.Sprint(got) != fmt.Sprint(test.want) {
				t.Fatalf("the findings are %q, want %q:\n%+v", got, test.want, r.Findings)
			}
			if len(got) > 0 && (!strings.Contains(r.Findings[0].Says, test.text) || r.Findings[0].Severity != received.Note && r.Findings[0].Do == "") {
				t.Errorf("the finding is %+v, want %q", r.Findings[0], test.text)
			}
		})
	}
}

func TestWhatWasSentAgainIsFollowedForDays(t *testing.T) {
	for _, test := range []struct {
		name     string
		make     func(*receivedtest.World)
		says     string
		findings string
		twice    int
	}{
		{"counted twice", func(w *receivedtest.World) {
			w.Receive(80, order, 40)
			w.Repeat(3, 40)
			w.Receive(3, order, 40)
		}, "received 40 of 40", "[twice/Order Completed]", 40},
		{"counted twice, with two late messages", func(w *receivedtest.World) {
			w.Receive(80, order, 40)
			w.Repeat(3, 40)
			w.Receive(3, order, 38)
			w.Receive(2, order, 2)
		}, "received 40 of 40", "[twice/Order Completed]", 40},
		{"some lost, and the others counted twice", func(w *receivedtest.World) {
			w.Receive(80, order, 30)
			w.Repeat(3, 30)
			w.Receive(3, order, 30)
		}, "received 30 of 40", "[fewer/Order Completed twice/Order Completed]", 30},
		{"dropped by Segment, which remembers them for longer than it promises", func(w *receivedtest.World) {
			w.Receive(80, order, 40)
			w.Repeat(3, 40)
		}, "received 40 of 40", "[]", 0},
		{"sent again within a day of the second time", func(w *receivedtest.World) {
			w.Receive(80, order, 40)
			w.Repeat(40, 40)
			w.Receive(40, order, 40)
			w.Repeat(20, 40)
		}, "received 40 of 40", "[twice/Order Completed]", 40},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.Lines = nil
			w.Send(150, order, 1) // before the period, so that the log is complete
			w.Send(80, order, 40)
			test.make(w)
			r := readSince(t, w, 100*time.Hour)
			keys := []string{}
			for _, f := range r.Findings {
				keys = append(keys, f.Key)
			}
			if !strings.Contains(r.Says(), test.says) || fmt.Sprint(keys) != test.findings || r.Events[0].Twice != test.twice {
				t.Errorf("it says %q and finds %v, %d twice; want %q, %s and %d", r.Says(), keys, r.Events[0].Twice, test.says, test.findings, test.twice)
			}
		})
	}
}

// A backfill is not in the log. Each message is compared with the one that Segment has counted last.
func TestTheEarlierOfTwoMessagesIsTheOneThatCounts(t *testing.T) {
	w := newWorld(t)
	w.Send(72, order, 1)
	line := w.Lines[len(w.Lines)-1]
	at := func(hoursAgo int) executions.Line {
		line.Time = w.At(hoursAgo)
		return line
	}
	log := executions.Memory{List: executions.Of([]executions.Line{at(50), at(5)})}
	backfilled := func(since time.Time) (lines []executions.Line, _ error) {
		for _, line := range []executions.Line{at(72), at(40), at(20), at(3)} {
			if !line.Time.Before(since) {
				lines = append(lines, line)
			}
		}
		return lines, nil
	}
	sent, err := received.ReadSent(t.Context(), log, backfilled, w.At(70), 0) // 72 is before the period
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, hoursAgo := range []int{72, 50, 40, 20, 5, 3} {
		count := sent.Counts[received.EventHour{Event: received.Event{Type: "track", Name: order}, Hour: w.At(hoursAgo).Truncate(time.Hour)}]
		if count != nil {
			got += fmt.Sprintf("%d: %d repeated, %d recounted\n", hoursAgo, count.Repeated, count.Recounted)
		}
	}
	if want := "50: 1 repeated, 0 recounted\n40: 0 repeated, 1 recounted\n20: 1 repeated, 0 recounted\n5: 0 repeated, 1 recounted\n3: 1 repeated, 0 recounted\n"; got != want {
		t.Errorf("the messages are\n%swant\n%s", got, want)
	}
}

// What was not lost is sent again too, and must not be counted twice.
func TestNothingIsSentAgainThatSegmentWouldCountTwice(t *testing.T) {
	for _, test := range []struct {
		name string
		make func(*receivedtest.World)
		want string
	}{
		{"orders", func(w *receivedtest.World) { w.Send(3, order, 4) }, "hub backfill orders --since 23h --only order-completed --again"},
		{"customers", func(w *receivedtest.World) {
			w.Send(3, "", 4)
			w.SentBy("customer-created", 4)
		}, "hub backfill customers --since 23h --only customer-created --again"},
		{"customers and orders", func(w *receivedtest.World) {
			w.Send(3, "", 4)
			w.SentBy("customer-created", 2)
		}, "hub backfill orders --since 23h --only order-completed --again{flag} and hub backfill customers --since 23h --only customer-created --again"},
		{"updates", func(w *receivedtest.World) {
			w.Send(3, "Order Updated", 4)
			w.SentBy("order-updated", 4)
		}, "Lost messages of this event cannot be sent again."},
		{"accounts", func(w *receivedtest.World) {
			w.Send(3, "Account Created", 4)
			w.SentBy("account-created", 4)
		}, "Lost messages of this event cannot be sent again."},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.Send(2, "Order Cancelled", 1)
			w.Receive(2, "Order Cancelled", 1)
			test.make(w)
			r := readSince(t, w, 48*time.Hour)
			want := strings.ReplaceAll(test.want, "{flag}", w.Store.Flag())
			if len(r.Findings) != 1 || !strings.Contains(r.Findings[0].Do, want) || strings.Count(r.Findings[0].Do, "hub backfill") != strings.Count(want, "hub backfill") {
				t.Errorf("it finds %+v, want %s", r.Findings, want)
			}
		})
	}
}

func TestSegmentIsNotAskedHowManyDeletionsItReceived(t *testing.T) {
	w := newWorld(t)
	w.Set(settings.Enabled(tracking.CustomerDeleted), "true")
	read(t, w)
	for _, request := range w.Segment.Requests("/events/volume") {
		if strings.Contains(request.Query.Encode(), "delete") {
			t.Errorf("it asks %v", request.Query)
		}
	}
}

// Without a name in the query Segment would count the events of all deleted sources.
func TestADeletedSourceIsLookedForByTheNamesOfEvents(t *testing.T) {
	w := newWorld(t)
	w.Set(settings.SegmentWriteKey, "wk-of-nothing")
	for _, tracked := range tracking.All() {
		w.Set(settings.Enabled(tracked), fmt.Sprint(tracked.Call != tracking.Track))
	}
	w.Receive(3, "Product Viewed", 9)
	w.Segment.RemoveSource(w.Source)
	r := read(t, w)
	if len(r.Findings) != 1 || r.Findings[0].Key != received.FindingWrongKey {
		t.Errorf("it finds %+v", r.Findings)
	}
}

// dayOf returns when the day of a moment begins in a time zone.
func dayOf(at time.Time, zone *time.Location) time.Time {
	year, month, day := at.In(zone).Date()
	return time.Date(year, month, day, 0, 0, 0, 0, zone)
}

func TestADayHasOnlyEventsWhoseNameIsKnown(t *testing.T) {
	for _, test := range []struct {
		name, event string
		sent        int
		received    int
	}{
		{"a name in the template", order, 4, 3},
		{"a name that the template computes", segment.ComputedEvent, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.Lines = nil
			w.Send(90, order, 1)
			w.Send(30, test.event, 4)
			w.Receive(30, order, 3)
			r := readSince(t, w, 80*time.Hour)
			if sent, got, known := r.CompletedOrders(dayOf(w.At(30), time.UTC)); sent != test.sent || got != test.received || known != (test.sent > 0) {
				t.Errorf("the day has %d of %d, known %t", got, sent, known)
			}
		})
	}
}

// A part of a day would look like a loss.
func TestADayIsKnownOnlyIfAllItsHoursWereCompared(t *testing.T) {
	for _, zone := range []*time.Location{time.UTC, time.FixedZone("half an hour", 5*60*60+30*60), time.FixedZone("west", -9*60*60)} {
		w := newWorld(t)
		w.Lines = nil
		for hoursAgo := range 120 {
			w.Send(hoursAgo, order, 1)
			w.Receive(hoursAgo, order, 1)
		}
		r := readSince(t, w, 100*time.Hour)
		today := dayOf(w.Now, zone)
		for days := -6; days <= 0; days++ {
			day := today.AddDate(0, 0, days)
			whole := !day.Before(w.At(100).Add(-time.Second)) && !day.AddDate(0, 0, 1).After(w.At(0))
			sent, got, known := r.CompletedOrders(day)
			if known != whole || known && (sent != 24 || got != 24) {
				t.Errorf("in %v the day %v has %d of %d, known %t, want %t", zone, day, got, sent, known, whole)
			}
		}
	}
}

// remoteLog is a log that is not on this machine, and counts how often it is read.
type remoteLog struct {
	executions.Memory
	reads int
}

func (l *remoteLog) Load(context.Context, executions.Query) (executions.Memory, error) {
	l.reads++
	return l.Memory, nil
}

// A remote log returns all lines since a time, whenever their webhooks were received.
func TestARemoteLogIsReadOnce(t *testing.T) {
	w := newWorld(t)
	w.Send(3, order, 4)
	w.Receive(3, order, 9)
	log := &remoteLog{Memory: executions.Memory{List: executions.Of(w.Lines)}}
	r, err := received.Read(t.Context(), received.Options{Store: w.Store, Log: log, Inbox: "http://127.0.0.1:1", Since: w.Now.Add(-24 * time.Hour)}, w.Now)
	if err != nil || len(r.Findings) != 1 || r.Findings[0].Key != "more/Order Completed" {
		t.Fatalf("it finds %+v, %v", r.Findings, err)
	}
	if log.reads != 1 {
		t.Errorf("the log was read %d times", log.reads)
	}
}
