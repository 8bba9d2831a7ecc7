package local

import (
	"math"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"time"

	"commerce-segment/infra/hub/health"
)

// Queues implements health.Hub.
func (m machine) Queues() (waiting, deadLetters int, oldest time.Time) {
	status := m.webhooks.status()
	return status.Waiting, status.Failed, status.Oldest
}

// Resources implements health.Hub.
func (m machine) Resources() health.Machine {
	r := health.Machine{Address: strings.TrimPrefix(m.url, "http://")}
	if err := m.queues.Writable(); err != nil {
		r.WriteError = err.Error()
	}
	if free, err := m.queues.Free(); err == nil {
		r.FreeBytes, r.FreeKnown = free, true
	}
	r.Memory = memoryInUse()
	if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 { // -1 changes nothing
		r.MemoryLimit = uint64(limit)
	}
	return r
}

// memoryInUse returns the memory that the limit of the garbage collector is about.
func memoryInUse() uint64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64() - samples[1].Value.Uint64()
}
