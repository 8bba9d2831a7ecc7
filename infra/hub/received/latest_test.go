package received

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheLatestReportIsMadeInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Latest
		defer l.End()
		made := 0
		read := func(context.Context) *Report {
			made++
			return &Report{At: time.Now()}
		}
		ask := func(what string, isThere bool, want int) {
			t.Helper()
			if got := l.Report(read); (got != nil) != isThere {
				t.Errorf("%s: the report is %v", what, got)
			}
			synctest.Wait()
			if made != want {
				t.Errorf("%s: %d reports were made, not %d", what, made, want)
			}
		}
		ask("the first call does not wait", false, 1)
		ask("the second call has the report", true, 1)
		time.Sleep(readEvery - time.Second)
		ask("a report is kept", true, 1)
		time.Sleep(time.Second)
		ask("until it is old", true, 2)
		l.Forget()
		ask("or the settings are changed", true, 3)
		time.Sleep(knownFor)
		ask("an old report is not shown while the next one is made", false, 4)
		ask("the next one is", true, 4)
	})
}

// The alerts need a report, and so does a command that asks once a day.
func TestThereIsAReportWithoutAnyoneWhoAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Latest
		defer l.End()
		made := 0
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go l.Watch(ctx, func(context.Context) *Report {
			made++
			return &Report{}
		})
		time.Sleep(24*time.Hour - time.Second)
		synctest.Wait()
		if made != 24*6 {
			t.Errorf("in a day, %d reports were made", made)
		}
		if l.Report(nil) == nil {
			t.Error("there is no report")
		}
		stop()
		time.Sleep(time.Hour)
		if made != 24*6 {
			t.Error("a report was made after the end")
		}
	})
}

// Otherwise an alert would end, although nothing was fixed.
func TestFindingsStayWhileThereIsNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Latest
		defer l.End()
		for _, step := range []struct {
			name   string
			report Report
			want   string // the keys of the findings
		}{
			{"a difference is found", Report{Findings: []Finding{{Key: "fewer"}}}, "fewer"},
			{"Segment does not answer", Report{Unknown: "no answer"}, "fewer"},
			{"nor does it later", Report{Unknown: "no answer"}, "fewer"},
			{"no source has the key", Report{Unknown: "no source", Findings: []Finding{{Key: FindingWrongKey}}}, FindingWrongKey},
			{"the token was removed", Report{Unknown: "no token", NotAsked: true}, ""},
			{"another difference is found", Report{Findings: []Finding{{Key: "more"}}}, "more"},
			{"everything arrived", Report{}, ""},
		} {
			l.Report(func(context.Context) *Report { return &step.report })
			synctest.Wait()
			got := ""
			for _, f := range l.Report(nil).Findings {
				got += f.Key
			}
			if got != step.want {
				t.Errorf("%s: the findings are %q, not %q", step.name, got, step.want)
			}
			time.Sleep(readEvery)
		}
	})
}

func TestTheEndCancelsTheReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Latest
		l.Report(func(ctx context.Context) *Report {
			<-ctx.Done()
			return nil
		})
		l.End() // returns only if the report is cancelled
		if l.Report(func(context.Context) *Report { t.Error("a report is begun after the end"); return nil }) != nil {
			t.Error("there is a report")
		}
	})
}
