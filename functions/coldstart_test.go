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

// maxZip is the largest size of a function's zip file, in bytes. Lambda downloads it at
// every cold start. The deployed file, for arm64, is a tenth smaller than that for amd64.
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

// These packages, or those that they import, slow the start, and no function needs them. A
// newer client of SSM or SQS imports its schemas: see go.mod.
func TestAFunctionImportsNothingThatSlowsItsStart(t *testing.T) {
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
				t.Errorf("it imports %s", name)
			}
		}
	}
}

// zipped returns the size of a file as a zip archive, in bytes.
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

// BenchmarkColdStart starts a function that answers an event, and BenchmarkEmptyStart one
// that does nothing. They measure the time from the start of the process to its first
// request for an event, and to its first answer. Parameter Store and SQS answer
// immediately, so only our own time is measured. The results are medians, because other
// programs disturb the measurement.
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

// measure starts a function and invokes it with one event.
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
