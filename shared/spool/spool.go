// Package spool is the durable queue between accepting and delivering: what an
// event looks like on it, and the queue in memory.
package spool
