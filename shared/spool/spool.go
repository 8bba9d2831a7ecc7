// Package spool is the durable queue between accepting and delivering: what an
// event looks like on it, the queue in AWS (SQS), and the queue in memory.
package spool
