package doctor

import (
	"context"
	"fmt"

	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
)

// acceptingNeeds is how many executions are left for accepting webhooks in a healthy account.
// They accept about 50 webhooks a second, if a cold start takes a fifth of one.
const acceptingNeeds = 10

// limits compares the limits of a deployed store's account with what the store needs.
func (p Patient) limits(ctx context.Context) []Finding {
	d := p.Store.Deployment
	if d == nil {
		return nil
	}
	l, err := d.Limits(ctx)
	if err != nil {
		return unknown(err)
	}
	return limitFindings(l, d.Config.Region)
}

// The quotas of AWS that a store can reach, as Service Quotas names them.
const (
	lambdaConcurrency = "--service-code lambda --quota-code L-B99A9384"     // concurrent executions
	apiRate           = "--service-code apigateway --quota-code L-8A5B8E43" // requests a second
)

// raise returns the command that asks AWS for a higher limit.
func raise(region, quota string, to int) string {
	return fmt.Sprintf("aws service-quotas request-service-quota-increase --region %s %s --desired-value %d", region, quota, to)
}

// limitFindings reports limits that are too low, and those that were reached.
func limitFindings(l store.Limits, region string) []Finding {
	days := fmt.Sprintf("in the last %d days", int(store.LimitsPeriod.Hours())/24)
	more := raise(region, lambdaConcurrency, max(1000, 2*l.Concurrency))
	capacity := fmt.Sprintf("the account can run %s at the same time in %s, %d of them without a reservation, and deliveries may use %d",
		words.Count(l.Concurrency, "function"), region, l.Unreserved, l.Deliveries)
	found := []Finding{{State: OK, Says: capacity}}
	if l.Unreserved-l.Deliveries < acceptingNeeds {
		found[0] = Finding{State: Warning, Says: capacity + ". Too few are left to accept webhooks while Segment is slow: they can be answered 429 or 5xx", Do: more}
	}
	if l.Throttled > 0 {
		found = append(found, Finding{State: Warning, Says: fmt.Sprintf("Lambda did not start %s %s, because the limit of concurrent executions was reached", words.Count(l.Throttled, "execution"), days), Do: more})
	}
	if l.Rejected > 0 {
		f := Finding{State: Warning, Says: fmt.Sprintf("API Gateway answered %s with 429 %s: they are lost unless Commerce sent them again", words.Count(l.Rejected, "webhook"), days),
			Do: raise(region, apiRate, 20_000) + " asks for more requests a second; hub reconcile finds the missing events"}
		if l.Throttled > 0 {
			f.Do = more + " first, because Lambda was throttled too; hub reconcile finds the missing events"
		}
		found = append(found, f)
	}
	return found
}
