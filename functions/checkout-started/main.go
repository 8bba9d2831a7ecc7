// Command checkout-started sends checkouts started in Commerce to Segment.
package main

import (
	"commerce-segment/shared/serve"
	"commerce-segment/shared/tracking"
)

func main() { serve.Lambda(tracking.CheckoutStarted) }
