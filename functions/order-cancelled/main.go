// Command order-cancelled sends cancelled Commerce orders to Segment.
package main

import (
	"commerce-segment/shared/serve"
	"commerce-segment/shared/tracking"
)

func main() { serve.Lambda(tracking.OrderCancelled) }
