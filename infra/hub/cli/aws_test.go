package cli

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"commerce-segment/infra/commercetest"
	"commerce-segment/infra/emulator"
	"commerce-segment/infra/hub/console"
	"commerce-segment/infra/hub/deadletters"
	"commerce-segment/infra/hub/doctor"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/health"
	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/stack/outputs"
	"commerce-segment/infra/stack/runbook"
	"commerce-segment/shared/metrics"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
)

// shop is the prefix of the deployed store.
const shop = "/commerce-segment"

// startAWS starts an emulator of AWS, and sets the environment so that the SDK uses it.
func startAWS(t *testing.T) *emulator.Emulator {
	t.Helper()
	aws := emulator.Start(t)
	for _, variable := range emulator.Environment(aws.URL) {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	return aws
}

// deploy deploys the stack with the CDK CLI, as an operator does.
func deploy(t *testing.T, aws *emulator.Emulator) {
	t.Helper()
	output := t.TempDir()
	aws.CDK(t, output, "bootstrap", "aws://"+emulator.Account+"/"+emulator.Region)
	architecture := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH] // its programs are already compiled
	aws.CDK(t, output, "deploy", "--method=direct", "--require-approval=never", "-c", "architecture="+architecture)
}

// parametersOf returns the values and the types of the parameters in Parameter Store.
func parametersOf(t *testing.T, aws *emulator.Emulator) (values, types map[string]string) {
	t.Helper()
	values, types = map[string]string{}, map[string]string{}
	for token := any(""); token != nil; {
		request := map[string]any{"Path": shop, "Recursive": true, "WithDecryption": true}
		if token != "" {
			request["NextToken"] = token
		}
		answer := aws.Call(t, "ssm", "get_parameters_by_path", request)
		for _, one := range answer["Parameters"].([]any) {
			parameter := one.(map[string]any)
			name := strings.TrimPrefix(parameter["Name"].(string), shop+"/")
			values[name], types[name] = parameter["Value"].(string), parameter["Type"].(string)
		}
		token = answer["NextToken"]
	}
	return values, types
}

// The parts are the work of an operator: deploy, configure, check, edit a template, rotate
// the secret, redrive dead letters, read the log.
func TestAnOperatorSetsUpAndOperatesADeployedStore(t *testing.T) {
	aws := startAWS(t)
	deploy(t, aws)
	hub := func(code int, args ...string) result {
		t.Helper()
		got := command(t, "", args...)
		if got.code != code {
			t.Errorf("hub %s exits %d, want %d:\n%s%s", strings.Join(args, " "), got.code, code, got.stdout, got.stderr)
		}
		noSecret(t, got)
		return got
	}
	part(t, "doctor before configure", examineUnconfigured)
	part(t, "alarms", func(t *testing.T) { subscribeToAlarms(t, aws) })
	part(t, "limits", func(t *testing.T) { readLimits(t, aws) })
	part(t, "configure", func(t *testing.T) { configureDeployed(t, aws, hub) })
	part(t, "doctor after configure", examineConfigured)
	part(t, "settings", func(t *testing.T) { showDeployed(t, aws, hub) })
	part(t, "templates", func(t *testing.T) { editTemplates(t, aws, hub) })
	part(t, "retry", func(t *testing.T) { retryDeployed(t, aws, hub) })
	disconnectQueues(t, aws)
	part(t, "rotate", func(t *testing.T) { rotateDeployed(t, aws, hub) })
	part(t, "deadletters", func(t *testing.T) { redriveDeadLetters(t, hub) })
	part(t, "executions", func(t *testing.T) { readDeployedLog(t, aws, hub) })
	part(t, "alarm", func(t *testing.T) { raiseAnAlarm(t, aws, hub) })
}

// subscribeToAlarms checks that the pages and the commands say that the alarms reach no one,
// until an address is subscribed.
func subscribeToAlarms(t *testing.T, aws *emulator.Emulator) {
	const noOne = "The alarms reach no one: their topic has no subscription."
	topic := aws.Call(t, "sns", "list_topics", nil)["Topics"].([]any)[0].(map[string]any)["TopicArn"]
	says := func() map[string]bool {
		return map[string]bool{
			"hub status": strings.Contains(command(t, "", "status", "--prefix", shop).stdout, noOne),
			"hub doctor": slices.ContainsFunc(examined(t, exitBroken, "--prefix", shop)["health"], func(f doctor.Finding) bool { return f.Says == noOne }),
			"Finish":     strings.Contains(consolePage(t, "/finish"), noOne),
		}
	}
	for where, said := range says() {
		if !said {
			t.Errorf("%s does not say that the alarms reach no one", where)
		}
	}
	aws.Call(t, "sns", "subscribe", map[string]any{"TopicArn": topic, "Protocol": "email", "Endpoint": "on-call@example.com"})
	for where, said := range says() {
		if said {
			t.Errorf("%s says that the alarms reach no one, and an address is subscribed", where)
		}
	}
}

