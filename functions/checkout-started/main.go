// Command checkout-started tells Segment of checkouts started in Commerce.
package main

import (
	"commerce-segment/shared/serve"
	"commerce-segment/shared/tracking"
)

func main() { serve.Lambda(tracking.CheckoutStarted) }
