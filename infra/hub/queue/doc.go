// Package queue keeps a hub's events on the disk of this machine: the events that are
// waiting for delivery, and the dead letters. A queue behaves like an SQS queue: it
// delivers at least once, has a visibility timeout, counts receives, and turns an event that
// was received too often into a dead letter.
//
// The directory contains:
//
//	waiting-000001.db  waiting events, about 64 MiB of them; when it is full, the next file
//	                   is created, and it is removed when its last event is delivered
//	failed.db          the dead letters
//	*.damaged-*        a file that was found damaged and renamed; it is not read again
//
// Each file is a database. There are many files of limited size because a file never
// shrinks, and each change writes the list of its free pages: after a long outage that list
// would be many megabytes.
package queue
