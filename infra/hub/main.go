// Command hub is the operator's program. It runs the whole integration on this machine,
// shows what Segment would receive for a webhook, tests templates, and sets up and operates
// a store that is deployed on AWS.
package main

import (
	// The package has the root certificates for a system without them, such as the container image.
	_ "golang.org/x/crypto/x509roots/fallback"

	"commerce-segment/infra/hub/cli"
)

func main() { cli.Main() }
