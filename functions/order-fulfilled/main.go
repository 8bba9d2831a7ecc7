// Command order-fulfilled sends fulfilled Commerce orders to Segment.
package main

import (
	"commerce-segment/shared/serve"
	"commerce-segment/shared/tracking"
)

func main() { serve.Lambda(tracking.OrderFulfilled) }
