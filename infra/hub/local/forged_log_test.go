package local

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheLogHasOneForgedWebhookInAMinuteAndAfterEachAcceptedOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		log := slog.New(&forgedLog{Handler: slog.NewTextHandler(&text, nil)})
		forge := func(times int) {
			for range times {
				log.Warn("accept", "tracking", "order-completed", "outcome", "forged")
			}
		}
		forge(1000)
		log.Info("accept", "tracking", "order-completed", "outcome", "accepted")
		forge(10)
		log.Error("deliver", "tracking", "order-completed", "outcome", "failed", "reason", "forged")
		time.Sleep(2 * forgedInterval)
		synctest.Wait()
		forge(1) // without another one in the same minute
		time.Sleep(2 * forgedInterval)
		synctest.Wait()
		forge(3)
		time.Sleep(2 * forgedInterval)
		synctest.Wait()
		var got []string
		for line := range strings.Lines(text.String()) {
			_, line, _ = strings.Cut(line, "msg=")
			got = append(got, line)
		}
		want := `accept tracking=order-completed outcome=forged
accept tracking=order-completed outcome=accepted
accept tracking=order-completed outcome=forged
deliver tracking=order-completed outcome=failed reason=forged
"more webhooks with a wrong key, which are not logged" count=1008 within=1m0s
accept tracking=order-completed outcome=forged
accept tracking=order-completed outcome=forged
"more webhooks with a wrong key, which are not logged" count=2 within=1m0s
`
		if strings.Join(got, "") != want {
			t.Errorf("the log has\n%s want\n%s", strings.Join(got, ""), want)
		}
	})
}
