package settings

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"commerce-segment/shared/chars"
)

// Variable is the environment variable that Env reads.
const Variable = "COMMERCE_SEGMENT_SETTINGS"

// Env is a Source: the environment variable Variable. It contains a flat JSON object of
// names and strings, {"segment/write-key":"…"}. If it is unset or empty, there are no
// parameters.
type Env struct{}

// Parameters reads the variable.
func (Env) Parameters(_ context.Context, names []string) (map[string]string, error) {
	text := os.Getenv(Variable)
	if text == "" {
		return nil, nil
	}
	decoded, err := chars.Decode([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", Variable, err)
	}
	var all map[string]any
	if err := json.Unmarshal(decoded, &all); err != nil {
		return nil, notSettings(err)
	}
	parameters := make(map[string]string, len(names))
	for _, name := range names {
		value, there := all[name]
		if !there {
			continue
		}
		text, ok := value.(string)
		if !ok {
			return nil, fmt.Errorf("reading parameter %s from %s: it is not a JSON string: put its value in quotes", name, Variable)
		}
		parameters[name] = text
	}
	return parameters, nil
}

// notSettings returns the error for a variable that is not a JSON object. It has the
// position from the error of encoding/json, and not its text, which quotes the variable.
func notSettings(err error) error {
	where := ""
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		where = fmt.Sprintf(" from byte %d on", syntax.Offset)
	}
	return fmt.Errorf(`reading %s: it is not a JSON object%s: expected {"%s":"…", …}`, Variable, where, SegmentWriteKey)
}
