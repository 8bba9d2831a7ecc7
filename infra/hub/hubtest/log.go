package hubtest

import (
	"bytes"
	"sync"
)

// Log is a buffer that a program may write while a test reads it.
type Log struct {
	mu      sync.Mutex
	content bytes.Buffer
}

func (b *Log) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.content.Write(p)
}

func (b *Log) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.content.String()
}
