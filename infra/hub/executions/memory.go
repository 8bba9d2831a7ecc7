package executions

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"sync"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// memoryBytes bounds the lines that a Memory keeps; each takes about 500 bytes.
const memoryBytes = 16 << 20

// Memory keeps the log lines of a hub on this machine, the oldest of which it drops
// once there are too many.
type Memory struct {
	mu    sync.Mutex
	lines [][]byte // oldest first
	bytes int
	keeps int
	cut   bool
}

// NewMemory is an empty one.
func NewMemory() *Memory { return &Memory{keeps: memoryBytes} }

// Handler writes log records into it, as a function on AWS writes them.
func (m *Memory) Handler() slog.Handler {
	return slog.NewJSONHandler(m, &slog.HandlerOptions{ReplaceAttr: lambdacontext.ReplaceAttr})
}

// Write keeps a line.
func (m *Memory) Write(line []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lines = append(m.lines, bytes.Clone(line))
	m.bytes += len(line)
	for m.bytes > m.keeps {
		m.bytes -= len(m.lines[0])
		m.lines[0] = nil // let the bytes go now, not when the slice next grows
		m.lines = m.lines[1:]
		m.cut = true
	}
	return len(line), nil
}

// Texts are the lines as they were written, and whether older ones were dropped.
func (m *Memory) Texts() (texts [][]byte, cut bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.lines), m.cut
}

// Read implements Log.
func (m *Memory) Read(_ context.Context, q Query) (Reading, error) {
	texts, cut := m.Texts()
	return Reading{Lines: q.Pick(texts), Cut: cut}, nil
}
