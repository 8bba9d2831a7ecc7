// Package disk keeps the log lines about the webhooks of a hub on the disk of this machine,
// so that their executions can be read after a restart.
//
// The directory contains:
//
//	<time>.db    the executions of the webhooks that were received from this time on, until
//	             that of the next file; a new file begins every day, or at about 32 MiB
//	*.damaged-*  a file that was found damaged and renamed; it is not read again
//
// So old executions are removed by removing files, and the time that a change takes does not
// grow with the number of executions. Each file is a database with these buckets:
//
//	executions  when the webhook was received, and its tracking -> its outcome and its lines
//	ids         an order's number, or an order's, customer's or webhook's id, and a key of executions -> nothing
//	minutes     a minute -> how many executions there are by tracking, event, outcome and
//	            reason, and how long their deliveries took
//	hours       the same for whole hours
//
// Lines are buffered, and written in the background a few times a second. If the process is
// killed, the lines of the last moment are lost. (Events are not lost: they are in package
// queue.)
package disk
