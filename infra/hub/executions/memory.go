package executions

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"sync"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// memoryBytes limits the lines of genuine webhooks that a Memory keeps; each takes about 500
// bytes. otherBytes limits all other lines.
const (
	memoryBytes = 16 << 20
	otherBytes  = 64 << 10
)

// Memory keeps the log lines of a hub on this machine, and drops the oldest ones if there are
// too many. Lines of forged webhooks, which anyone can cause, do not displace other lines.
type Memory struct {
	mu              sync.Mutex
	genuine, others ring
}

// ring is a list of lines with a limited total size, oldest first.
type ring struct {
	lines [][]byte
	bytes int
	keeps int
	cut   bool
}

// NewMemory returns an empty Memory.
func NewMemory() *Memory {
	return &Memory{genuine: ring{keeps: memoryBytes}, others: ring{keeps: otherBytes}}
}

// Handler returns a handler that writes log records to the Memory, in the form of a function
// on AWS.
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
		m.others.keep(line)
	}
	return len(line), nil
}

func (r *ring) keep(line []byte) {
	r.lines = append(r.lines, bytes.Clone(line))
	r.bytes += len(line)
	for r.bytes > r.keeps {
		r.bytes -= len(r.lines[0])
		r.lines[0] = nil // frees the bytes now, not when the slice grows
		r.lines = r.lines[1:]
		r.cut = true
	}
}

// Texts returns the lines as they were written, in no particular order, and whether older
// lines of genuine webhooks were dropped.
func (m *Memory) Texts() (texts [][]byte, cut bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Concat(m.others.lines, m.genuine.lines), m.genuine.cut
}

// Read implements Log.
func (m *Memory) Read(_ context.Context, q Query) (Reading, error) {
	texts, cut := m.Texts()
	return Reading{Lines: q.Pick(texts), Cut: cut}, nil
}
