package serve

import "commerce-segment/shared/tracking"

// Lambda runs a tracking's function until the process ends.
func Lambda(t tracking.Tracking) { panic("not yet") }
