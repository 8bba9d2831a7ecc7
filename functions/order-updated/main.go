// Command order-updated tells Segment of updated Commerce orders.
package main

import (
	"commerce-segment/shared/serve"
	"commerce-segment/shared/tracking"
)

func main() { serve.Lambda(tracking.OrderUpdated) }
