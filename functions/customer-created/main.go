// Command customer-created sends new Commerce customers to Segment.
package main

import (
	"commerce-segment/shared/serve"
	"commerce-segment/shared/tracking"
)

func main() { serve.Lambda(tracking.CustomerCreated) }