// readLimits checks that the doctor reads the limits of the account, and counts how often they
// were reached.
func readLimits(t *testing.T, aws *emulator.Emulator) {
	putMetric(t, aws, "AWS/Lambda", "Throttles", "FunctionName", "commerce-segment-order-updated", time.Now().Add(-3*time.Hour), 4)
	limits := fmt.Sprint(examined(t, exitBroken, "--prefix", shop)["limits"])
	for _, says := range []string{"the account can run 10 functions at the same time in us-east-1", "did not start 4 executions in the last 7 days", "--desired-value 1000"} {
		if !strings.Contains(limits, says) {
			t.Errorf("hub doctor does not say %q: %s", says, limits)
		}
	}
}

// putMetric writes a value of a metric.
func putMetric(t *testing.T, aws *emulator.Emulator, namespace, name, dimension, value string, at time.Time, n int) {
	t.Helper()
	aws.Call(t, "cloudwatch", "put_metric_data", map[string]any{"Namespace": namespace, "MetricData": []any{map[string]any{
		"MetricName": name, "Dimensions": []any{map[string]any{"Name": dimension, "Value": value}}, "Timestamp": at.UTC().Format(time.RFC3339), "Value": n,
	}}})
}

// raiseAnAlarm checks that an alarm is a problem with its words, and that silence is found by
// the metric of the last days.
func raiseAnAlarm(t *testing.T, aws *emulator.Emulator, hub hubCommand) {
	aws.Call(t, "cloudwatch", "set_alarm_state", map[string]any{"AlarmName": "commerce-segment-order-updated-age", "StateValue": "ALARM", "StateReason": "a test"})
	now := time.Now()
	if got := hub(exitDegraded, "status", "--prefix", shop); !strings.Contains(got.stdout, "The alarm age has been on for order-updated since ") ||
		!strings.Contains(got.stdout, runbook.Age.Means) || !strings.Contains(got.stdout, "→ hub doctor --prefix "+shop+"\n") {
		t.Errorf("hub status says\n%s", got.stdout)
	}
	for day := 1; day <= 7; day++ {
		putMetric(t, aws, metrics.Namespace, metrics.Accepted, metrics.DimensionPrefix, shop, now.AddDate(0, 0, -day).Add(-time.Hour), 4+day)
	}
	s, err := store.OpenDeployed(t.Context(), shop)
	if err != nil {
		t.Fatal(err)
	}
	quiet := health.Source{Store: s, Log: &executions.Memory{}}.Judge(t.Context(), now)
	if says := "On each of the last 7 days, 5 to 11 came in the same hours."; !slices.ContainsFunc(quiet.Problems, func(p health.Problem) bool { return p.Key == "silent" && strings.HasSuffix(p.Says, says) }) {
		t.Errorf("without a webhook today the problems are %+v", quiet.Problems)
	}
}

// In a store that is deployed and not configured, the only faults are the settings without
// which no event can be delivered.
func examineUnconfigured(t *testing.T) {
	found := examined(t, exitBroken, "--prefix", shop)
	has(t, found, map[string]doctor.State{
		"store": doctor.OK, "settings": doctor.OK, "segment": doctor.Fault, "commerce": doctor.Warning, "webhooks": doctor.Note, "secret": doctor.Fault,
		"templates": doctor.OK, "events": doctor.Note, "clock": doctor.OK, "version": doctor.OK,
	})
	for _, f := range found["health"] {
		if f.State == doctor.OK || f.State == doctor.Fault { // the checks segment and secret report the faults
			t.Errorf("a finding of health is %+v", f)
		}
	}
	if got := command(t, "", "status", "--prefix", shop); got.code != exitBroken ||
		!strings.Contains(got.stdout, "there is no write key (segment/write-key); there is no webhook secret (commerce/webhook-secret).") {
		t.Errorf("hub status exits %d:\n%s%s", got.code, got.stdout, got.stderr)
	}
}

