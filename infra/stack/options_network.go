package stack

import (
	"errors"
	"fmt"
	"net/url"
)

// APIOptions are the options of the API that receives the webhooks.
type APIOptions struct {
	// Domain is the store's own domain name. "" means the address that AWS chooses.
	Domain string
	// CertificateARN is the certificate of the domain. "" means that the stack makes one.
	CertificateARN string
	// ZoneID and ZoneName are the hosted zone of Route 53 to which the domain belongs. Without
	// them, the operator makes the domain's record.
	ZoneID, ZoneName string
	// DefaultEndpoint is whether the address that AWS chooses also works.
	DefaultEndpoint bool
	// Rate and Burst limit the requests: those of a second, and those at the same moment. 0
	// means the limits of the account.
	Rate, Burst int
}

func apiOptions(r *optionReader) APIOptions {
	const domain = `^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$`
	o := APIOptions{
		Domain:          r.text("domain.name", "", matches(domain, "use a domain name in lower case, such as hooks.example.com")),
		CertificateARN:  r.text("domain.certificateArn", "", matches(`^arn:[\w-]+:acm:[\w-]+:\d{12}:certificate/[\w-]+$`, "use the ARN of a certificate in the region of the store, such as arn:aws:acm:eu-west-1:123456789012:certificate/1234abcd-12ab-34cd-56ef-1234567890ab")),
		ZoneID:          r.text("domain.hostedZoneId", "", matches(`^[A-Z0-9]+$`, "use the id of a hosted zone, such as Z0123456789ABCDEFGHIJ")),
		ZoneName:        r.text("domain.hostedZoneName", "", matches(domain, "use the name of the hosted zone, such as example.com")),
		DefaultEndpoint: r.flag("domain.defaultEndpoint", true),
		Rate:            r.number("throttling.rate", 0, between(1, 100_000)),
		Burst:           r.number("throttling.burst", 0, between(1, 100_000)),
	}
	haveZone := o.ZoneID != "" && o.ZoneName != ""
	switch {
	case !haveZone && o.ZoneID+o.ZoneName != "":
		r.addError("domain", errors.New("a hosted zone has an id and a name: set hostedZoneId and hostedZoneName, or neither"))
	case o.Domain == "" && (o.CertificateARN != "" || haveZone || !o.DefaultEndpoint):
		r.addError("domain", errors.New("the name of the domain is missing: set domain.name"))
	case o.Domain != "" && o.CertificateARN == "" && !haveZone:
		r.addError("domain", errors.New("the certificate is missing: set certificateArn, or hostedZoneId and hostedZoneName, with which the stack makes one"))
	}
	if (o.Rate == 0) != (o.Burst == 0) {
		r.addError("throttling", errors.New("API Gateway limits both or nothing: set rate and burst"))
	}
	return o
}

// NetworkOptions say how the functions reach AWS.
type NetworkOptions struct {
	// Subnets and SecurityGroups connect the functions to a VPC. None means no VPC.
	Subnets, SecurityGroups []string
	// FIPS is whether the functions use the endpoints of AWS that are validated by FIPS 140.
	FIPS bool
	// SQS and ParameterStore are the URLs of interface endpoints in the VPC. "" means the
	// names that all use, which a VPC with private DNS resolves to its own endpoints.
	SQS, ParameterStore string
}

func networkOptions(r *optionReader) NetworkOptions {
	o := NetworkOptions{
		Subnets:        r.list("vpc.subnetIds", matches(`^subnet-[0-9a-f]+$`, "use the id of a subnet, such as subnet-0123456789abcdef0")),
		SecurityGroups: r.list("vpc.securityGroupIds", matches(`^sg-[0-9a-f]+$`, "use the id of a security group, such as sg-0123456789abcdef0")),
		FIPS:           r.flag("fips", false),
		SQS:            r.text("endpoints.sqs", "", checkEndpoint),
		ParameterStore: r.text("endpoints.ssm", "", checkEndpoint),
	}
	if (len(o.Subnets) == 0) != (len(o.SecurityGroups) == 0) {
		r.addError("vpc", errors.New("a function in a VPC has subnets and security groups: set subnetIds and securityGroupIds, or neither"))
	}
	if o.FIPS && o.SQS+o.ParameterStore != "" {
		r.addError("fips", errors.New("the SDK of AWS does not use an endpoint together with fips: leave endpoints out, and give the VPC endpoints of the FIPS services private DNS"))
	}
	return o
}

func checkEndpoint(text string) error {
	if u, err := url.Parse(text); err != nil || u.Scheme != "https" || u.Hostname() == "" {
		return fmt.Errorf("%q is not an https URL: use one such as https://vpce-0123456789abcdef0-abcdefgh.sqs.eu-west-1.vpce.amazonaws.com", text)
	}
	return nil
}
