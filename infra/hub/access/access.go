// Package access has the IAM policies of those who work with a store on AWS: what each command
// of the hub may call. A test runs the commands, and compares what they call.
package access

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"commerce-segment/infra/stack/outputs"
	"commerce-segment/shared/tracking"
)

// The roles of people and pipelines.
const (
	Reader   = "reader"   // sees whether a store works, and changes nothing
	Operator = "operator" // a reader who also uses the other commands of the hub
	Deployer = "deployer" // deploys and destroys with the CDK
)

// Roles returns the roles.
func Roles() []string { return []string{Reader, Operator, Deployer} }

// Commands has the role that each command with --prefix needs. An operator is a
// reader too.
var Commands = map[string]string{
	"hub settings":            Reader,
	"hub status":              Reader,
	"hub doctor":              Reader,
	"hub executions":          Reader,
	"hub trace":               Reader,
	"hub reconcile":           Reader,
	"hub revenue":             Reader,
	"hub compare":             Reader,
	"hub received":            Reader,
	"hub deletions":           Reader,
	"hub templates pull":      Reader,
	"hub templates diff":      Reader,
	"hub templates versions":  Reader,
	"hub webhooks list":       Reader,
	"hub webhooks urls":       Reader,
	"hub sources list":        Reader,
	"hub plan show":           Reader,
	"hub plan diff":           Reader,
	"hub configure":           Operator,
	"hub console":             Operator,
	"hub rotate":              Operator,
	"hub templates push":      Operator,
	"hub templates restore":   Operator,
	"hub templates fields":    Operator,
	"hub webhooks sync":       Operator,
	"hub sources create":      Operator,
	"hub plan push":           Operator,
	"hub webhooks remove":     Operator,
	"hub retry":               Operator,
	"hub pause":               Operator,
	"hub resume":              Operator,
	"hub backfill":            Operator,
	"hub deadletters list":    Operator, // it receives the events, with the personal data in them
	"hub deadletters redrive": Operator,
	"hub export":              Operator,
	"hub import":              Operator,
	"hub unprotect":           Deployer, // make destroy runs it
}

// Store is the deployed store that a policy is for.
type Store struct {
	Prefix, Account, Region string
	// Key is the ARN of the customer's key of the store. "" means AWS's own keys.
	Key string
	// Topic is the ARN of the existing topic to which the alarms publish. "" means that the store
	// has its own.
	Topic string
	// Trackings are the names of its optional trackings.
	Trackings []string
	// Qualifier is that of the CDK's bootstrap, which is in the names of its roles.
	Qualifier string
}

// Policy is an IAM policy.
type Policy struct {
	Version   string
	Statement []Statement
}

// Statement allows actions on resources.
type Statement struct {
	Sid       string
	Effect    string
	Action    []string
	Resource  []string
	Condition map[string]map[string][]string `json:",omitempty"`
}

// PolicyOf returns the policy of a role. An operator needs that of a reader too.
func PolicyOf(role string, s Store) (Policy, error) {
	var statements []Statement
	switch role {
	case Reader:
		statements = s.read()
	case Operator:
		statements = s.operate()
	case Deployer:
		statements = s.deploy()
	default:
		return Policy{}, fmt.Errorf("there is no role %s: write %s", role, strings.Join(Roles(), ", "))
	}
	return Policy{Version: "2012-10-17", Statement: statements}, nil
}

// read returns what a reader needs.
func (s Store) read() []Statement {
	return append([]Statement{
		s.findStore(),
		s.countEvents(),
		allow("ReadSettings", s.parameters(), "ssm:GetParameters", "ssm:GetParametersByPath", "ssm:GetParameterHistory"),
		allow("ReadLogs", s.eachTracking("logs", func(name string) string { return "log-group:/aws/lambda/" + name + ":*" }), "logs:StartQuery"),
		allow("ReadAlarms", []string{s.arn("cloudwatch", "alarm:"+s.stack()+"-*")}, "cloudwatch:DescribeAlarms"),
		allow("ReadSubscriptions", []string{cmp.Or(s.Topic, s.arn("sns", s.stack()+"-alarms"))}, "sns:ListSubscriptionsByTopic"),
		allow("ReadConcurrency", s.functions(), "lambda:GetFunctionConcurrency"),
		// AWS does not restrict these to a resource.
		allow("ReadTheAccount", []string{"*"}, "logs:GetQueryResults", "logs:DescribeLogGroups", "lambda:ListEventSourceMappings",
			"lambda:GetAccountSettings", "cloudwatch:GetMetricData"),
	}, s.useKey("DecryptSettings", "kms:Decrypt")...)
}

