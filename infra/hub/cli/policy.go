package cli

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/access"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/tracking"
)

func newPolicy() *cobra.Command {
	var s access.Store
	cmd := &cobra.Command{
		Use:   "policy " + strings.Join(access.Roles(), "|") + " --account ACCOUNT --region REGION [--prefix PREFIX]",
		Short: "Print the IAM policy that a person or a pipeline needs on AWS",
		Long: `policy prints, as JSON, the IAM policy of a role for one store. It calls nothing on AWS.

  reader    sees whether the store works and what happened to its events; changes nothing
  operator  uses the other commands of hub with --prefix, and needs the policy of a reader too
  deployer  deploys and destroys the store: it assumes the roles of the CDK's bootstrap

A reader can read the secrets in the settings. infra/docs/security.md says which command
needs which role.`,
		Example: `  hub policy reader --account 123456789012 --region eu-central-1 > reader.json
  aws iam create-policy --policy-name segment-reader --policy-document file://reader.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkPolicyStore(s); err != nil {
				return withUsage(cmd, err)
			}
			policy, err := access.PolicyOf(args[0], s)
			if err != nil {
				return withUsage(cmd, err)
			}
			return printJSON(cmd.OutOrStdout(), policy)
		},
	}
	cmd.Flags().StringVar(&s.Prefix, "prefix", store.DefaultPrefix, "the `prefix` of the store")
	cmd.Flags().StringVar(&s.Account, "account", "", "the `ACCOUNT` of the store, 12 digits")
	cmd.Flags().StringVar(&s.Region, "region", "", "the `REGION` of the store")
	cmd.Flags().StringVar(&s.Key, "key", "", "the `ARN` of the KMS key of the store, if it has the option kmsKeyArn")
	cmd.Flags().StringVar(&s.Topic, "topic", "", "the `ARN` of the topic of the alarms, if the store has the option alarmTopic")
	cmd.Flags().StringSliceVar(&s.Trackings, "trackings", nil, "the optional `trackings` of the store, if it has the option trackings")
	cmd.Flags().StringVar(&s.Qualifier, "qualifier", "hnb659fds", "for a deployer: the `qualifier` of the CDK's bootstrap")
	return cmd
}

var (
	accountForm   = regexp.MustCompile(`^\d{12}$`)
	regionForm    = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-\d$`)
	prefixForm    = regexp.MustCompile(`^(/[A-Za-z0-9_.-]+)+$`)
	keyForm       = regexp.MustCompile(`^(arn:[\w-]+:kms:[\w-]+:\d{12}:key/[\w-]+)?$`)
	topicForm     = regexp.MustCompile(`^(arn:[\w-]+:sns:[\w-]+:\d{12}:[\w-]+)?$`)
	qualifierForm = regexp.MustCompile(`^[a-z0-9]{1,10}$`)
)

// checkPolicyStore returns an error if a value cannot be a part of an ARN, or would be a
// wildcard in it.
func checkPolicyStore(s access.Store) error {
	for _, c := range []struct {
		flag, value, right string
		form               *regexp.Regexp
	}{
		{"account", s.Account, "write the 12 digits of the AWS account", accountForm},
		{"region", s.Region, "write an AWS region, for example eu-central-1", regionForm},
		{"prefix", s.Prefix, "write the prefix of the store, for example " + store.DefaultPrefix, prefixForm},
		{"key", s.Key, "write the ARN of a key, not of an alias, for example arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab", keyForm},
		{"topic", s.Topic, "write the ARN of a topic, for example arn:aws:sns:eu-central-1:123456789012:on-call", topicForm},
		{"qualifier", s.Qualifier, "write the qualifier of the CDK's bootstrap: up to 10 lower-case letters and digits", qualifierForm},
	} {
		if !c.form.MatchString(c.value) {
			return fmt.Errorf("--%s %q: %s", c.flag, c.value, c.right)
		}
	}
	for _, name := range s.Trackings {
		if !slices.Contains(tracking.Optional(), name) {
			return fmt.Errorf("--trackings %q: write the names of optional trackings: %s", name, strings.Join(tracking.Optional(), ", "))
		}
	}
	return nil
}
