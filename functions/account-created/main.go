// Command account-created sends created accounts of Commerce to Segment.
package main

import (
	"commerce-segment/shared/serve"
	"commerce-segment/shared/tracking"
)

func main() { serve.Lambda(tracking.AccountCreated) }
