package template

import "fmt"

const expected = "it must give a message (an object), an array of messages, or {\"batch\": [messages]}; to send nothing, give nothing"

// messagesOf makes the messages of what a template gave.
func messagesOf(st *state, v any) ([]map[string]any, error) {
	switch v := v.(type) {
	case nil, nullValue:
		return nil, nil
	case *array:
		return messageList(st, v.items)
	case *object:
		if batch, ok := v.fields["batch"]; ok {
			if len(v.fields) > 1 {
				return nil, fmt.Errorf("it gave an object with more fields than batch: %s", expected)
			}
			return messageBatch(st, batch)
		}
		return messageList(st, []any{v})
	}
	return nil, fmt.Errorf("it gave %s: %s", describe(v), expected)
}

func messageBatch(st *state, batch any) ([]map[string]any, error) {
	switch batch := batch.(type) {
	case nullValue:
		return nil, nil
	case *object:
		return messageList(st, []any{batch})
	case *array:
		return messageList(st, batch.items)
	}
	return nil, fmt.Errorf("its batch is %s: %s", describe(batch), expected)
}

func messageList(st *state, items []any) ([]map[string]any, error) {
	var messages []map[string]any
	for i, item := range items {
		o, ok := item.(*object)
		if !ok {
			return nil, fmt.Errorf("message %d of %d is %s: %s", i+1, len(items), describe(item), expected)
		}
		message, err := toGo(st, o, 0)
		if err != nil {
			return nil, fmt.Errorf("message %d of %d: %w", i+1, len(items), err)
		}
		messages = append(messages, message.(map[string]any))
	}
	return messages, nil
}
