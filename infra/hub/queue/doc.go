// Package queue keeps a hub's events on the disk of this machine: those that wait for
// delivery, and the dead letters. A queue behaves as those on AWS do: at least once, a
// visibility timeout, a count of receives, and a move to the dead letters after too many
// of them.
//
// What lies in the directory:
//
//	waiting-000001.db  events that wait, about 64 MiB of them; a new file is begun when it
//	                   is full, and a full one is removed when its last event is delivered
//	failed.db          the dead letters
//
// Each is a database of go.etcd.io/bbolt, which is one file, needs no server, adds two
// seconds to a first build, and survives a crash at any moment: a change is written next to
// what it replaces, synced, and only then put in effect. There are many files of a limited
// size because a bbolt file never shrinks, and writes the list of its free pages with each
// change: after a long outage that list would be many megabytes.
//
// Changes that arrive while another one is synced are written together, so that many
// webhooks cost one sync.
package queue
