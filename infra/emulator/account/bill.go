package account

import (
	"fmt"
	"strings"
	"time"
)

// The prices of AWS in us-east-1, in dollars, without free tiers and taxes.
const (
	lambdaRequest  = 0.20 / 1e6
	lambdaGBSecond = 0.0000133334 // arm64
	sqsRequest     = 0.40 / 1e6
	logByte        = 0.50 / 1e9
	httpRequest    = 1.00 / 1e6
)

// What CloudWatch Logs adds to the lines of a function, in bytes.
const (
	platformLines = 900 // the lines of Lambda about one invocation, in JSON: start, runtime done, report
	logEvent      = 26  // for each line
)

// memoryGB is the memory of a function.
const memoryGB = 0.25

// Bill is what a usage costs, in dollars.
type Bill struct {
	Lambda, SQS, Logs, API float64
}

// Bill returns the cost of the usage at list prices. It leaves out what does not depend on
// events: alarms, metrics and the storage of logs.
func (u Usage) Bill() Bill {
	return Bill{
		Lambda: float64(u.Invocations)*lambdaRequest + u.Billed.Seconds()*memoryGB*lambdaGBSecond,
		SQS:    float64(u.SQSRequests) * sqsRequest,
		Logs:   float64(u.LogBytes) * logByte,
		API:    float64(u.Events) * httpRequest,
	}
}

// Total returns the sum.
func (b Bill) Total() float64 { return b.Lambda + b.SQS + b.Logs + b.API }

// String returns the bill and what it was computed from.
func (u Usage) String() string {
	b := u.Bill()
	var s strings.Builder
	fmt.Fprintf(&s, "%d webhooks, %d refused; %d invocations, %d starts, at most %d at once, %d throttled; %.0f GB-s; %d SQS requests; %d MB of log\n",
		u.Events, len(u.Refused), u.Invocations, u.Starts, u.PeakRunning, u.Throttled, u.Billed.Seconds()*memoryGB, u.SQSRequests, u.LogBytes>>20)
	fmt.Fprintf(&s, "cost in dollars: Lambda %.4f, SQS %.4f, logs %.4f, HTTP API %.4f; total %.4f", b.Lambda, b.SQS, b.Logs, b.API, b.Total())
	return s.String()
}

// Since returns the usage without that of an earlier time.
func (u Usage) Since(earlier Usage) Usage {
	u.Invocations -= earlier.Invocations
	u.Starts -= earlier.Starts
	u.Billed -= earlier.Billed
	u.Refused = u.Refused[len(earlier.Refused):]
	u.Throttled -= earlier.Throttled
	u.SQSRequests -= earlier.SQSRequests
	u.ParameterReads -= earlier.ParameterReads
	u.LogBytes -= earlier.LogBytes
	u.Events -= earlier.Events
	return u
}

// Times returns the usage as often, for example that of a day thirty times.
func (u Usage) Times(factor int) Usage {
	u.Invocations *= factor
	u.Starts *= factor
	u.Billed *= time.Duration(factor)
	u.SQSRequests *= factor
	u.ParameterReads *= factor
	u.LogBytes *= factor
	u.Events *= factor
	return u
}
