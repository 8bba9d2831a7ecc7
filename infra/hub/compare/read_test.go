package compare_test

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	"commerce-segment/infra/hub/compare"
)

// read returns what Read makes of a text, each message on a line, and its error.
func read(text string) (messages string, err error) {
	var lines []string
	for m, err := range compare.Read(strings.NewReader(text)) {
		if err != nil {
			return strings.Join(lines, "\n"), err
		}
		lines = append(lines, string(m.JSON()))
	}
	return strings.Join(lines, "\n"), nil
}

func TestMessagesAreReadInEveryForm(t *testing.T) {
	const a, b = `{"type":"track","event":"A [{\"x"}`, `{"type":"identify","userId":"b"}`
	for name, text := range map[string]string{
		"JSON lines":                     a + "\n" + b + "\n",
		"lines that end as on Windows":   a + "\r\n" + b,
		"objects with nothing between":   a + b,
		"a byte order mark":              "\uFEFF" + a + "\n" + b,
		"a list":                         "[" + a + ", " + b + "]",
		"a list on each line":            "[" + a + "]\n[]\n[" + b + "]\n",
		"a batch":                        `{"batch":[` + a + "," + b + `],"sentAt":"2026-11-01T00:00:00Z"}`,
		"a list of batches, as an inbox": "[\n  {\"batch\": [" + a + "]},\n  {\"path\": \"/v1/identify\", \"batch\": [" + b + "]}\n]\n",
		"gzip":                           gzipped(a + "\n" + b),
	} {
		if got, err := read(text); err != nil || got != a+"\n"+b {
			t.Errorf("%s: it reads\n%s\n%v", name, got, err)
		}
	}
	if got, err := read(" \n"); got != "" || err != nil {
		t.Errorf("of nothing it reads %q, %v", got, err)
	}
}

func gzipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

func TestAnErrorNamesTheLineAndWhatIsWrong(t *testing.T) {
	const good = `{"type":"track","event":"A"}` + "\n"
	for name, c := range map[string]struct{ text, want string }{
		"a table":                       {good + "event,order\n", `line 2: found 'e' where a JSON object must begin`},
		"a number in a list":            {"[\n" + good + ",\n7]", `line 4: found '7' where a JSON object must begin`},
		"no comma in a list":            {"[" + good + good + "]", `line 2: found '{' where`},
		"two commas":                    {"[" + good + ",,", `line 2: found ',' where`},
		"another object":                {good + `{"id":"7"}`, `line 2: it has no "type"`},
		"another type":                  {`{"type":"order"}`, "line 1: its type is none of track, identify"},
		"an event without a name":       {good + good + `{"type":"track"}`, `line 3: it is a track call without the name of an "event"`},
		"a message of a batch":          {"\n" + `{"batch":[{"type":"track","event":"A"},{"type":"x"}]}`, "line 2, message 2 of the batch: its type"},
		"a batch with a number":         {`{"batch":[7]}`, "line 1, message 1 of the batch: it is not a JSON object"},
		"a text that goes on":           {good + `{"type":"track` + "\n", "line 2: a string is not closed on its line"},
		"invalid JSON in a later line":  {"{\n\"type\": \"track\",\n oops}", "line 3: it is not the JSON of a message"},
		"a file that is cut off":        {good + good + `{"type":"track",`, "line 3: the object that begins here has no end"},
		"a list that is cut off":        {"\n[" + good, "line 2: the list that begins here has no end"},
		"gzip that is cut off":          {gzipped(strings.Repeat(good, 100))[:60], "unexpected EOF"},
		"what only begins like gzip":    {"\x1f\x8bxxxxxxxxxxxx", "begins like a gzip file, but cannot be decompressed"},
		"an object without an end soon": {`{"type":"` + strings.Repeat("x", 5<<20), "line 1: the object that begins here is over 4 MB"},
	} {
		if _, err := read(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: the error is %v, want %q in it", name, err, c.want)
		}
	}
}
