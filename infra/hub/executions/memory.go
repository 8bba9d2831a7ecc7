package executions

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"sync"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// memoryBytes bounds the lines that a Memory keeps of genuine webhooks; each takes about 500
// bytes. strangerBytes bounds all others.
const (
	memoryBytes   = 16 << 20
	strangerBytes = 64 << 10
)

// Memory keeps the log lines of a hub on this machine, the oldest of which it drops once
// there are too many. Those of forged webhooks, which anybody can cause, displace no others.
type Memory struct {
	mu                 sync.Mutex
	genuine, strangers ring
}

// ring is lines of so many bytes at most, oldest first.
type ring struct {
	lines [][]byte
	bytes int
	keeps int
	cut   bool
}

// NewMemory is an empty one.
func NewMemory() *Memory {
	return &Memory{genuine: ring{keeps: memoryBytes}, strangers: ring{keeps: strangerBytes}}
}

// Handler writes log records into it, as a function on AWS writes them.
func (m *Memory) Handler() slog.Handler {
	return slog.NewJSONHandler(m, &slog.HandlerOptions{ReplaceAttr: lambdacontext.ReplaceAttr})
}

// Write keeps a line.
func (m *Memory) Write(line []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if parsed, ok := Parse(line); ok && parsed.Outcome != forged {
		m.genuine.keep(line)
	} else {
		m.strangers.keep(line)
	}
	return len(line), nil
}

func (r *ring) keep(line []byte) {
	r.lines = append(r.lines, bytes.Clone(line))
	r.bytes += len(line)
	for r.bytes > r.keeps {
		r.bytes -= len(r.lines[0])
		r.lines[0] = nil // let the bytes go now, not when the slice next grows
		r.lines = r.lines[1:]
		r.cut = true
	}
}

// Texts are the lines as they were written, in no order, and whether older ones of genuine
// webhooks were dropped.
func (m *Memory) Texts() (texts [][]byte, cut bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Concat(m.strangers.lines, m.genuine.lines), m.genuine.cut
}

// Read implements Log.
func (m *Memory) Read(_ context.Context, q Query) (Reading, error) {
	texts, cut := m.Texts()
	return Reading{Lines: q.Pick(texts), Cut: cut}, nil
}
