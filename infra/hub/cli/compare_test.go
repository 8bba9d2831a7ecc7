package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/commercetest"
	"commerce-segment/infra/hub/hubtest"
)

// completed returns an Order Completed of another connector.
func completed(order, user, revenue string, at time.Time) string {
	return fmt.Sprintf(`{"type":"track","event":"order completed","messageId":"t-%[1]s","userId":%[2]q,"timestamp":%[4]q,`+
		`"properties":{"orderId":%[1]q,"revenue":%[3]s,"currency":"EUR"}}`, order, user, revenue, at.UTC().Format(time.RFC3339))
}

// theirFile writes messages of another connector into a file.
func theirFile(t *testing.T, messages ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "theirs.jsonl")
	hubtest.WriteFile(t, file, strings.Join(messages, "\n")+"\n")
	return file
}

func TestCompareMakesOursFromCommerce(t *testing.T) {
	shop := commercetest.Start(t)
	dir := filepath.Join(t.TempDir(), ".hub")
	hubtest.WriteFile(t, filepath.Join(dir, "segment/write-key"), "a-sources-key")
	connect(t, dir, shop, "http://127.0.0.1:1")
	both, _, day := addSale(shop, 12000)
	lost, _, _ := addSale(shop, 131000)
	noon := day.Add(12 * time.Hour)
	theirs := theirFile(t, completed(both, "ada@example.com", "12000", noon.Add(time.Minute)), completed(lost+"-x", "b", "1", noon))

	got := command(t, "", "compare", theirs, "--dir", dir)
	for _, want := range []string{
		"Theirs: 2 messages in " + theirs + ", from ",
		"Ours: 4 messages, from Commerce, by the templates of the directory " + dir + ".\n",
		"EVENT THEIRS OURS PAIRED SAME ONLY THEIRS ONLY OURS REPEATED NOT PAIRED\n" +
			"Checkout Started 0 2 0 0 - 2 - -\nOrder Completed 2 2 1 0 1 1 - -\n",
		"named differently event Order Completed 1 of 1 " + both + "\n",
		"named differently properties.order_id Order Completed 1 of 1 " + both + "\n",
		"another value userId Order Completed 1 of 1 " + both + "\n",
		"later in theirs by 1m0s timestamp Order Completed 1 of 1 " + both + "\n",
		"only in theirs the whole event Order Completed 1 of 2 " + lost + "-x\n",
		"1 pair with another userId: after a switch",
		"Order Completed EUR 12001.00 1390.00 10611.00 100 times larger in theirs and tax included in theirs 11900.00 (1 event), only in ours -1290.00 (1 event), only in theirs 1.00 (1 event)\n",
	} {
		if got.code != exitDone || !strings.Contains(unpadded(got.stdout), want) {
			t.Errorf("it prints\n%s%s\nwant\n%s", unpadded(got.stdout), got.stderr, want)
		}
	}

	pair := command(t, "", "compare", theirs, "--dir", dir, "--order", both)
	for _, want := range []string{"Order Completed of " + both + "\n", "properties.revenue 12000 100 another value\n", `properties.order_id "orderId" "order_id" named differently` + "\n", `userId "•••" "` + both + `" another value` + "\n", "Theirs:\n{\n", "Ours:\n{\n"} {
		if pair.code != exitDone || !strings.Contains(unpadded(pair.stdout), want) || strings.Contains(pair.stdout, "ada@") {
			t.Errorf("with --order it prints\n%s%s\nwant\n%s", unpadded(pair.stdout), pair.stderr, want)
		}
	}
	if shown := command(t, "", "compare", theirs, "--dir", dir, "--order", both, "--show-personal"); !strings.Contains(shown.stdout, `"ada@example.com"`) {
		t.Errorf("with --show-personal it prints\n%s%s", shown.stdout, shown.stderr)
	}
	if none := command(t, "", "compare", theirs, "--dir", dir, "--order", "none"); none.code != exitFailed || !strings.Contains(none.stderr, "no pair of messages is about none") {
		t.Errorf("for another order it says %+v", none)
	}
}

