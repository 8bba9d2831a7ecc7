// Command order-completed tells Segment of completed Commerce orders.
package main

import (
	"commerce-segment/shared/serve"
	"commerce-segment/shared/tracking"
)

func main() { serve.Lambda(tracking.OrderCompleted) }
