package compare

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxObject is the size of the largest object that Read accepts, in bytes. Segment accepts
// batches of 500 KB.
const maxObject = 4 << 20

// Read reads Segment messages in any of these forms, also with gzip:
//   - JSON lines, or other objects one after another: each a message, which is also the body of
//     a request of a Segment webhook destination, or a batch, {"batch": […]};
//   - lists of such objects, which are the bodies of a webhook destination that sends batches,
//     and what the hub's inbox returns.
//
// It holds one object in memory. An error names the line, and ends the iteration.
func Read(r io.Reader) Messages {
	return func(yield func(Message, error) bool) {
		in, err := unzipped(r)
		if err != nil {
			yield(Message{}, err)
			return
		}
		s := splitter{in: in, line: 1}
		for {
			object, line, err := s.next()
			if err == io.EOF {
				return
			}
			var messages []Message
			if err == nil {
				messages, err = messagesIn(object, line)
			}
			if err != nil {
				yield(Message{}, err)
				return
			}
			for _, message := range messages {
				if !yield(message, nil) {
					return
				}
			}
		}
	}
}

// unzipped returns a reader of the text, which may be compressed. A byte order mark is left out.
func unzipped(r io.Reader) (*bufio.Reader, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	if start, _ := in.Peek(2); bytes.Equal(start, []byte{0x1f, 0x8b}) {
		zipped, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("it begins like a gzip file, but cannot be decompressed: %w", err)
		}
		in = bufio.NewReaderSize(zipped, 64<<10)
	}
	if start, _ := in.Peek(3); string(start) == "\uFEFF" {
		_, _ = in.Discard(3) // they were read by Peek
	}
	return in, nil
}

// splitter splits a text into its JSON objects.
type splitter struct {
	in     *bufio.Reader
	line   int
	inList bool
	begins int  // the line where the list begins
	comma  bool // a comma must come before the next object of the list
}

// next returns the next object, and the line on which it begins. It returns io.EOF at the end.
func (s *splitter) next() (object []byte, line int, err error) {
	for {
		c, err := s.in.ReadByte()
		switch {
		case err == io.EOF && s.inList:
			return nil, 0, fmt.Errorf("line %d: the list that begins here has no end: is the file complete?", s.begins)
		case err == io.EOF:
			return nil, 0, err
		case err != nil:
			return nil, 0, fmt.Errorf("line %d: %w", s.line, err)
		case c == '\n':
			s.line++
		case c == ' ' || c == '\t' || c == '\r':
		case c == '[' && !s.inList:
			s.inList, s.begins, s.comma = true, s.line, false
		case c == ']' && s.inList:
			s.inList = false
		case c == ',' && s.inList && s.comma:
			s.comma = false
		case c == '{' && !(s.inList && s.comma):
			s.comma = true
			line = s.line
			object, err = s.object()
			return object, line, err
		default:
			return nil, 0, fmt.Errorf("line %d: found %q where a JSON object must begin. The file must have Segment messages as JSON lines, a JSON list, or batches {\"batch\":[…]}", s.line, c)
		}
	}
}

// object returns the object whose first bracket was read.
func (s *splitter) object() ([]byte, error) {
	object, begins := []byte{'{'}, s.line
	inText, escaped := false, false
	for depth := 1; depth > 0; {
		c, err := s.in.ReadByte()
		switch {
		case err == io.EOF:
			return nil, fmt.Errorf("line %d: the object that begins here has no end: is the file complete?", begins)
		case err != nil:
			return nil, fmt.Errorf("line %d: %w", s.line, err)
		case len(object) == maxObject:
			return nil, fmt.Errorf("line %d: the object that begins here is over %d MB: a message has 32 KB and a batch 500 KB at most", begins, maxObject>>20)
		}
		object = append(object, c)
		if c == '\n' {
			if inText {
				return nil, fmt.Errorf("line %d: a string is not closed on its line", s.line)
			}
			s.line++
		}
		switch {
		case escaped:
			escaped = false
		case inText && c == '\\':
			escaped = true
		case c == '"':
			inText = !inText
		case inText:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
	}
	return object, nil
}

// messagesIn returns the messages of an object that begins on a line: the object itself, or
// those of a batch.
func messagesIn(object []byte, line int) ([]Message, error) {
	fields, err := decoded(object)
	if err != nil {
		return nil, invalidJSON(object, line, err)
	}
	if _, isBatch := fields["batch"].([]any); !isBatch {
		m, err := messageOf(object, fields)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		return []Message{m}, nil
	}
	var shape struct {
		Batch []json.RawMessage `json:"batch"`
	}
	if err := json.Unmarshal(object, &shape); err != nil {
		return nil, invalidJSON(object, line, err)
	}
	messages := make([]Message, len(shape.Batch))
	for i, text := range shape.Batch {
		if messages[i], err = Parse(text); err != nil {
			return nil, fmt.Errorf("line %d, message %d of the batch: %w", line, i+1, err)
		}
	}
	return messages, nil
}

// invalidJSON returns an error about JSON that begins on a line, with the line of the error.
func invalidJSON(object []byte, line int, err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		line += bytes.Count(object[:min(int(syntax.Offset), len(object))], []byte{'\n'})
	}
	return fmt.Errorf("line %d: it is not the JSON of a message or a batch: %w", line, err)
}
