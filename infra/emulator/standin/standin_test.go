package standin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/emulator"
)

// conversation is a script of calls with what came back, as far as it can be the same
// at another AWS.
type conversation struct {
	t   *testing.T
	url string
	log []string
}

// ask makes a call over the JSON protocols, and notes the answer.
func (c *conversation) ask(target string, parameters map[string]any) map[string]any {
	c.t.Helper()
	body, err := json.Marshal(parameters)
	if err != nil {
		c.t.Fatal(err)
	}
	service := map[string]string{"AmazonSQS": "sqs", "AmazonSSM": "ssm"}[strings.Split(target, ".")[0]]
	response := post(c.t, c.url, string(body), map[string]string{
		"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.0",
		// By which the emulator knows the service.
		"Authorization": "AWS4-HMAC-SHA256 Credential=test/20261124/us-east-1/" + service + "/aws4_request, SignedHeaders=host, Signature=0",
	})
	defer response.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil && !errors.Is(err, io.EOF) {
		c.t.Fatalf("%s %s: %v", target, body, err)
	}
	c.note(target, response.StatusCode, answer)
	return answer
}

func post(t *testing.T, url, body string, headers map[string]string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "POST", url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

// note keeps an answer. Of an error it keeps the code alone, the words being each
// AWS's own, but for those that the program reads.
func (c *conversation) note(target string, status int, answer map[string]any) {
	c.t.Helper()
	if code, refused := answer["__type"].(string); refused {
		message := fmt.Sprint(answer["message"], answer["Message"])
		_, code, _ = strings.Cut("#"+code, "#")
		code = code[strings.LastIndexByte(code, '#')+1:]
		c.log = append(c.log, fmt.Sprint(target, " ", status, " ", code, " too large: ", strings.Contains(message, "must be shorter than")))
		return
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(steady(answer)); err != nil {
		c.t.Fatal(err)
	}
	c.log = append(c.log, fmt.Sprint(target, " ", status, " ", strings.TrimSpace(text.String())))
}

// changing are the members whose values are new each time: that they are there is
// all that can be the same.
var changing = []string{
	"MessageId", "ReceiptHandle", "SentTimestamp", "ApproximateFirstReceiveTimestamp", "LastModifiedDate", "NextToken", "QueueUrl", "Message",
}

// unread has members that this project does not read, and that not every answer has.
var unread = []string{"MD5OfMessageAttributes", "KeyId", "Labels"}

// steady is an answer without what is new each time. Parameters come in no order.
func steady(value any) any {
	switch v := value.(type) {
	case map[string]any:
		same := map[string]any{}
		for name, member := range v {
			switch {
			case slices.Contains(unread, name), member == nil:
			case slices.Contains(changing, name):
				same[name] = "…"
			default:
				same[name] = steady(member)
			}
		}
		if list, ok := same["Parameters"].([]any); ok {
			slices.SortFunc(list, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
		return same
	case []any:
		same := make([]any, len(v))
		for i, element := range v {
			same[i] = steady(element)
		}
		return same
	}
	return value
}

// field is what lies in an answer at a path of names and places.
func field(t *testing.T, answer any, path ...any) string {
	t.Helper()
	for _, step := range path {
		switch at := step.(type) {
		case string:
			answer = answer.(map[string]any)[at]
		case int:
			list, _ := answer.([]any)
			if at >= len(list) {
				t.Fatalf("there is no %v in an answer", path)
			}
			answer = list[at]
		}
	}
	return fmt.Sprint(answer)
}

// queues is what a queue does with messages, from the first to the last.
func (c *conversation) queues() {
	makes := func(name string, attributes map[string]string) string {
		return field(c.t, c.ask("AmazonSQS.CreateQueue", map[string]any{"QueueName": name, "Attributes": attributes}), "QueueUrl")
	}
	dead := makes("dead", map[string]string{})
	arn := field(c.t, c.ask("AmazonSQS.GetQueueAttributes", map[string]any{"QueueUrl": dead, "AttributeNames": []string{"QueueArn"}}), "Attributes", "QueueArn")
	queue := makes("queue", map[string]string{
		"VisibilityTimeout": "60", "MaximumMessageSize": "2048",
		"RedrivePolicy": `{"deadLetterTargetArn": "` + arn + `", "maxReceiveCount": 2}`,
	})
	ask := func(action string, parameters map[string]any) map[string]any {
		if parameters["QueueUrl"] == nil {
			parameters["QueueUrl"] = queue
		}
		return c.ask("AmazonSQS."+action, parameters)
	}
	all := []string{"All"}
	receive := func(parameters map[string]any) map[string]any {
		parameters["MessageAttributeNames"], parameters["MessageSystemAttributeNames"] = all, all
		return ask("ReceiveMessage", parameters)
	}
	count := func(of string) {
		ask("GetQueueAttributes", map[string]any{"QueueUrl": of, "AttributeNames": []string{
			"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed", "VisibilityTimeout", "MaximumMessageSize"}})
	}

	receive(map[string]any{})
	ask("SendMessage", map[string]any{"MessageBody": "one", "MessageAttributes": map[string]any{
		"Reason":   map[string]string{"DataType": "String", "StringValue": "segment_400"},
		"Receives": map[string]string{"DataType": "Number", "StringValue": "2"},
	}})
	ask("SendMessage", map[string]any{"MessageBody": strings.Repeat("x", 2049)})
	ask("SendMessage", map[string]any{"MessageBody": strings.Repeat("x", 2048)})
	count(queue)
	ask("ReceiveMessage", map[string]any{"VisibilityTimeout": 0}) // and no attributes
	first := receive(map[string]any{"MaxNumberOfMessages": 1, "VisibilityTimeout": 30})
	count(queue)
	other := receive(map[string]any{"MaxNumberOfMessages": 10})
	receive(map[string]any{})
	handle := field(c.t, first, "Messages", 0, "ReceiptHandle")

	ask("ChangeMessageVisibility", map[string]any{"ReceiptHandle": handle, "VisibilityTimeout": 43201})
	ask("ChangeMessageVisibility", map[string]any{"ReceiptHandle": "none", "VisibilityTimeout": 1})
	ask("ChangeMessageVisibility", map[string]any{"ReceiptHandle": handle, "VisibilityTimeout": 0})
	receive(map[string]any{}) // it has been received twice: it goes to the dead letters
	count(dead)
	ask("ChangeMessageVisibility", map[string]any{"ReceiptHandle": handle, "VisibilityTimeout": 1}) // by where it was
	letter := receive(map[string]any{"QueueUrl": dead})
	ask("DeleteMessage", map[string]any{"QueueUrl": dead, "ReceiptHandle": field(c.t, letter, "Messages", 0, "ReceiptHandle")})
	count(dead)

	old := field(c.t, other, "Messages", 0, "ReceiptHandle")
	ask("ChangeMessageVisibility", map[string]any{"ReceiptHandle": old, "VisibilityTimeout": 1})
	again := receive(map[string]any{"WaitTimeSeconds": 20}) // the other comes back by itself
	ask("DeleteMessage", map[string]any{"ReceiptHandle": old})
	ask("DeleteMessage", map[string]any{"ReceiptHandle": field(c.t, again, "Messages", 0, "ReceiptHandle")})
	ask("DeleteMessage", map[string]any{"ReceiptHandle": "none"})
	count(queue)

	for i := range 3 {
		ask("SendMessage", map[string]any{"MessageBody": fmt.Sprint(i)})
	}
	three := receive(map[string]any{"MaxNumberOfMessages": 3})
	entry := func(i int, seconds any) map[string]any {
		one := map[string]any{"Id": fmt.Sprint(i), "ReceiptHandle": field(c.t, three, "Messages", i, "ReceiptHandle")}
		if seconds != nil {
			one["VisibilityTimeout"] = seconds
		}
		return one
	}
	unknown := map[string]any{"Id": "unknown", "ReceiptHandle": "none", "VisibilityTimeout": 0}
	ask("DeleteMessageBatch", map[string]any{"Entries": []any{entry(0, nil), map[string]any{"Id": "unknown", "ReceiptHandle": "none"}}})
	ask("ChangeMessageVisibilityBatch", map[string]any{"Entries": []any{entry(1, 0), entry(2, 60), unknown}})
	count(queue)
	receive(map[string]any{"MaxNumberOfMessages": 10})
	ask("ReceiveMessage", map[string]any{"MaxNumberOfMessages": 11})
	ask("SendMessage", map[string]any{"QueueUrl": strings.Replace(queue, "/queue", "/none", 1), "MessageBody": "x"})
	ask("SendMessage", map[string]any{"MessageBody": "later", "DelaySeconds": 60})
	ask("SendMessage", map[string]any{"MessageBody": "much later", "DelaySeconds": 901})
	count(queue)
	receive(map[string]any{})
}

// parameters is what Parameter Store does with parameters.
func (c *conversation) parameters() {
	put := func(name, value, kind string, overwrite bool) {
		c.ask("AmazonSSM.PutParameter", map[string]any{"Name": name, "Value": value, "Type": kind, "Tier": "Standard", "Overwrite": overwrite})
	}
	get := func(decrypted bool, names ...string) {
		c.ask("AmazonSSM.GetParameters", map[string]any{"Names": names, "WithDecryption": decrypted})
	}
	put("/shop/commerce/webhook-secret", "squirrel", "SecureString", true)
	put("/shop/segment/host", "https://api.segment.io", "String", false)
	put("/shop/segment/host", "https://events.eu1.segmentapis.com", "String", false)
	put("/shop/segment/host", "https://events.eu1.segmentapis.com", "String", true)
	put("/shop/tracking/a/events", "order.paid,order.fulfilled", "StringList", true)
	put("/shopper/segment/host", "x", "String", true)
	get(true, "/shop/commerce/webhook-secret", "/shop/none", "/shop/segment/host")
	get(false, "/shop/commerce/webhook-secret")
	get(true, strings.Fields("/1 /2 /3 /4 /5 /6 /7 /8 /9 /10 /11")...)

	for _, name := range []string{"/shop/segment/host", "/shop/commerce/webhook-secret", "/shop/none"} {
		c.ask("AmazonSSM.GetParameterHistory", map[string]any{"Name": name, "WithDecryption": false})
	}

	list := func(more map[string]any) map[string]any {
		more["Path"] = "/shop"
		return c.ask("AmazonSSM.GetParametersByPath", more)
	}
	list(map[string]any{"Recursive": false})
	list(map[string]any{"Recursive": true, "WithDecryption": true})
	page := list(map[string]any{"Recursive": true, "MaxResults": 2})
	list(map[string]any{"Recursive": true, "MaxResults": 2, "NextToken": page["NextToken"]})
}

// stacks is what the SDK of CloudFormation asks for.
func (c *conversation) stacks() {
	for _, name := range []string{"shop", "none"} {
		form := url.Values{"Action": {"DescribeStacks"}, "Version": {"2010-05-15"}, "StackName": {name}}
		response := post(c.t, c.url, form.Encode(), map[string]string{
			"Content-Type":  "application/x-www-form-urlencoded",
			"Authorization": "AWS4-HMAC-SHA256 Credential=test/20261124/us-east-1/cloudformation/aws4_request, SignedHeaders=host, Signature=0",
		})
		text, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			c.t.Fatal(err)
		}
		for _, part := range []string{"<Code>ValidationError</Code>", "<StackName>shop</StackName>", "<StackStatus>CREATE_COMPLETE</StackStatus>", "<OutputKey>Prefix</OutputKey>", "<OutputValue>/shop</OutputValue>"} {
			c.log = append(c.log, fmt.Sprint("DescribeStacks ", name, " ", response.StatusCode, " ", part, " ", strings.Contains(strings.Join(strings.Fields(string(text)), ""), part)))
		}
	}
}

// What the functions and the operator's program do with this AWS, they do with the
// real one only if both answer the same. The emulator, which many use, is the judge.
func TestAnswersAreThoseOfTheEmulator(t *testing.T) {
	emulated, here := emulator.Start(t), Start(t)
	emulated.Call(t, "cloudformation", "create_stack", map[string]any{"StackName": "shop", "TemplateBody": `{
		"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}, "Outputs": {"Prefix": {"Value": "/shop"}}}`})
	here.Deploy("shop", map[string]string{"Prefix": "/shop"})
	for name, script := range map[string]func(*conversation){
		"queues": (*conversation).queues, "parameters": (*conversation).parameters, "stacks": (*conversation).stacks,
	} {
		t.Run(name, func(t *testing.T) {
			want, got := &conversation{t: t, url: emulated.URL}, &conversation{t: t, url: here.URL}
			script(want)
			script(got)
			for i := range want.log {
				if got.log[i] != want.log[i] {
					t.Errorf("call %d: it answers\n%s\nand the emulator\n%s", i+1, got.log[i], want.log[i])
				}
			}
		})
	}
}

func TestUnknownActionsAreRejected(t *testing.T) {
	c := &conversation{t: t, url: Start(t).URL}
	for _, target := range []string{"AmazonSQS.PurgeQueue", "AmazonSSM.DeleteParameter", "AWSLambda.Invoke"} {
		if answer := c.ask(target, map[string]any{}); answer["__type"] != "UnknownOperationException" {
			t.Errorf("%s is answered %v", target, answer)
		}
	}
}

func TestCallsHaveTheirResources(t *testing.T) {
	aws := Start(t)
	c := &conversation{t: t, url: aws.URL}
	queue := c.ask("AmazonSQS.CreateQueue", map[string]any{"QueueName": "orders"})["QueueUrl"]
	c.ask("AmazonSQS.SendMessage", map[string]any{"QueueUrl": queue, "MessageBody": "x"})
	c.ask("AmazonSSM.GetParameters", map[string]any{"Names": []string{"/shop/a", "/shop/b"}})
	want := []Call{
		{SQS, "CreateQueue", []string{"arn:aws:sqs:us-east-1:123456789012:orders"}},
		{SQS, "SendMessage", []string{"arn:aws:sqs:us-east-1:123456789012:orders"}},
		{ParameterStore, "GetParameters", []string{
			"arn:aws:ssm:us-east-1:123456789012:parameter/shop/a", "arn:aws:ssm:us-east-1:123456789012:parameter/shop/b"}},
	}
	if got := aws.Calls(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the calls are %v, want %v", got, want)
	}
}

func TestAFaultAppliesToItsActionOnly(t *testing.T) {
	aws := Start(t)
	c := &conversation{t: t, url: aws.URL}
	aws.Fail(SQS, "", Status(http.StatusInternalServerError))
	aws.Fail(SQS, "CreateQueue", Throttle)
	aws.Fail(ParameterStore, "PutParameter", Delay(time.Millisecond))
	c.ask("AmazonSQS.SendMessage", map[string]any{})
	c.ask("AmazonSQS.CreateQueue", map[string]any{"QueueName": "orders"})
	c.ask("AmazonSSM.PutParameter", map[string]any{"Name": "/a", "Value": "b"})
	aws.Fail(SQS, "CreateQueue", nil)
	c.ask("AmazonSQS.CreateQueue", map[string]any{"QueueName": "orders"})
	aws.Fail(SQS, "", nil)
	c.ask("AmazonSQS.CreateQueue", map[string]any{"QueueName": "orders"})
	want := []string{
		`AmazonSQS.SendMessage 500 {}`,
		`AmazonSQS.CreateQueue 400 ThrottlingException too large: false`,
		`AmazonSSM.PutParameter 200 {"Tier":"Standard","Version":1}`,
		`AmazonSQS.CreateQueue 500 {}`,
		`AmazonSQS.CreateQueue 200 {"QueueUrl":"…"}`,
	}
	if !slices.Equal(c.log, want) {
		t.Errorf("the answers are\n%s", strings.Join(c.log, "\n"))
	}
}