func retryDeployed(t *testing.T, aws *emulator.Emulator, hub hubCommand) {
	says := func(code int, want string, args ...string) {
		t.Helper()
		if got := hub(code, append([]string{"retry", "--prefix", shop}, args...)...); !strings.Contains(got.stdout+got.stderr, want) {
			t.Errorf("hub retry %s says\n%s%s", strings.Join(args, " "), got.stdout, got.stderr)
		}
	}
	says(exitDone, "No event is retried.")
	q := queuesOf(t, tracking.OrderCancelled)
	item := relay.Item{Receives: 1, Fresh: true, Envelope: relay.Envelope{Received: time.Now(), Body: []byte(`{}`)}}
	if err := spool.NewSQS(q.client, q.urls).Retry(t.Context(), item, relay.Next{Reason: "segment_500"}); err != nil {
		t.Fatal(err)
	}
	says(exitDone, "Attempted now: about 1 event.")
	says(exitDone, "No event is retried.", "--tracking", "order-completed")
	says(exitFailed, "cannot select events by their ids", "o-1")
	hub(exitDone, "pause", "order-cancelled", "--prefix", shop)
	says(exitDone, "Order Cancelled is paused since")
	hub(exitDone, "resume", "order-cancelled", "--prefix", shop)
	for _, url := range []string{q.urls.Queue, q.urls.Waiting} {
		aws.Call(t, "sqs", "purge_queue", map[string]any{"QueueUrl": url})
	}
}

func examineConfigured(t *testing.T) {
	store := commercetest.Start(t)
	for name, value := range map[string]string{"COMMERCE_CLIENT_SECRET": commercetest.ClientSecret, "SEGMENT_WRITE_KEY": ""} {
		t.Setenv(name, value)
	}
	connect := command(t, "", "configure", "--prefix", shop, "--commerce-url", store.URL, "--commerce-client-id", commercetest.ClientID)
	sync := command(t, "", "webhooks", "sync", "--yes", "--prefix", shop)
	if connect.code != exitDone || sync.code != exitDone {
		t.Fatalf("the store is not connected:\n%s\n%s", connect.stderr, sync.stderr)
	}
	has(t, examined(t, exitDone, "--prefix", shop), map[string]doctor.State{
		"segment": doctor.OK, "commerce": doctor.OK, "webhooks": doctor.OK, "secret": doctor.OK, "templates": doctor.OK, "clock": doctor.OK,
	})
}

// disconnectQueues keeps the emulator from calling the functions with the events on their
// queues, which it does if Docker runs.
func disconnectQueues(t *testing.T, aws *emulator.Emulator) {
	t.Helper()
	for _, mapping := range aws.Call(t, "lambda", "list_event_source_mappings", nil)["EventSourceMappings"].([]any) {
		aws.Call(t, "lambda", "delete_event_source_mapping", map[string]any{"UUID": mapping.(map[string]any)["UUID"]})
	}
}

// part runs one part of the test. Later parts need it, so its failure ends the test.
func part(t *testing.T, name string, run func(t *testing.T)) {
	t.Helper()
	if !t.Run(name, run) {
		t.FailNow()
	}
}

// hubCommand runs the hub, and fails the test if it has another exit code or prints a secret.
type hubCommand func(code int, args ...string) result

