// Command customer-updated tells Segment of changed Commerce customers.
package main

import (
	"commerce-segment/shared/serve"
	"commerce-segment/shared/tracking"
)

func main() { serve.Lambda(tracking.CustomerUpdated) }
