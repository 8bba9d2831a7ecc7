// Command order-refunded tells Segment of refunded Commerce orders.
package main

import (
	"commerce-segment/shared/serve"
	"commerce-segment/shared/tracking"
)

func main() { serve.Lambda(tracking.OrderRefunded) }
