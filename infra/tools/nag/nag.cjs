// Checks a CloudFormation template with the rules of cdk-nag, and prints as JSON what it finds
// and how many checks there were.
const cdk = require('aws-cdk-lib');
const { CfnInclude } = require('aws-cdk-lib/cloudformation-include');
const nag = require('cdk-nag');

const [, , templateFile, outdir] = process.argv;
const result = { checks: 0, found: [] };

function add(data, finding) {
  result.checks++;
  if (finding) {
    result.found.push({ rule: data.ruleId + finding, resource: data.resource.cfnResourceType + '.' + data.resource.node.id });
  }
}

const logger = {
  onCompliance: (data) => add(data),
  onNonCompliance: (data) => add(data, data.findingId ? `[${data.findingId}]` : ' '),
  onError: (data) => add(data, ' cannot be checked: ' + data.errorMessage),
  onSuppressed() {},
  onSuppressedError() {},
  onNotApplicable() {},
};

const app = new cdk.App({ outdir });
const synthesizer = new cdk.DefaultStackSynthesizer({ generateBootstrapVersionRule: false });
const stack = new cdk.Stack(app, 'stack', { synthesizer });
new CfnInclude(stack, 'template', { templateFile });
for (const Checks of [nag.AwsSolutionsChecks, nag.ServerlessChecks]) {
  cdk.Aspects.of(app).add(new Checks({ additionalLoggers: [logger], reports: false }));
}
app.synth();
result.found.forEach((finding) => { finding.rule = finding.rule.trim(); });
console.log('\n' + JSON.stringify(result));
