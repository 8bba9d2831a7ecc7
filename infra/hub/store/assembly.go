package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"commerce-segment/infra/stack/outputs"
)

// ReadAssembly returns the prefix and the region of the only stack in a directory of CDK. The
// region is empty if the deployment uses that of the credentials.
func ReadAssembly(directory string) (prefix, region string, err error) {
	content, err := os.ReadFile(filepath.Join(directory, "manifest.json"))
	if err != nil {
		return "", "", fmt.Errorf("reading what CDK wrote: %w", err)
	}
	var manifest struct {
		Artifacts map[string]struct{ Type, Environment string }
	}
	if err := json.Unmarshal(content, &manifest); err != nil {
		return "", "", fmt.Errorf("reading what CDK wrote: %w", err)
	}
	for name, artifact := range manifest.Artifacts {
		if artifact.Type != "aws:cloudformation:stack" {
			continue
		}
		region := artifact.Environment[strings.LastIndex(artifact.Environment, "/")+1:]
		if region == "unknown-region" {
			region = ""
		}
		return outputs.PrefixOf(name), region, nil
	}
	return "", "", errors.New("CDK wrote no stack to " + directory)
}
