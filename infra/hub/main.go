// Command hub is the operator's program. It runs the whole integration on this
// machine, shows what Segment would be told of a webhook, tries templates, and sets
// up and looks after a store that is deployed on AWS.
package main

import "commerce-segment/infra/hub/cli"

func main() { cli.Main() }