func TestCompareReadsOursFromAFile(t *testing.T) {
	now := time.Now()
	theirs, ours := theirFile(t, completed("1", "a", `"100"`, now)), theirFile(t, completed("1", "a", "100", now))
	if got := command(t, "", "compare", theirs, "--ours", theirs); got.code != exitDone || !strings.Contains(got.stdout, "There is no difference.\n") {
		t.Errorf("of the same file it prints\n%s%s", got.stdout, got.stderr)
	}
	if got := command(t, "", "compare", theirs, "--ours", ours, "--csv"); got.code != exitDone ||
		got.stdout != "difference,field,event,events,of,examples\n\"text in theirs, number in ours\",properties.revenue,order completed,1,1,1\n" {
		t.Errorf("as CSV it prints\n%s%s", got.stdout, got.stderr)
	}
	content, err := os.ReadFile(theirs)
	if err != nil {
		t.Fatal(err)
	}
	got := command(t, string(content), "compare", "-", "--ours", ours, "--json")
	var c struct {
		Theirs      int
		Differences []struct{ Kind string }
	}
	if err := json.Unmarshal([]byte(got.stdout), &c); err != nil || c.Theirs != 1 || len(c.Differences) != 1 {
		t.Errorf("as JSON it prints\n%s%s\n%v", got.stdout, got.stderr, err)
	}
	connected := filepath.Join(t.TempDir(), ".hub")
	connect(t, connected, commercetest.Start(t), "http://127.0.0.1:1")
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "name the file with the messages of the other connector"},
		{[]string{theirs + "-none"}, "no such file"},
		{[]string{theirFile(t, `{"id":7}`)}, `line 1: it has no "type"`},
		{[]string{theirFile(t), "--ours", ours}, "it contains no messages"},
		{[]string{theirFile(t), "--dir", connected}, "it contains no messages"},
		{[]string{theirs, "--listen", "127.0.0.1:0", "--save", ours}, "compares no file"},
		{[]string{"--listen", "127.0.0.1:0"}, "save"},
		{[]string{theirs, "--dir", t.TempDir(), "--addr", "127.0.0.1:1"}, "there is nothing to compare with: the store is not connected to Commerce"},
	} {
		if got := command(t, "", append([]string{"compare"}, c.args...)...); got.code != exitFailed || !strings.Contains(got.stderr, c.want) {
			t.Errorf("with %v it says %+v", c.args, got)
		}
	}
}

func TestCompareReadsTheInboxOfAHubWithoutCommerce(t *testing.T) {
	h := start(t)
	shop := commercetest.Start(t)
	order, webhook, day := addSale(shop, 12000)
	h.Webhook("order-completed", webhook)
	hubtest.Eventually(t, "the message is in the inbox", func() bool {
		_, inbox := h.Request("GET", "/inbox", "")
		return strings.Contains(inbox, order)
	}, h.Stdout, h.Stderr)
	got := command(t, "", "compare", theirFile(t, completed(order, order, "100", day.Add(12*time.Hour))), h.AddrFlag(), "--dir", h.Dir)
	if got.code != exitDone || !strings.Contains(unpadded(got.stdout), "Ours: 1 message, from the inbox of the hub at "+h.URL) ||
		!strings.Contains(unpadded(got.stdout), "Order Completed 1 1 1 0 - - - -\n") {
		t.Errorf("it prints\n%s%s", got.stdout, got.stderr)
	}
}

var receivingAt = regexp.MustCompile(`Receiving messages at (http://\S+/segment),`)

func TestCompareListensForMessagesOfSegment(t *testing.T) {
	file := filepath.Join(t.TempDir(), "theirs.jsonl")
	ctx, stop := context.WithCancel(t.Context())
	var stdout hubtest.Log
	ended := make(chan int)
	go func() {
		ended <- run(ctx, []string{"compare", "--listen", "127.0.0.1:0", "--save", file}, strings.NewReader(""), &stdout, io.Discard)
	}()
	hubtest.Eventually(t, "it says where it listens", func() bool { return receivingAt.MatchString(stdout.String()) }, &stdout, &stdout)
	message := completed("1", "a", "1", time.Now())
	response, err := http.Post(receivingAt.FindStringSubmatch(stdout.String())[1], "application/json", bytes.NewReader([]byte(message)))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	stop()
	if code := <-ended; code != exitDone || !strings.HasSuffix(stdout.String(), "Received 1 message. To compare: hub compare '"+file+"'\n") {
		t.Errorf("it ends with %d and prints\n%s", code, stdout.String())
	}
	if content, err := os.ReadFile(file); err != nil || string(content) != message+"\n" {
		t.Errorf("the file has %q, %v", content, err)
	}
}