func configureDeployed(t *testing.T, aws *emulator.Emulator, hub hubCommand) {
	before, _ := parametersOf(t, aws)
	t.Setenv("SEGMENT_WRITE_KEY", "PLANTED-key")
	t.Setenv("COMMERCE_CLIENT_SECRET", "PLANTED-client")
	got := hub(exitDone, "configure", "--prefix", shop, "--untested", "--commerce-url", "https://euwest.api.elasticpath.com", "--commerce-client-id", "my-id",
		"--segment-host", "https://api.segment.io", "--disable", "order-updated", "--events", "order-completed=order.fulfilled")

	after, types := parametersOf(t, aws)
	secret := after["commerce/webhook-secret"]
	want := maps.Clone(before)
	maps.Copy(want, map[string]string{
		"segment/write-key": `{"value":"PLANTED-key","with":{"segment/host":"https://api.segment.io","segment/path":"/v1/batch"}}`,
		"commerce/client-secret": `{"value":"https://euwest.api.elasticpath.com PLANTED-client",` +
			`"with":{"commerce/client-id":"my-id","commerce/token-url":"https://euwest.api.elasticpath.com/oauth/access_token"}}`,
		"commerce/client-id": "my-id", "saving": "no",
		"commerce/token-url": "https://euwest.api.elasticpath.com/oauth/access_token", "commerce/webhook-secret": secret,
		"tracking/order-updated/enabled": "false", "tracking/order-completed/events": "order.fulfilled",
	})
	if len(secret) != 64 || !maps.Equal(after, want) {
		t.Errorf("the parameters are\n%q\nwant\n%q", after, want)
	}
	for name, want := range map[string]string{
		"segment/write-key": "SecureString", "commerce/client-secret": "SecureString", "commerce/webhook-secret": "SecureString",
		"commerce/client-id": "String", "tracking/order-completed/events": "StringList",
	} {
		if types[name] != want {
			t.Errorf("%s is a %s, want a %s", name, types[name], want)
		}
	}
	if strings.Contains(got.stdout, secret) || strings.Count(got.stdout, "wrote ") != 7 {
		t.Errorf("it says\n%s", got.stdout)
	}
	for _, says := range []string{"In effect within 75 seconds", "hub webhooks sync --prefix /commerce-segment\n", "aws ssm get-parameter --region us-east-1 --with-decryption --query Parameter.Value --output text --name /commerce-segment/commerce/webhook-secret\n",
		"  order.fulfilled ", "/webhooks/order-completed\n"} {
		if !strings.Contains(got.stdout, says) {
			t.Errorf("it does not say %q:\n%s", says, got.stdout)
		}
	}
	if strings.Contains(got.stdout, "/webhooks/order-updated") {
		t.Errorf("it lists the webhook of a tracking that is disabled:\n%s", got.stdout)
	}

	if again := hub(exitDone, "configure", "--prefix", shop+"/"); !strings.Contains(again.stdout, "Nothing to write") {
		t.Errorf("a second time it says\n%s", again.stdout)
	}
	if again, _ := parametersOf(t, aws); !maps.Equal(again, after) {
		t.Errorf("after a second time the parameters are\n%q", again)
	}
}

func showDeployed(t *testing.T, aws *emulator.Emulator, hub hubCommand) {
	for _, name := range []string{"/eu/segment/host", "/eu/segment/hots", "/eu/templates/order-completed"} { // of another store
		aws.Call(t, "ssm", "put_parameter", map[string]any{"Name": shop + name, "Value": "PLANTED-other", "Type": "String"})
	}
	aws.Call(t, "ssm", "put_parameter", map[string]any{"Name": shop + "/segment/writekey", "Value": "PLANTED-misspelled", "Type": "String"})
	got := hub(exitDone, "settings", "--prefix", shop)
	for _, part := range []string{"segment/writekey ", "nothing reads it", " order.fulfilled ", "Parameter Store in us-east-1, below /commerce-segment"} {
		if !strings.Contains(got.stdout+got.stderr, part) {
			t.Errorf("it does not show %q:\n%s", part, got.stdout)
		}
	}
	if strings.Contains(got.stdout, "eu/") {
		t.Errorf("it shows another store's:\n%s", got.stdout)
	}
	var list []store.Setting
	if err := json.Unmarshal([]byte(hub(exitDone, "settings", "--json", "--prefix", shop).stdout), &list); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		check func(store.Setting) bool
	}{
		{"segment/write-key", func(s store.Setting) bool { return s.Secret && s.Set && s.Version == 1 && s.Value == "" && !s.Default }},
		{"segment/host", func(s store.Setting) bool { return s.Default && s.Set && s.Value == "https://api.segment.io" }},
		{"tracking/order-updated/enabled", func(s store.Setting) bool { return s.Version == 2 && s.Value == "false" && !s.Default }},
		{"templates/order-completed", func(s store.Setting) bool {
			return s.Default && s.Modified != nil && time.Since(*s.Modified) < time.Hour
		}},
		{"segment/writekey", func(s store.Setting) bool { return s.Unknown && s.Value == "" }},
	} {
		i := slices.IndexFunc(list, func(s store.Setting) bool { return s.Name == c.name })
		if i < 0 || !c.check(list[i]) {
			t.Errorf("%s is shown as %+v", c.name, list[max(i, 0)])
		}
	}
}

