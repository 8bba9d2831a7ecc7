package standin

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"commerce-segment/infra/emulator"
)

// sqs is an action of SQS; nil where this package does not know it.
func (a *AWS) sqs(name string) *action {
	switch name {
	case "CreateQueue":
		return on(a.createQueue)
	case "GetQueueAttributes":
		return on(a.getQueueAttributes)
	case "SendMessage":
		return on(a.sendMessage)
	case "ReceiveMessage":
		return on(a.receiveMessage)
	case "DeleteMessage":
		return on(a.deleteMessage)
	case "DeleteMessageBatch":
		return on(a.deleteMessageBatch)
	case "ChangeMessageVisibility":
		return on(a.changeMessageVisibility)
	case "ChangeMessageVisibilityBatch":
		return on(a.changeMessageVisibilityBatch)
	}
	return nil
}

// queue is one queue: a standard one, which keeps its messages as long as it lives.
type queue struct {
	arn         string
	attributes  map[string]string // as it was made
	visibility  time.Duration
	maxSize     int
	maxReceives int // 0: without a redrive policy
	deadLetters string
	messages    []*message
	handles     map[string]*message // by every handle under which a message was handed out
}

// message is what a queue holds until it is deleted.
type message struct {
	id, body      string
	attributes    map[string]attribute
	sent          time.Time
	firstReceived time.Time
	receives      int
	visible       time.Time
}

type attribute struct {
	DataType, StringValue string
}

// queueRequest is what all requests about one queue have.
type queueRequest struct {
	QueueURL string `json:"QueueUrl"`
}

func (r *queueRequest) resources() []string { return []string{queueARN(r.name())} }

func (r *queueRequest) name() string { return r.QueueURL[strings.LastIndexByte(r.QueueURL, '/')+1:] }

func queueARN(name string) string {
	return "arn:aws:sqs:" + emulator.Region + ":" + emulator.Account + ":" + name
}

// in does something with a queue, under the lock.
func (a *AWS) in(r queueRequest, do func(*queue) (any, error)) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	q, ok := a.queues[r.name()]
	if !ok {
		return nil, &refusal{"com.amazonaws.sqs#QueueDoesNotExist", "The specified queue does not exist."}
	}
	return do(q)
}

type createQueue struct {
	QueueName  string
	Attributes map[string]string
}

func (r *createQueue) resources() []string { return []string{queueARN(r.QueueName)} }

