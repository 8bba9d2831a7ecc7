package template

import (
	"fmt"

	"commerce-segment/shared/jsonata/value"
)

const expected = "it must give a message (an object), an array of messages, or {\"batch\": [messages]}; to send nothing, give nothing"

// messagesOf returns the messages in the result of a template.
func messagesOf(st *value.State, v any) ([]map[string]any, error) {
	switch v := v.(type) {
	case nil, value.NullValue:
		return nil, nil
	case *value.Array:
		return messageList(st, v.Items)
	case *value.Object:
		if v.Has("batch") {
			if v.Len() > 1 {
				return nil, fmt.Errorf("it gave an object with more fields than batch: %s", expected)
			}
			return messageBatch(st, v.Get("batch"))
		}
		return messageList(st, []any{v})
	}
	return nil, fmt.Errorf("it gave %s: %s", value.Describe(v), expected)
}

func messageBatch(st *value.State, batch any) ([]map[string]any, error) {
	switch batch := batch.(type) {
	case value.NullValue:
		return nil, nil
	case *value.Object:
		return messageList(st, []any{batch})
	case *value.Array:
		return messageList(st, batch.Items)
	}
	return nil, fmt.Errorf("its batch is %s: %s", value.Describe(batch), expected)
}

func messageList(st *value.State, items []any) ([]map[string]any, error) {
	var messages []map[string]any
	for i, item := range items {
		o, ok := item.(*value.Object)
		if !ok {
			return nil, fmt.Errorf("message %d of %d is %s: %s", i+1, len(items), value.Describe(item), expected)
		}
		message, err := value.ToGo(st, o)
		if err != nil {
			return nil, fmt.Errorf("message %d of %d: %w", i+1, len(items), err)
		}
		messages = append(messages, message.(map[string]any))
	}
	return messages, nil
}