func editTemplates(t *testing.T, aws *emulator.Emulator, hub hubCommand) {
	files := t.TempDir()
	in := func(command string, args ...string) []string {
		return append([]string{"templates", command, "--prefix", shop, "--files", files}, args...)
	}
	hub(exitDone, in("pull")...)
	hub(exitDone, in("diff")...)

	file := filepath.Join(files, "order-completed.jsonata")
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	edited := strings.Replace(string(content), `"event": "Order Completed"`, `"event": "Sold"`, 1)
	hubtest.WriteFile(t, file, edited)
	if got := hub(exitFailed, in("diff")...); !strings.Contains(got.stdout, "\n+    \"event\": \"Sold\",\n") {
		t.Errorf("the difference is\n%s", got.stdout)
	}
	got := hub(exitDone, in("push")...)
	if strings.Count(got.stdout, "wrote ") != 1 || !strings.Contains(got.stdout, "wrote templates/order-completed\n") {
		t.Errorf("it says\n%s", got.stdout)
	}
	hub(exitDone, in("diff")...)

	hubtest.WriteFile(t, file, `{"event": "Sold", "properties": $commerce("/v2/orders/" & payload.data.id).data}`)
	if got := hub(exitDone, in("push", "--yes")...); !strings.Contains(got.stderr, "Note: templates/order-completed: it calls $commerce, and this function may not read") {
		t.Errorf("it says\n%s", got.stderr)
	}
	hubtest.WriteFile(t, file, edited)
	if got := hub(exitDone, in("push")...); got.stderr != "" {
		t.Errorf("it says\n%s", got.stderr)
	}

	hubtest.WriteFile(t, file, "{")
	hub(exitFailed, in("push")...)
	if after, _ := parametersOf(t, aws); after["templates/order-completed"] != edited {
		t.Errorf("the template is %s", after["templates/order-completed"])
	}

	versions := hub(exitDone, "templates", "versions", "order-completed", "--prefix", shop)
	lines := strings.Split(strings.TrimSpace(versions.stdout), "\n")
	newest, oldest := lines[1], lines[len(lines)-1]
	if len(lines) != 5 || !strings.HasPrefix(newest, "4 ") || !strings.HasSuffix(newest, " live") ||
		!strings.HasPrefix(oldest, "1 ") || !strings.HasSuffix(oldest, " the default") {
		t.Errorf("the versions are\n%s", versions.stdout)
	}
	hub(exitDone, "templates", "restore", "order-completed", "1", "--prefix", shop)
	if after, _ := parametersOf(t, aws); !store.SameText(after["templates/order-completed"], string(content)) {
		t.Errorf("the template is %s", after["templates/order-completed"])
	}
}

func rotateDeployed(t *testing.T, aws *emulator.Emulator, hub hubCommand) {
	secrets := func() []string {
		after, types := parametersOf(t, aws)
		if types["commerce/webhook-secret"] != "SecureString" {
			t.Errorf("the webhook secret is a %s", types["commerce/webhook-secret"])
		}
		return store.Lines(after["commerce/webhook-secret"])
	}
	old := secrets()
	t.Setenv("COMMERCE_WEBHOOK_SECRET", "PLANTED-new")
	got := hub(exitDone, "rotate", "--prefix", shop, "--no-wait")
	if both := secrets(); !slices.Equal(both, []string{"PLANTED-new", old[0]}) {
		t.Errorf("begun, the secrets are %q", both)
	}
	if !strings.Contains(got.stdout, "hub rotate --finish --prefix /commerce-segment") {
		t.Errorf("it says\n%s", got.stdout)
	}
	queuesOf(t, tracking.CustomerCreated).put()
	if got := hub(exitDone, "rotate", "--prefix", shop, "--finish"); !strings.Contains(got.stderr, "Still to be delivered: about 1 event.") {
		t.Errorf("it does not warn that an event is still to be delivered: %s", got.stderr)
	}
	if left := secrets(); !slices.Equal(left, []string{"PLANTED-new"}) {
		t.Errorf("finished, the secrets are %q", left)
	}
}