func (a *AWS) createQueue(_ context.Context, r *createQueue) (any, error) {
	q := &queue{arn: queueARN(r.QueueName), attributes: map[string]string{}, handles: map[string]*message{}}
	for name, otherwise := range map[string]string{"VisibilityTimeout": "30", "MaximumMessageSize": "1048576"} {
		q.attributes[name] = otherwise
		if given, ok := r.Attributes[name]; ok {
			q.attributes[name] = given
		}
	}
	seconds, err := strconv.Atoi(q.attributes["VisibilityTimeout"])
	if err == nil {
		q.maxSize, err = strconv.Atoi(q.attributes["MaximumMessageSize"])
	}
	if err != nil {
		return nil, &refusal{"InvalidAttributeValue", err.Error()}
	}
	q.visibility = time.Duration(seconds) * time.Second
	if policy, ok := r.Attributes["RedrivePolicy"]; ok {
		q.attributes["RedrivePolicy"] = policy
		if err := q.redrives(policy); err != nil {
			return nil, err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.queues[r.QueueName] = q
	return map[string]string{"QueueUrl": a.URL + "/" + emulator.Account + "/" + r.QueueName}, nil
}

// redrives reads a redrive policy.
func (q *queue) redrives(policy string) error {
	var read struct {
		DeadLetterTargetArn string
		MaxReceiveCount     int
	}
	if err := json.Unmarshal([]byte(policy), &read); err != nil || read.MaxReceiveCount < 1 {
		return &refusal{"InvalidParameterValue", "the redrive policy needs a deadLetterTargetArn and a maxReceiveCount that is a number"}
	}
	q.maxReceives = read.MaxReceiveCount
	q.deadLetters = read.DeadLetterTargetArn[strings.LastIndexByte(read.DeadLetterTargetArn, ':')+1:]
	return nil
}

type getQueueAttributes struct {
	queueRequest
	AttributeNames []string
}

func (a *AWS) getQueueAttributes(_ context.Context, r *getQueueAttributes) (any, error) {
	return a.in(r.queueRequest, func(q *queue) (any, error) {
		all := map[string]string{"QueueArn": q.arn}
		for name, value := range q.attributes {
			all[name] = value
		}
		now := time.Now()
		visible, received, delayed := 0, 0, 0
		for _, m := range q.messages {
			switch {
			case !m.visible.After(now):
				visible++
			case m.receives > 0:
				received++
			default:
				delayed++
			}
		}
		all["ApproximateNumberOfMessages"] = strconv.Itoa(visible)
		all["ApproximateNumberOfMessagesNotVisible"] = strconv.Itoa(received)
		all["ApproximateNumberOfMessagesDelayed"] = strconv.Itoa(delayed)
		return map[string]any{"Attributes": picked(all, r.AttributeNames)}, nil
	})
}

// picked leaves of a map what is asked for: by name, or "All".
func picked[V any](all map[string]V, names []string) map[string]V {
	some := map[string]V{}
	for name, value := range all {
		if slices.Contains(names, name) || slices.Contains(names, "All") {
			some[name] = value
		}
	}
	return some
}

type sendMessage struct {
	queueRequest
	MessageBody       string
	MessageAttributes map[string]attribute
	DelaySeconds      int
}

// maxDelay is how long a new message can be invisible, in seconds.
const maxDelay = 15 * 60

func (a *AWS) sendMessage(_ context.Context, r *sendMessage) (any, error) {
	return a.in(r.queueRequest, func(q *queue) (any, error) {
		if len(r.MessageBody) > q.maxSize {
			return nil, &refusal{"com.amazonaws.sqs#InvalidParameterValue",
				fmt.Sprintf("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", q.maxSize)}
		}
		if r.DelaySeconds < 0 || r.DelaySeconds > maxDelay {
			return nil, &refusal{"com.amazonaws.sqs#InvalidParameterValue", fmt.Sprintf("DelaySeconds must be between 0 and %d", maxDelay)}
		}
		now := time.Now()
		m := &message{id: newID(), body: r.MessageBody, attributes: r.MessageAttributes, sent: now, visible: now.Add(time.Duration(r.DelaySeconds) * time.Second)}
		q.messages = append(q.messages, m)
		return map[string]string{"MessageId": m.id, "MD5OfMessageBody": sumOf(m.body)}, nil
	})
}

func newID() string {
	var random [16]byte
	rand.Read(random[:]) // never fails
	return hex.EncodeToString(random[:])
}

// sumOf is what the SDK compares a message's text with.
func sumOf(text string) string {
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

type receiveMessage struct {
	queueRequest
	MaxNumberOfMessages         int
	VisibilityTimeout           *int // the queue's own where it is nil
	WaitTimeSeconds             int
	MessageAttributeNames       []string
	MessageSystemAttributeNames []string
}

// lookAgain is how long a receiver that waits for a message looks away.
const lookAgain = 20 * time.Millisecond

func (a *AWS) receiveMessage(ctx context.Context, r *receiveMessage) (any, error) {
	if r.MaxNumberOfMessages == 0 {
		r.MaxNumberOfMessages = 1
	}
	if r.MaxNumberOfMessages < 1 || r.MaxNumberOfMessages > 10 {
		return nil, &refusal{"InvalidParameterValue", "MaxNumberOfMessages must be between 1 and 10"}
	}
	deadline := time.Now().Add(time.Duration(r.WaitTimeSeconds) * time.Second)
	for {
		var received []map[string]any
		_, err := a.in(r.queueRequest, func(q *queue) (any, error) {
			received = a.handOut(q, r)
			return nil, nil
		})
		switch {
		case err != nil:
			return nil, err
		case len(received) > 0:
			return map[string]any{"Messages": received}, nil
		case !time.Now().Before(deadline):
			return struct{}{}, nil
		}
		select {
		case <-time.After(lookAgain):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// handOut receives what is visible, and moves what was received too often.
func (a *AWS) handOut(q *queue, r *receiveMessage) (received []map[string]any) {
	hold := q.visibility
	if r.VisibilityTimeout != nil {
		hold = time.Duration(*r.VisibilityTimeout) * time.Second
	}
	now := time.Now()
	for _, m := range slices.Clone(q.messages) {
		switch {
		case len(received) == r.MaxNumberOfMessages:
			return received
		case m.visible.After(now):
		case q.maxReceives > 0 && m.receives >= q.maxReceives:
			q.remove(m)
			if dead := a.queues[q.deadLetters]; dead != nil {
				dead.messages = append(dead.messages, m)
			}
		default:
			received = append(received, q.handOut(m, now, hold, r))
		}
	}
	return received
}

// handOut receives one message, under a handle of its own.
func (q *queue) handOut(m *message, now time.Time, hold time.Duration, r *receiveMessage) map[string]any {
	m.receives++
	m.visible = now.Add(hold)
	if m.firstReceived.IsZero() {
		m.firstReceived = now
	}
	handle := newID()
	q.handles[handle] = m
	one := map[string]any{"MessageId": m.id, "ReceiptHandle": handle, "Body": m.body, "MD5OfBody": sumOf(m.body)}
	if some := picked(m.attributes, r.MessageAttributeNames); len(some) > 0 {
		one["MessageAttributes"] = some
	}
	if some := picked(map[string]string{
		"ApproximateReceiveCount": strconv.Itoa(m.receives), "SenderId": "AIDAIT2UOQQY3AUEKVGXU",
		"SentTimestamp":                    strconv.FormatInt(m.sent.UnixMilli(), 10),
		"ApproximateFirstReceiveTimestamp": strconv.FormatInt(m.firstReceived.UnixMilli(), 10),
	}, r.MessageSystemAttributeNames); len(some) > 0 {
		one["Attributes"] = some
	}
	return one
}

// remove takes a message out of the queue, by which its handles become void.
func (q *queue) remove(m *message) {
	i := slices.Index(q.messages, m)
	q.messages = slices.Delete(q.messages, i, i+1)
}

type deleteMessage struct {
	queueRequest
	ReceiptHandle string
}

func (a *AWS) deleteMessage(_ context.Context, r *deleteMessage) (any, error) {
	return a.in(r.queueRequest, func(q *queue) (any, error) { return struct{}{}, q.delete(r.ReceiptHandle) })
}

// delete deletes by any handle of a message, also by one that is not its last.
func (q *queue) delete(handle string) error {
	m, ok := q.handles[handle]
	if !ok {
		return invalidHandle(handle)
	}
	if slices.Contains(q.messages, m) {
		q.remove(m)
	}
	return nil
}

func invalidHandle(handle string) error {
	return &refusal{"com.amazonaws.sqs#ReceiptHandleIsInvalid", fmt.Sprintf("The input receipt handle %q is not a valid receipt handle.", handle)}
}

type changeMessageVisibility struct {
	queueRequest
	ReceiptHandle     string
	VisibilityTimeout int
}

func (a *AWS) changeMessageVisibility(_ context.Context, r *changeMessageVisibility) (any, error) {
	return a.in(r.queueRequest, func(q *queue) (any, error) {
		return struct{}{}, q.changeVisibility(r.ReceiptHandle, r.VisibilityTimeout)
	})
}

// maxVisibility is how long a message can be invisible, in seconds.
const maxVisibility = 12 * 60 * 60

func (q *queue) changeVisibility(handle string, seconds int) error {
	if seconds < 0 || seconds > maxVisibility {
		return &refusal{"com.amazonaws.sqs#InvalidParameterValue", fmt.Sprintf("VisibilityTimeout must be between 0 and %d seconds", maxVisibility)}
	}
	m, ok := q.handles[handle]
	if !ok || !slices.Contains(q.messages, m) {
		return invalidHandle(handle)
	}
	m.visible = time.Now().Add(time.Duration(seconds) * time.Second)
	return nil
}

// Elapse makes time pass for the queues: what is invisible comes back that much earlier, and
// every message was sent that much earlier.
func (a *AWS) Elapse(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, q := range a.queues {
		for _, m := range q.messages {
			m.visible, m.sent = m.visible.Add(-d), m.sent.Add(-d)
		}
	}
}

// batch is the requests of a batch: one each entry.
type batch struct {
	queueRequest
	Entries []struct {
		ID                string `json:"Id"`
		ReceiptHandle     string
		VisibilityTimeout int
	}
}

func (a *AWS) deleteMessageBatch(_ context.Context, r *batch) (any, error) {
	return a.in(r.queueRequest, func(q *queue) (any, error) {
		return r.each(func(handle string, _ int) error { return q.delete(handle) })
	})
}

func (a *AWS) changeMessageVisibilityBatch(_ context.Context, r *batch) (any, error) {
	return a.in(r.queueRequest, func(q *queue) (any, error) { return r.each(q.changeVisibility) })
}

// each does every entry, and says of each how it ended.
func (r *batch) each(do func(handle string, seconds int) error) (any, error) {
	var successful, failed []map[string]any
	for _, entry := range r.Entries {
		switch err := do(entry.ReceiptHandle, entry.VisibilityTimeout).(type) {
		case nil:
			successful = append(successful, map[string]any{"Id": entry.ID})
		case *refusal:
			failed = append(failed, map[string]any{
				"Id": entry.ID, "SenderFault": true, "Code": strings.TrimPrefix(err.code, "com.amazonaws.sqs#"), "Message": err.message,
			})
		}
	}
	return map[string]any{"Successful": successful, "Failed": failed}, nil
}
