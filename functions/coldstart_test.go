package functions_test

import (
	"archive/zip"
	"compress/flate"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/emulator/standin"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// maxZip is how large a function may be, zipped, in bytes. Lambda fetches it at
// every cold start. As it is deployed, for arm64, it is a tenth smaller than for
// amd64.
const maxZip = 5 << 20

func TestAFunctionIsSmall(t *testing.T) {
	for _, tracked := range tracking.All() {
		t.Run(tracked.Name, func(t *testing.T) {
			size := zipped(t, build(t, tracked.Name))
			t.Logf("%.2f MB", float64(size)/1e6)
			if size > maxZip {
				t.Errorf("its zip has %d bytes, more than %d", size, maxZip)
			}
		})
	}
}

// What these packages cost a start, or bring along, no function needs. A newer
// client of SSM or SQS brings its schemas: see go.mod.
func TestAFunctionCarriesNothingThatSlowsItsStart(t *testing.T) {
	output, err := exec.Command("go", "list", "-tags", "lambda.norpc", "-deps", "./"+tracking.OrderCompleted.Name).Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.Lines(string(output)) {
		name = strings.TrimSpace(name)
		for _, unwanted := range []string{
			"github.com/aws/aws-sdk-go-v2/config", "github.com/aws/aws-sdk-go-v2/credentials", "/schemas",
			"github.com/aws/aws-cdk-go", "github.com/spf13/cobra", "text/template", "net/rpc",
		} {
			if strings.Contains(name, unwanted) {
				t.Errorf("it carries %s", name)
			}
		}
	}
}

// zipped is the size of a file as a zip archive, in bytes.
func zipped(t *testing.T, name string) int {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var size counter
	archive := zip.NewWriter(&size)
	archive.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.DefaultCompression)
	})
	w, err := archive.Create(filepath.Base(name))
	if err == nil {
		_, err = w.Write(content)
	}
	if err != nil || archive.Close() != nil {
		t.Fatal(err)
	}
	return int(size)
}

type counter int

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

// BenchmarkColdStart starts a function and has it answer an event, and
// BenchmarkEmptyStart one that does nothing: from the start of the process to its first
// question for an event, and to its first answer. Parameter Store and SQS answer at
// once: what is measured is what is ours. The medians count; other programs disturb
// this one.
//
//	go test -run '^$' -bench Start -benchtime 100x ./functions
func BenchmarkColdStart(b *testing.B) {
	cloud := newCloud(b, standin.Start(b).URL, tracking.OrderCompleted, 30)
	cloud.put(map[string]string{settings.WebhookSecret: secret})
	benchmarkStart(b, tracking.OrderCompleted.Name, cloud.environment())
}

func BenchmarkEmptyStart(b *testing.B) { benchmarkStart(b, "testdata/empty", nil) }

func benchmarkStart(b *testing.B, name string, environment []string) {
	tracked := tracking.OrderCompleted
	event := post(tracked, secret, samplesOf(b, tracked)[0].Body)
	var asked, answered []time.Duration
	for b.Loop() {
		toNext, toAnswer := measure(b, name, event, environment)
		asked, answered = append(asked, toNext), append(answered, toAnswer)
	}
	b.ReportMetric(float64(median(answered)), "ns/op")
	b.ReportMetric(median(asked).Seconds()*1e3, "ms-to-next")
}

func median(values []time.Duration) time.Duration {
	slices.Sort(values)
	return values[len(values)/2]
}

// measure starts a function and has it answer one event.
func measure(b *testing.B, name string, event any, environment []string) (asked, answered time.Duration) {
	payload, err := json.Marshal(event)
	if err != nil {
		b.Fatal(err)
	}
	build(b, name)
	started := time.Now()
	function, stop := launch(b, name, environment...)
	defer stop()
	<-function.asked
	asked = time.Since(started)
	if outcome := function.invoke(b, payload); outcome.failed || name != "testdata/empty" && !strings.Contains(string(outcome.body), "202") {
		b.Fatalf("%s answers %s", name, outcome.body)
	}
	return asked, time.Since(started)
}