func redriveDeadLetters(t *testing.T, hub hubCommand) {
	if got := hub(exitDone, "deadletters", "list", "--prefix", shop); got.stdout != "There are no dead letters.\n" {
		t.Errorf("at first it says\n%s", got.stdout)
	}
	completed, updated := queuesOf(t, tracking.OrderCompleted), queuesOf(t, tracking.OrderUpdated)
	completed.fail("message_invalid", "order-1")
	completed.fail("message_invalid", "order-2")
	completed.fail("segment_400", "order-3")
	updated.fail("message_invalid", "order-4")

	if got := hub(exitDegraded, "status", "--prefix", shop); !strings.Contains(got.stdout, "There are 4 dead letters") {
		t.Errorf("hub status says\n%s", got.stdout)
	}
	got := hub(exitDone, "deadletters", "list", "--prefix", shop)
	for _, part := range []string{
		"order-completed message_invalid order-1 ", " s no user\n", "order-completed segment_400 order-3 ",
		"\n2 order-completed message_invalid\n", "\n1 order-completed segment_400\n", "\n1 order-updated message_invalid\n",
		"\nmessage_invalid: The template makes messages that Segment would drop. ", "→ Fix the template, or restore an older version of it.", "\nTo send them again: hub deadletters redrive --reason REASON --prefix /commerce-segment\n",
	} {
		if !strings.Contains(unpadded(got.stdout), part) {
			t.Errorf("the list does not show %q:\n%s", part, got.stdout)
		}
	}
	var letters []deadletters.Summary
	if err := json.Unmarshal([]byte(hub(exitDone, "deadletters", "list", "--prefix", shop, "--json", "--tracking", "order-completed", "--reason", "segment_400").stdout), &letters); err != nil ||
		len(letters) != 1 || letters[0].Resource != "order-3" || letters[0].Detail != "no user" || letters[0].Receives != 1 {
		t.Errorf("selected and as JSON: %+v, %v", letters, err)
	}

	got = hub(exitDone, "deadletters", "redrive", "--prefix", shop, "--reason", "message_invalid", "--tracking", "order-completed")
	if !strings.Contains(got.stdout, "of 2 events would be delivered now") || !strings.Contains(got.stdout, "Put back on their queues: 2.\n") || !strings.Contains(got.stderr, "dead letters read: 3 of 3\n") {
		t.Errorf("it says\n%s%s", got.stdout, got.stderr)
	}
	if n := completed.queued(); n != 2 {
		t.Errorf("%d are on the queue again, want 2", n)
	}
	if n := updated.queued(); n != 0 {
		t.Errorf("%d of another tracking are on the queue", n)
	}
	if got := hub(exitDone, "deadletters", "redrive", "--prefix", shop); !strings.Contains(got.stdout, "Put back on their queues: 2.\n") {
		t.Errorf("the rest: it says\n%s", got.stdout)
	}
	if got := hub(exitDone, "deadletters", "redrive", "--prefix", shop); got.stdout != "There are no dead letters.\n" || got.stderr != "" {
		t.Errorf("without dead letters it says\n%s%s", got.stdout, got.stderr)
	}
	hub(exitFailed, "deadletters", "list", "--prefix", shop, "--tracking", "order-paid")
}

// readDeployedLog reads a day of 3,000 webhooks in the functions' logs.
func readDeployedLog(t *testing.T, aws *emulator.Emulator, hub hubCommand) {
	now := time.Now().UTC()
	var lines []logLine
	for i := range 1500 {
		received := now.Add(-time.Duration(i) * 50 * time.Second)
		order := fmt.Sprintf("order-%d", i)
		lines = append(lines, acceptedBy(order, received), delivered(order, received, received.Add(2*time.Second), 1))
	}
	for i := range 1500 {
		at := now.Add(-time.Duration(i) * 50 * time.Second)
		lines = append(lines, logLine{at, fmt.Sprintf(
			`{"timestamp":%q,"level":"WARN","message":"accept","tracking":"order-completed","outcome":"forged","bytes":10,"ms":1,"requestId":"r"}`, stamp(at))})
	}
	late := now.Add(-time.Hour - time.Second)
	lines = append(lines, acceptedBy("order-late", late), retrying("order-late", late, late.Add(time.Second)), delivered("order-late", late, late.Add(40*time.Second), 2))
	lines = append(lines, logLine{now, `{"time":"2026-11-24T10:00:00.000Z","type":"platform.report","record":{"requestId":"r","status":"success"}}`})
	putLogLines(t, aws, "/aws/lambda/commerce-segment-order-completed", lines)

	if got := hub(exitDone, "executions", "--prefix", shop); !strings.HasPrefix(unpadded(got.stdout), "RECEIVED TRACKING ") || !strings.Contains(got.stdout, "and 2951 older ones") ||
		!strings.Contains(got.stdout, "3001 webhooks in the last 24 hours: 1501 delivered, 1500 rejected. Event-to-Segment time: median 2.0 s") {
		t.Errorf("it lists\n%s%s", got.stdout, got.stderr)
	}
	var list []executions.Execution
	if err := json.Unmarshal([]byte(hub(exitDone, "executions", "--prefix", shop, "--json", "--outcome", "delivered", "--tracking", "order-completed", "order-late").stdout), &list); err != nil ||
		len(list) != 1 || list[0].Attempts != 2 || len(list[0].Lines) != 3 || list[0].Delay == nil || *list[0].Delay != 40_000 {
		t.Errorf("as JSON: %+v, %v", list, err)
	}
	if got := hub(exitDone, "executions", "--prefix", shop, "--summary"); !strings.Contains(got.stdout, "In the queues now, as SQS estimates: ") || strings.Count(got.stdout, "█") < 21 {
		t.Errorf("the summary is\n%s", got.stdout)
	}
	got := hub(exitDone, "trace", "--prefix", shop, "order-late")
	for _, says := range []string{"Segment received Order Completed.", "40.0 s after the event, at attempt 2, as messageId order-completed:order-late:0-track:ff.", "Attempt 1 failed: segment_503. Next attempt in 31.5s."} {
		if !strings.Contains(got.stdout, says) {
			t.Errorf("trace does not say %q:\n%s", says, got.stdout)
		}
	}
	if got := hub(exitDone, "trace", "--prefix", shop, "order-none"); !strings.Contains(got.stdout, "No webhooks about order-none were received") {
		t.Errorf("for an unknown order it says\n%s", got.stdout)
	}
	for path, says := range map[string]string{
		"/executions":         "In the queues now, as SQS estimates: ",
		"/trace?q=order-late": "Segment received Order Completed.",
	} {
		if page := consolePage(t, path); !strings.Contains(page, says) {
			t.Errorf("the page %s does not say %q:\n%s", path, says, page)
		}
	}
	hub(exitFailed, "executions", "--prefix", shop, "--outcome", "lost")
	hub(exitFailed, "executions", "--prefix", shop, "--since", "yesterday")
}

