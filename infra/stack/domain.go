package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscertificatemanager"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsroute53"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsroute53targets"
	"github.com/aws/jsii-runtime-go"
)

// endpoint is where the API receives webhooks.
type endpoint struct {
	// address is the beginning of the URLs of the webhooks, "https://hooks.example.com".
	address string
	// target is the name to which the operator must point the domain, or nil.
	target *string
}

// newDomain gives a stage of the API the store's own domain, if it has one.
func newDomain(stack awscdk.Stack, o Options, api awsapigatewayv2.HttpApi, stage awsapigatewayv2.CfnStage) endpoint {
	if o.API.Domain == "" {
		return endpoint{address: *api.ApiEndpoint()}
	}
	var zone awsroute53.IHostedZone
	if o.API.ZoneID != "" {
		zone = awsroute53.HostedZone_FromHostedZoneAttributes(stack, jsii.String("Zone"), &awsroute53.HostedZoneAttributes{
			HostedZoneId: jsii.String(o.API.ZoneID), ZoneName: jsii.String(o.API.ZoneName),
		})
	}
	domain := awsapigatewayv2.NewDomainName(stack, jsii.String("Domain"), &awsapigatewayv2.DomainNameProps{
		DomainName: jsii.String(o.API.Domain), Certificate: certificateOf(stack, o, zone),
		SecurityPolicy: awsapigatewayv2.SecurityPolicy_TLS_1_2,
	})
	awsapigatewayv2.NewCfnApiMapping(stack, jsii.String("Mapping"), &awsapigatewayv2.CfnApiMappingProps{
		ApiId: api.ApiId(), DomainName: domain.Name(), Stage: stage.Ref(),
	})
	e := endpoint{address: "https://" + o.API.Domain}
	if zone == nil {
		e.target = domain.RegionalDomainName()
		return e
	}
	record := awsroute53.RecordTarget_FromAlias(awsroute53targets.NewApiGatewayv2DomainProperties(domain.RegionalDomainName(), domain.RegionalHostedZoneId()))
	awsroute53.NewARecord(stack, jsii.String("Record"), &awsroute53.ARecordProps{
		Zone: zone, RecordName: jsii.String(o.API.Domain + "."), Target: record, // with the dot CDK appends no zone
	})
	return e
}

// certificateOf returns the certificate of the domain: the given one, or a new one, which ACM
// issues and renews by a record in the hosted zone.
func certificateOf(stack awscdk.Stack, o Options, zone awsroute53.IHostedZone) awscertificatemanager.ICertificate {
	if o.API.CertificateARN != "" {
		return awscertificatemanager.Certificate_FromCertificateArn(stack, jsii.String("Certificate"), jsii.String(o.API.CertificateARN))
	}
	return awscertificatemanager.NewCertificate(stack, jsii.String("Certificate"), &awscertificatemanager.CertificateProps{
		DomainName: jsii.String(o.API.Domain), Validation: awscertificatemanager.CertificateValidation_FromDns(zone),
	})
}
