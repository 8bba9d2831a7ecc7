package words

import (
	"testing"
	"time"
)

func TestATextIsNoFormula(t *testing.T) {
	for _, text := range []string{"=1", "+1", "-1", "@a", "\t=1", "\r=1", "\n=1"} {
		if got := NoFormula(text); got != "'"+text {
			t.Errorf("%q becomes %q", text, got)
		}
	}
	for _, text := range []string{"", "1=1", "order"} {
		if got := NoFormula(text); got != text {
			t.Errorf("%q becomes %q", text, got)
		}
	}
}

func TestTimes(t *testing.T) {
	local := time.Local
	t.Cleanup(func() { time.Local = local })
	time.Local = time.FixedZone("TEST", 2*60*60)
	at := time.Date(2026, 11, 24, 23, 5, 9, 700, time.FixedZone("elsewhere", -60*60))
	for want, got := range map[string]string{
		"2026-11-25 02:05:09 TEST": Clock(at),
		"2026-11-25 02:05 TEST":    ClockMinutes(at),
		"2026-11-25T00:05:09Z":     Moment(at),
	} {
		if got != want {
			t.Errorf("a time is %q, want %q", got, want)
		}
	}
}