// consolePage returns a page of the store's console.
func consolePage(t *testing.T, path string) string {
	t.Helper()
	s, err := store.OpenDeployed(t.Context(), shop)
	if err != nil {
		t.Fatal(err)
	}
	c := console.Console{Store: s, Key: "the-key", Log: slog.New(slog.DiscardHandler)}
	request := httptest.NewRequest("GET", path, nil)
	request.Header.Set("Authorization", "Bearer the-key")
	request.RemoteAddr, request.Host = "127.0.0.1:5000", "127.0.0.1:8081"
	answer := httptest.NewRecorder()
	c.Handler().ServeHTTP(answer, request)
	return answer.Body.String()
}

// logLine is a log event: a line as Lambda's JSON log format writes it, which leaves a line
// that is JSON as it is.
type logLine struct {
	at   time.Time
	text string
}

func stamp(t time.Time) string { return t.Format(time.RFC3339Nano) }

func acceptedBy(order string, received time.Time) logLine {
	return logLine{received, fmt.Sprintf(`{"timestamp":%[1]q,"level":"INFO","message":"accept","tracking":"order-completed","outcome":"accepted","bytes":2831,"ms":4,`+
		`"event":"order.paid","webhook_id":"w-%[2]s","attempt":1,"resource":%[2]q,"received":%[1]q,"Prefix":"/commerce-segment","Tracking":"order-completed","Accepted":1,`+
		`"_aws":{"Timestamp":1,"CloudWatchMetrics":[]},"requestId":"r"}`, stamp(received), order)}
}

func delivered(order string, received, at time.Time, receives int) logLine {
	return logLine{at, delivery(order, received, at, receives) + `"outcome":"delivered","Delivered":1,"DelayMilliseconds":2000}`}
}

func retrying(order string, received, at time.Time) logLine {
	return logLine{at, delivery(order, received, at, 1) + `"outcome":"retrying","reason":"segment_503","retry_in":"31.5s","Retrying":1}`}
}

func delivery(order string, received, at time.Time, receives int) string {
	return fmt.Sprintf(`{"timestamp":%q,"level":"INFO","message":"deliver","event":"order.paid","webhook_id":"w-%[2]s","attempt":1,"resource":%[2]q,`+
		`"tracking":"order-completed","receives":%[3]d,"message_ids":["order-completed:%[2]s:0-track:ff"],"ms":210,"received":%[4]q,"event_time":%[4]q,`+
		`"Prefix":"/commerce-segment","Tracking":"order-completed","_aws":{"Timestamp":1,"CloudWatchMetrics":[]},"requestId":"r",`, stamp(at), order, receives, stamp(received))
}