// operate returns what an operator needs in addition to a reader. The two are separate
// policies, because IAM limits the length of one.
func (s Store) operate() []Statement {
	pause := allow("PauseAndResume", []string{s.arn("lambda", "event-source-mapping:*")}, "lambda:UpdateEventSourceMapping")
	pause.Condition = map[string]map[string][]string{"ArnEquals": {
		"lambda:FunctionArn": s.functions(),
	}}
	return append([]Statement{
		allow("WriteSettings", s.parameters(), "ssm:PutParameter", "ssm:AddTagsToResource"),
		allow("ListParameters", []string{"*"}, "ssm:DescribeParameters"), // AWS does not restrict it to a resource
		allow("SendAndReadEvents", s.queues(), "sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"),
		pause,
	}, s.useKey("EncryptSettingsAndEvents", "kms:Encrypt", "kms:GenerateDataKey")...)
}

// deploy returns what the CDK needs: to assume the roles of its bootstrap, which do the work.
// make destroy also says what is lost, and switches the termination protection off.
func (s Store) deploy() []Statement {
	var roles []string
	for _, role := range []string{"deploy", "file-publishing", "lookup"} {
		roles = append(roles, fmt.Sprintf("arn:aws:iam::%s:role/cdk-%s-%s-role-%s-%s", s.Account, s.Qualifier, role, s.Account, s.Region))
	}
	return []Statement{
		allow("DeployWithTheCDK", roles, "sts:AssumeRole"),
		s.findStore(),
		s.countEvents(),
		allow("FindEditedTemplates", []string{s.arn("ssm", "parameter"+s.Prefix+"/templates/*")}, "ssm:GetParameters"),
		allow("Unprotect", s.stackARN(), "cloudformation:UpdateTerminationProtection"),
	}
}

func (s Store) findStore() Statement {
	return allow("FindTheStore", s.stackARN(), "cloudformation:DescribeStacks")
}

func (s Store) countEvents() Statement {
	return allow("CountEvents", s.queues(), "sqs:GetQueueAttributes")
}

// useKey allows actions with the customer's key, if the store has one, and only through the
// services that encrypt with it.
func (s Store) useKey(sid string, actions ...string) []Statement {
	if s.Key == "" {
		return nil
	}
	use := allow(sid, []string{s.Key}, actions...)
	use.Condition = map[string]map[string][]string{"StringEquals": {
		"kms:ViaService": {"ssm." + s.Region + ".amazonaws.com", "sqs." + s.Region + ".amazonaws.com"},
	}}
	return []Statement{use}
}

func allow(sid string, resources []string, actions ...string) Statement {
	return Statement{Sid: sid, Effect: "Allow", Action: actions, Resource: resources}
}

func (s Store) stack() string { return outputs.StackName(s.Prefix) }

// stackARN returns the stack with any id: a stack that is deployed again has another one.
func (s Store) stackARN() []string { return []string{s.arn("cloudformation", "stack/"+s.stack()+"/*")} }

func (s Store) arn(service, resource string) string {
	return "arn:aws:" + service + ":" + s.Region + ":" + s.Account + ":" + resource
}

// parameters returns the settings, and the path that lists them.
func (s Store) parameters() []string {
	return []string{s.arn("ssm", "parameter"+s.Prefix), s.arn("ssm", "parameter"+s.Prefix+"/*")}
}

// functions returns the function of each tracking.
func (s Store) functions() []string {
	return s.eachTracking("lambda", func(name string) string { return "function:" + name })
}

// queues returns the queues of each tracking.
func (s Store) queues() []string {
	var arns []string
	for _, suffix := range []string{"", "-waiting", "-dead-letters"} {
		arns = append(arns, s.eachTracking("sqs", func(name string) string { return name + suffix })...)
	}
	return arns
}

// eachTracking returns the ARN of a resource that each tracking has. The argument of resource
// is the name of the tracking's function, with which those of the others begin.
func (s Store) eachTracking(service string, resource func(name string) string) []string {
	var arns []string
	for _, t := range tracking.All() {
		if t.Optional && !slices.Contains(s.Trackings, t.Name) {
			continue
		}
		arns = append(arns, s.arn(service, resource(s.stack()+"-"+t.Name)))
	}
	return arns
}
