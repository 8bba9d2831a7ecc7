package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"commerce-segment/infra/emulator"
)

// make destroy asks hub, which says what is lost, saves it and switches the protection off. CDK
// cannot delete the stack before that.
func TestMakeDestroySaysWhatIsLostAndSavesIt(t *testing.T) {
	aws := startAWS(t)
	deploy(t, aws)
	aws.Call(t, "ssm", "put_parameter", map[string]any{"Name": shop + "/templates/order-completed", "Value": `{"event": "Sold"}`, "Overwrite": true})
	url := aws.Call(t, "sqs", "get_queue_url", map[string]any{"QueueName": "commerce-segment-order-updated"})["QueueUrl"]
	aws.Call(t, "sqs", "send_message", map[string]any{"QueueUrl": url, "MessageBody": "an event"})

	destroy := func(arguments ...string) (string, error) {
		command := exec.CommandContext(t.Context(), "make", append([]string{"destroy"}, arguments...)...)
		command.Dir = filepath.Join("..", "..", "..")
		command.Env = append(os.Environ(), emulator.Environment(aws.URL)...)
		said, err := command.CombinedOutput()
		return string(said), err
	}
	said, err := destroy()
	for _, want := range []string{"The stack commerce-segment in us-east-1 has:", "  1 edited template: order-completed\n",
		"  about 1 event to be delivered\n", "  about 0 dead letters\n", "They are lost if it is deleted", "hub webhooks remove --prefix /commerce-segment",
		"nothing was done. Not a terminal: pass --yes"} {
		if err == nil || !strings.Contains(said, want) {
			t.Errorf("make destroy without a terminal: %v, want %q in\n%s", err, want, said)
		}
	}
	if left := stacks(t, aws); !strings.Contains(left, "commerce-segment") {
		t.Fatal("the stack is deleted without an answer to the question")
	}
	file := filepath.Join(t.TempDir(), "before.jsonl.gz")
	if said, err = destroy("YES=1", "EXPORT="+file); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if !strings.Contains(said, "wrote "+file) {
		t.Errorf("make destroy says\n%s", said)
	}
	if info, err := os.Stat(file); err != nil || info.Size() == 0 {
		t.Errorf("the file with the store: %v", err)
	}
	if left := stacks(t, aws); strings.Contains(left, "commerce-segment") {
		t.Errorf("there are the stacks %s", left)
	}
}

// stacks lists the names of the stacks that are not deleted.
func stacks(t *testing.T, aws *emulator.Emulator) (names string) {
	t.Helper()
	for _, stack := range aws.Call(t, "cloudformation", "describe_stacks", nil)["Stacks"].([]any) {
		names += " " + stack.(map[string]any)["StackName"].(string)
	}
	return names
}
