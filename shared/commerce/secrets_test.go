package commerce_test

import (
	"testing"

	"commerce-segment/shared/commerce"
)

func TestVerify(t *testing.T) {
	for _, test := range []struct {
		name      string
		secrets   commerce.Secrets
		presented string
		want      commerce.Verdict
	}{
		{"the secret is genuine", commerce.Secrets{"wick"}, "wick", commerce.Genuine},
		{"the new one of two secrets is genuine", commerce.Secrets{"new", "old"}, "new", commerce.Genuine},
		{"the old one of two secrets is genuine", commerce.Secrets{"new", "old"}, "old", commerce.Genuine},
		{"another key is forged", commerce.Secrets{"wick"}, "flame", commerce.Forged},
		{"another key is forged while a secret is being rotated", commerce.Secrets{"new", "old"}, "older", commerce.Forged},
		{"no key is forged", commerce.Secrets{"wick"}, "", commerce.Forged},
		{"a part of the secret is forged", commerce.Secrets{"wick"}, "wic", commerce.Forged},
		{"the secret in another case is forged", commerce.Secrets{"wick"}, "Wick", commerce.Forged},
		{"without secrets a key is unknown", nil, "wick", commerce.Unknown},
		{"without secrets a missing key is unknown", nil, "", commerce.Unknown},
		{"a blank secret is ignored", commerce.Secrets{""}, "", commerce.Unknown},
		{"a secret of white space is ignored", commerce.Secrets{" \n"}, " \n", commerce.Unknown},
		{"a blank secret after another does not make a missing key genuine", commerce.Secrets{"wick", ""}, "", commerce.Forged},
		{"a blank secret does not hide the one after it", commerce.Secrets{"", "wick"}, "wick", commerce.Genuine},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.secrets.Verify(commerce.DigestOf(test.presented)); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// The zero value is Unknown, so that a verdict that was never set is not Genuine.
func TestVerdictsHaveNames(t *testing.T) {
	for verdict, want := range map[commerce.Verdict]string{
		commerce.Verdict(0): "unknown", commerce.Genuine: "genuine", commerce.Forged: "forged",
	} {
		if got := verdict.String(); got != want {
			t.Errorf("verdict %d is %q, want %q", verdict, got, want)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	secrets := commerce.Secrets{"9f86d081884c7d659a2feaa0c55ad015", "a3bf4f1b2b0b822cd15d6c15b0f00a08"}
	b.ReportAllocs()
	for b.Loop() {
		if secrets.Verify(commerce.DigestOf("9f86d081884c7d659a2feaa0c55ad015")) != commerce.Genuine {
			b.Fatal("not genuine")
		}
	}
}