// putLogLines writes lines to a log group.
func putLogLines(t *testing.T, aws *emulator.Emulator, group string, lines []logLine) {
	t.Helper()
	stream := map[string]any{"logGroupName": group, "logStreamName": "2026/11/24/[$LATEST]1"}
	aws.Call(t, "logs", "create_log_stream", stream)
	slices.SortFunc(lines, func(a, b logLine) int { return a.at.Compare(b.at) })
	for some := range slices.Chunk(lines, 1000) {
		events := make([]any, len(some))
		for i, line := range some {
			events[i] = map[string]any{"timestamp": line.at.UnixMilli(), "message": line.text}
		}
		put := maps.Clone(stream)
		put["logEvents"] = events
		aws.Call(t, "logs", "put_log_events", put)
	}
}

// unpadded returns a table with one space between its columns.
func unpadded(table string) string {
	var text strings.Builder
	for line := range strings.Lines(table) {
		text.WriteString(strings.Join(strings.Fields(line), " ") + "\n")
	}
	return text.String()
}

// trackingQueues are the queues of a tracking, for a test to write and read.
type trackingQueues struct {
	t      *testing.T
	client *sqs.Client
	urls   spool.URLs
}

func queuesOf(t *testing.T, of tracking.Tracking) trackingQueues {
	t.Helper()
	s, err := store.OpenDeployed(t.Context(), shop)
	if err != nil {
		t.Fatal(err)
	}
	return trackingQueues{t, sqs.NewFromConfig(s.Deployment.Config), spool.URLs{
		Queue: s.Deployment.Outputs[outputs.Queue(of)], Waiting: s.Deployment.Outputs[outputs.Waiting(of)], DeadLetters: s.Deployment.Outputs[outputs.DeadLetters(of)],
	}}
}

// fail puts an event on the dead-letter queue.
func (q trackingQueues) fail(reason, resource string) {
	q.t.Helper()
	err := spool.NewSQS(q.client, q.urls).Fail(q.t.Context(), relay.Envelope{Received: time.Now(), Body: []byte(`{"email":"PLANTED@example.com"}`)},
		relay.Failure{Tracking: "x", Reason: reason, Detail: "no user", Resource: resource, Receives: 1})
	if err != nil {
		q.t.Fatal(err)
	}
}

// put puts an event on the queue.
func (q trackingQueues) put() {
	q.t.Helper()
	if err := spool.NewSQS(q.client, q.urls).Put(q.t.Context(), relay.Envelope{Received: time.Now(), Body: []byte(`{}`)}); err != nil {
		q.t.Fatal(err)
	}
}

// queued returns the number of events on the queue, and leaves them there.
func (q trackingQueues) queued() int {
	q.t.Helper()
	answer, err := q.client.ReceiveMessage(q.t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &q.urls.Queue, MaxNumberOfMessages: 10})
	if err != nil {
		q.t.Fatal(err)
	}
	return len(answer.Messages)
}

func TestErrorsIfADeployedStoreCannotBeReached(t *testing.T) {
	startAWS(t)
	for _, c := range []struct {
		name string
		env  map[string]string
		args []string
		says []string
	}{
		{"there is no such stack", nil, []string{"--prefix", "/my-shop/eu"}, []string{"there is no stack my-shop--eu in us-east-1", "deploy it first", "AWS_REGION"}},
		{"the prefix has no slash", nil, []string{"--prefix", "commerce-segment"}, []string{"a prefix begins with a slash"}},
		{"there is no region", map[string]string{"AWS_REGION": "", "AWS_DEFAULT_REGION": ""}, []string{"--prefix", shop}, []string{"there is no AWS region: set AWS_REGION"}},
		{"the profile does not exist", map[string]string{"AWS_PROFILE": "no-such-profile"}, []string{"--prefix", shop}, []string{"there is no AWS profile no-such-profile", "aws configure list-profiles"}},
		{"nothing listens at the endpoint", map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1"}, []string{"--prefix", shop}, []string{"looking for the stack commerce-segment in us-east-1", "connection refused"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			for _, name := range []string{"configure", "settings", "rotate", "deadletters list", "templates diff", "executions", "trace x"} {
				got := command(t, "", append(strings.Fields(name), c.args...)...)
				if got.code == exitDone || got.stdout != "" {
					t.Errorf("hub %s exits %d and prints %q", name, got.code, got.stdout)
				}
				for _, says := range c.says {
					if !strings.Contains(got.stderr, says) {
						t.Errorf("hub %s says %q, want %q in it", name, got.stderr, says)
					}
				}
			}
		})
	}
}
