package store

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"commerce-segment/infra/emulator"
	"commerce-segment/shared/settings"
)

// A deployed store says in its outputs which tags and which key its parameters have.
func TestWrittenSettingsHaveTheTagsAndTheKeyOfTheStack(t *testing.T) {
	aws := emulator.Start(t)
	for _, variable := range emulator.Environment(aws.URL) {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	os.Unsetenv("AWS_PROFILE")
	created := aws.Call(t, "kms", "create_key", nil)["KeyMetadata"].(map[string]any)["Arn"]
	parameter := map[string]any{"Type": "AWS::SSM::Parameter", "Properties": map[string]any{"Name": "/shop/segment/path", "Type": "String", "Value": "/v1/batch"}}
	template, err := json.Marshal(map[string]any{
		"Resources": map[string]any{"Path": parameter},
		"Outputs": map[string]any{
			"Prefix": map[string]any{"Value": "/shop"}, "KeyArn": map[string]any{"Value": created}, "Tags": map[string]any{"Value": `{"team":"shop"}`},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	aws.Call(t, "cloudformation", "create_stack", map[string]any{"StackName": "shop", "TemplateBody": string(template)})
	aws.Call(t, "ssm", "put_parameter", map[string]any{"Name": "/shop/commerce/webhook-secret", "Value": "old", "Type": "SecureString"})

	s, err := OpenDeployed(t.Context(), "/shop")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(t.Context(), nil, map[string]string{settings.SegmentWriteKey: "a-write-key", settings.SegmentHost: settings.DefaultHost}); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, described := range aws.Call(t, "ssm", "describe_parameters", nil)["Parameters"].([]any) {
		p := described.(map[string]any)
		names = append(names, fmt.Sprint(p["Name"]))
		if p["Type"] == "SecureString" && p["KeyId"] != created {
			t.Errorf("%v is encrypted with %v, want %v", p["Name"], p["KeyId"], created)
		}
		tags := aws.Call(t, "ssm", "list_tags_for_resource", map[string]any{"ResourceType": "Parameter", "ResourceId": p["Name"]})["TagList"]
		if got := fmt.Sprint(tags); got != "[map[Key:team Value:shop]]" {
			t.Errorf("%v has the tags %v", p["Name"], got)
		}
	}
	slices.Sort(names)
	if want := "[/shop/commerce/webhook-secret /shop/segment/host /shop/segment/path /shop/segment/write-key]"; fmt.Sprint(names) != want {
		t.Errorf("the parameters are %v, want %s", names, want)
	}
	if values, err := s.Parameters(t.Context(), []string{settings.WebhookSecret}); err != nil || values[settings.WebhookSecret] != "old" {
		t.Errorf("the secret is now %q, %v", values[settings.WebhookSecret], err)
	}
}
