// Command customer-created tells Segment of new Commerce customers.
package main

import (
	"commerce-segment/shared/serve"
	"commerce-segment/shared/tracking"
)

func main() { serve.Lambda(tracking.CustomerCreated) }
