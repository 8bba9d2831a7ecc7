package main

import (
	"strings"
	"testing"
)

func TestItIsSaidWhereDeadLettersAreHidden(t *testing.T) {
	cases := []struct {
		name             string
		looked, expected int
		want             string
	}{
		{"all came", 3, 3, ""},
		{"more came than SQS reckoned with", 4, 3, ""},
		{"somebody else has some", 1, 3, "SQS reckons with 3 dead letters, of which 1 could be looked at."},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var said strings.Builder
			sayWhatIsHidden(&said, c.looked, c.expected)
			if !strings.HasPrefix(said.String(), c.want) || (c.want == "") != (said.Len() == 0) {
				t.Errorf("it says %q, want %q", said.String(), c.want)
			}
		})
	}
}
