package serve

import (
	"errors"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"commerce-segment/shared/jsontext"
)

// event is an event of any supported kind, with the fields that a function reads. The body
// of a request is in body, as bytes.
type event struct {
	events.APIGatewayV2HTTPRequest
	events.SQSEvent
	body []byte

	detailType string    // of an event of EventBridge
	time       time.Time // of an event of EventBridge; zero if it is unreadable
}

// eventBounds are far above the size of Lambda's events.
var eventBounds = jsontext.Bounds{Depth: 100, Values: 100_000}

var errShape = errors.New("the event is not JSON of a known shape: " + expected)

// readEvent reads the fields of an event that are used, and skips the rest. Most of an
// event is the body, a string with many escapes, which json.Unmarshal would read three
// times.
func readEvent(payload []byte) (event, error) {
	fields, fault := jsontext.Check(payload, 0, eventBounds)
	if fault != jsontext.None || !jsontext.IsObject(payload) {
		return event{}, errShape
	}
	var e event
	for _, f := range fields {
		switch jsontext.Text(f.Key) {
		case "version":
			e.Version = jsontext.Text(f.Value)
		case "rawPath":
			e.RawPath = jsontext.Text(f.Value)
		case "headers":
			if !jsontext.IsObject(f.Value) && !jsontext.IsAbsent(f.Value) {
				return event{}, errShape
			}
			e.Headers = texts(f.Inner)
		case "requestContext":
			e.RequestContext.HTTP.Method = jsontext.Text(jsontext.Member(f.Value, "http", "method"))
		case "body":
			e.body = jsontext.Content(f.Value)
		case "isBase64Encoded":
			e.IsBase64Encoded = string(f.Value) == "true"
		case "detail-type":
			e.detailType = jsontext.Text(f.Value)
		case "time":
			e.time, _ = time.Parse(time.RFC3339, jsontext.Text(f.Value))
		case "Records":
			e.Records = readRecords(f.Value)
		}
	}
	return e, nil
}

// texts returns the members of an object that are strings.
func texts(fields []jsontext.Field) map[string]string {
	all := make(map[string]string, len(fields))
	for _, f := range fields {
		all[jsontext.Text(f.Key)] = jsontext.Text(f.Value)
	}
	return all
}

// readRecords reads the messages of a batch. It returns nil if the value is not a list.
func readRecords(list []byte) []events.SQSMessage {
	if len(list) == 0 || list[0] != '[' {
		return nil
	}
	records := []events.SQSMessage{}
	for record := range jsontext.Elements(list) {
		records = append(records, readRecord(record))
	}
	return records
}

func readRecord(record []byte) (m events.SQSMessage) {
	for key, value := range jsontext.Members(record) {
		switch jsontext.Text(key) {
		case "messageId":
			m.MessageId = jsontext.Text(value)
		case "receiptHandle":
			m.ReceiptHandle = jsontext.Text(value)
		case "body":
			m.Body = jsontext.Text(value)
		case "attributes":
			m.Attributes = map[string]string{receiveCount: jsontext.Text(jsontext.Member(value, receiveCount))}
		case "eventSource":
			m.EventSource = jsontext.Text(value)
		}
	}
	return m
}

func (e event) isSQS() bool {
	for _, record := range e.Records {
		if record.EventSource != "aws:sqs" {
			return false
		}
	}
	return e.Records != nil
}

// isSchedule reports whether it is an event of a rule of EventBridge with a schedule.
func (e event) isSchedule() bool { return e.detailType == "Scheduled Event" }

func (e event) isHTTP() bool { return e.RequestContext.HTTP.Method != "" }
