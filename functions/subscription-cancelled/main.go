// Command subscription-cancelled sends cancelled subscriptions of Commerce to Segment.
package main

import (
	"commerce-segment/shared/serve"
	"commerce-segment/shared/tracking"
)

func main() { serve.Lambda(tracking.SubscriptionCancelled) }
