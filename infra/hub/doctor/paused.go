package doctor

import "context"

// paused reports the trackings whose delivery is paused.
func (p Patient) paused(ctx context.Context) (found []Finding) {
	pauses, err := p.Store.Pauses(ctx)
	if err != nil {
		return unknown(err)
	}
	for _, pause := range pauses {
		found = append(found, Finding{State: Warning, Says: pause.Says(), Do: "hub resume " + pause.Tracking.Name + p.Store.Flag() + " sends the kept events"})
	}
	return found
}
