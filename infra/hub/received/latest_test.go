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
