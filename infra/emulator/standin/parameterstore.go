package standin

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"commerce-segment/infra/emulator"
)

// parameterStore is an action of Parameter Store; nil where this package does not
// know it.
func (a *AWS) parameterStore(name string) *action {
	switch name {
	case "GetParameters":
		return on(a.getParameters)
	case "GetParametersByPath":
		return on(a.getParametersByPath)
	case "GetParameterHistory":
		return on(a.getParameterHistory)
	case "PutParameter":
		return on(a.putParameter)
	case "DescribeParameters":
		return on(a.describeParameters)
	case "AddTagsToResource":
		return on(a.addTagsToResource)
	}
	return nil
}

// parameter is a parameter as it was written last.
type parameter struct {
	Name, Type, Value string
	Version           int
	ARN               string `json:",omitempty"`
	DataType          string
	LastModifiedDate  float64 // seconds since 1970
	tier              string
}

// version is a parameter as it is or was.
type version struct {
	parameter
	Tier, LastModifiedUser string
}

// shown returns a parameter with its value decrypted, or not.
func (p parameter) shown(decrypted bool) parameter {
	if p.Type == "SecureString" && !decrypted {
		p.Value = "kms:alias/aws/ssm:" + p.Value
	}
	return p
}

func parameterARN(name string) string {
	return "arn:aws:ssm:" + emulator.Region + ":" + emulator.Account + ":parameter/" + strings.TrimPrefix(name, "/")
}

type getParameters struct {
	Names          []string
	WithDecryption bool
}

func (r *getParameters) resources() []string {
	arns := make([]string, len(r.Names))
	for i, name := range r.Names {
		arns[i] = parameterARN(name)
	}
	return arns
}

// maxNames is how many parameters can be read at once by their names.
const maxNames = 10

func (a *AWS) getParameters(_ context.Context, r *getParameters) (any, error) {
	if len(r.Names) > maxNames {
		return nil, &refusal{"ValidationException", "Member must have length less than or equal to 10"}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	found, invalid := []parameter{}, []string{}
	for _, name := range r.Names {
		if p, ok := a.version(name); ok {
			found = append(found, p.shown(r.WithDecryption))
		} else {
			invalid = append(invalid, name)
		}
	}
	return map[string]any{"Parameters": found, "InvalidParameters": invalid}, nil
}

// version is the parameter of that name as it is, or with a colon and a number what it was
// in that version.
func (a *AWS) version(name string) (parameter, bool) {
	name, number, selected := strings.Cut(name, ":")
	current, exists := a.parameters[name]
	if !selected || !exists {
		return current, exists
	}
	for _, p := range append(slices.Clone(a.replaced[name]), current) {
		if strconv.Itoa(p.Version) == number {
			return p, true
		}
	}
	return parameter{}, false
}

type getParametersByPath struct {
	Path           string
	Recursive      bool
	WithDecryption bool
	MaxResults     int
	NextToken      string
}

func (r *getParametersByPath) resources() []string { return []string{parameterARN(r.Path)} }

// getParametersByPath gives pages, of which the token is the place of the next.
func (a *AWS) getParametersByPath(_ context.Context, r *getParametersByPath) (any, error) {
	from := 0
	if r.NextToken != "" {
		var err error
		if from, err = strconv.Atoi(r.NextToken); err != nil {
			return nil, &refusal{"InvalidNextToken", "the token is none of this operation's"}
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	page := []parameter{}
	answer := map[string]any{}
	size := cmp.Or(r.MaxResults, maxNames)
	for i, name := range a.below(r.Path, r.Recursive) {
		switch {
		case i >= from+size:
			answer["NextToken"] = strconv.Itoa(from + size)
		case i >= from:
			page = append(page, a.parameters[name].shown(r.WithDecryption))
		}
	}
	answer["Parameters"] = page
	return answer, nil
}

// below lists the names below a path, sorted.
func (a *AWS) below(path string, recursive bool) []string {
	path = strings.TrimSuffix(path, "/") + "/"
	return slices.DeleteFunc(slices.Sorted(maps.Keys(a.parameters)), func(name string) bool {
		rest, under := strings.CutPrefix(name, path)
		return !under || !recursive && strings.Contains(rest, "/")
	})
}

type getParameterHistory struct {
	Name           string
	WithDecryption bool
}

func (r *getParameterHistory) resources() []string { return []string{parameterARN(r.Name)} }

// getParameterHistory gives the versions of a parameter on one page, the oldest first.
func (a *AWS) getParameterHistory(_ context.Context, r *getParameterHistory) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	current, exists := a.parameters[r.Name]
	if !exists {
		return nil, &refusal{"ParameterNotFound", "Parameter " + r.Name + " not found."}
	}
	versions := []version{}
	for _, p := range append(a.replaced[r.Name], current) {
		p.ARN = ""
		versions = append(versions, version{p.shown(r.WithDecryption), p.tier, "N/A"})
	}
	return map[string]any{"Parameters": versions}, nil
}

type putParameter struct {
	Name, Value, Type, Tier string
	Overwrite               bool
}

func (r *putParameter) resources() []string { return []string{parameterARN(r.Name)} }

func (a *AWS) putParameter(_ context.Context, r *putParameter) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	old, exists := a.parameters[r.Name]
	if exists && !r.Overwrite {
		return nil, &refusal{"ParameterAlreadyExists", "The parameter already exists. To overwrite this value, set the overwrite option in the request to true."}
	}
	if exists {
		a.replaced[r.Name] = append(a.replaced[r.Name], old)
	}
	a.parameters[r.Name] = parameter{
		Name: r.Name, Type: cmp.Or(r.Type, old.Type), Value: r.Value, Version: old.Version + 1,
		ARN: parameterARN(r.Name), DataType: "text", LastModifiedDate: float64(time.Now().UnixMilli()) / 1000,
		tier: cmp.Or(r.Tier, "Standard"),
	}
	return map[string]any{"Version": old.Version + 1, "Tier": a.parameters[r.Name].tier}, nil
}

type describeParameters struct {
	ParameterFilters []struct{ Values []string }
}

// resources returns none: IAM does not restrict this action to a parameter.
func (r *describeParameters) resources() []string { return nil }

// describeParameters gives the parameters below a path on one page.
func (a *AWS) describeParameters(_ context.Context, r *describeParameters) (any, error) {
	if len(r.ParameterFilters) != 1 || len(r.ParameterFilters[0].Values) != 1 {
		return nil, &refusal{"InvalidFilterValue", "the stand-in needs one filter, with one path"}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	described := []map[string]any{}
	for _, name := range a.below(r.ParameterFilters[0].Values[0], true) {
		described = append(described, map[string]any{"Name": name, "Type": a.parameters[name].Type})
	}
	return map[string]any{"Parameters": described}, nil
}

type addTagsToResource struct{ ResourceId string }

func (r *addTagsToResource) resources() []string { return []string{parameterARN(r.ResourceId)} }

// addTagsToResource keeps no tags: no other action shows them.
func (a *AWS) addTagsToResource(_ context.Context, r *addTagsToResource) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, exists := a.parameters[r.ResourceId]; !exists {
		return nil, &refusal{"InvalidResourceId", "The parameter " + r.ResourceId + " does not exist."}
	}
	return map[string]any{}, nil
}
