// Command order-cancelled tells Segment of cancelled Commerce orders.
package main

import (
	"commerce-segment/shared/serve"
	"commerce-segment/shared/tracking"
)

func main() { serve.Lambda(tracking.OrderCancelled) }
