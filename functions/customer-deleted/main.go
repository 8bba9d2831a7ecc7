// Command customer-deleted asks Segment to delete the customers who are deleted in Commerce.
package main

import (
	"commerce-segment/shared/serve"
	"commerce-segment/shared/tracking"
)

func main() { serve.Lambda(tracking.CustomerDeleted) }
