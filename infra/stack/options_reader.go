package stack

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/constructs-go/constructs/v10"
)

// contextEnvironment is the context value that names an environment.
const contextEnvironment = "env"

// optionReader reads options by their keys and collects all errors. A key has a dot for each level of
// the environment: domain.name is the member name of the object domain. The context has the
// same keys; a value of the command line is a text there, such as -c tags=team=shop,stage=prod.
type optionReader struct {
	context     map[string]any
	environment map[string]any
	name        string   // of the environment, with its file, for messages
	keys        []string // that were read
	wrong       []error
}

// newOptionReader returns a reader of the context, and of the environment that the context names, if
// it names one.
func newOptionReader(app constructs.Construct, file string) (*optionReader, error) {
	context, _ := app.Node().GetAllContext(nil).(map[string]any)
	r := &optionReader{context: context, keys: []string{contextEnvironment}}
	name, given := context[contextEnvironment]
	if !given {
		return r, nil
	}
	all, err := readEnvironments(file)
	if err != nil {
		return nil, fmt.Errorf("the environment %v: %w", name, err)
	}
	environment, found := all[fmt.Sprint(name)]
	if !found {
		return nil, fmt.Errorf("infra/%s has no environment %v: it has %s", path.Base(file), name, strings.Join(slices.Sorted(maps.Keys(all)), ", "))
	}
	r.environment, r.name = environment, fmt.Sprintf("infra/%s: %v: ", path.Base(file), name)
	return r, nil
}

// readEnvironments reads the environments file: an object for each environment, by its name.
func readEnvironments(file string) (map[string]map[string]any, error) {
	content, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there is no infra/%s: copy infra/environments.example.json and edit it", path.Base(file))
	}
	if err != nil {
		return nil, err
	}
	var all map[string]map[string]any
	if err := decodeOptions(content, &all); err != nil {
		return nil, fmt.Errorf("infra/%s is not an object of environments%s: %w", path.Base(file), lineOf(content, err), err)
	}
	return all, nil
}

// decodeOptions decodes JSON. Numbers stay as they are written, so that messages show them so.
func decodeOptions(content []byte, to any) error {
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	return decoder.Decode(to)
}

// lineOf returns " in line 3" for an error of package json that knows its place.
func lineOf(content []byte, err error) string {
	var offset int64
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		offset = syntax.Offset
	} else if kind := (*json.UnmarshalTypeError)(nil); errors.As(err, &kind) {
		offset = kind.Offset
	}
	if offset <= 0 || offset > int64(len(content)) {
		return ""
	}
	return fmt.Sprintf(" (line %d)", strings.Count(string(content[:offset]), "\n")+1)
}

// option is a value that was found, and how messages name it.
type option struct {
	value any
	named string
	text  bool // it is a text of the context, whatever its type should be
}

// find returns the value of a key, and false if there is none.
func (r *optionReader) find(key string) (option, bool) {
	r.keys = append(r.keys, key)
	if value, found := r.context[key]; found {
		_, text := value.(string)
		return option{value, "context value " + key, text}, true
	}
	var value any = r.environment
	for step := range strings.SplitSeq(key, ".") {
		object, _ := value.(map[string]any)
		var found bool
		if value, found = object[step]; !found {
			return option{}, false
		}
	}
	return option{value, r.name + key, false}, true
}

// addError adds what is wrong with a key, or with several that are below it.
func (r *optionReader) addError(key string, why error) {
	r.wrong = append(r.wrong, fmt.Errorf("%s%s: %w", r.name, key, why))
}

func (r *optionReader) add(o option, err error) {
	if err != nil {
		r.wrong = append(r.wrong, fmt.Errorf("%s: %w", o.named, err))
	}
}

// text reads a text. "" is a value like any other, which check must allow.
func (r *optionReader) text(key, fallback string, check func(string) error) string {
	o, found := r.find(key)
	if !found {
		return fallback
	}
	value, ok := o.value.(string)
	if !ok {
		r.add(o, fmt.Errorf("%s is not a string: put it in quotes", shown(o.value)))
		return fallback
	}
	r.add(o, check(value))
	return value
}

// number reads a whole number.
func (r *optionReader) number(key string, fallback int, check func(int) error) int {
	o, found := r.find(key)
	if !found {
		return fallback
	}
	value, err := strconv.Atoi(fmt.Sprint(o.value))
	if _, quoted := o.value.(string); err != nil || quoted && !o.text {
		r.add(o, fmt.Errorf("%s is not a whole number: write one, without quotes", shown(o.value)))
		return fallback
	}
	r.add(o, check(value))
	return value
}

// flag reads true or false.
func (r *optionReader) flag(key string, fallback bool) bool {
	o, found := r.find(key)
	if !found {
		return fallback
	}
	value, ok := o.value.(bool)
	if o.text {
		value, ok = o.value == "true", o.value == "true" || o.value == "false"
	}
	if !ok {
		r.add(o, fmt.Errorf("%s is neither true nor false: write one of them, without quotes", shown(o.value)))
	}
	return value
}

// list reads texts: an array, or a text with commas between them.
func (r *optionReader) list(key string, check func(string) error) []string {
	o, found := r.find(key)
	if !found {
		return nil
	}
	var all []string
	elements, ok := o.value.([]any)
	if text, isText := o.value.(string); isText {
		all, ok = strings.Split(text, ","), true
	}
	for _, element := range elements {
		text, isText := element.(string)
		ok = ok && isText
		all = append(all, text)
	}
	if !ok {
		r.add(o, fmt.Errorf(`%s is not a list of strings: write one such as ["a", "b"]`, shown(o.value)))
		return nil
	}
	for _, text := range all {
		r.add(o, check(text))
	}
	return all
}

// pairs reads texts by their names: an object, or a text such as a=1,b=2 in the context.
func (r *optionReader) pairs(key string, check func(name, value string) error) map[string]string {
	o, found := r.find(key)
	if !found {
		return nil
	}
	all := map[string]string{}
	members, ok := o.value.(map[string]any)
	if o.text {
		ok = true
		for pair := range strings.SplitSeq(o.value.(string), ",") {
			name, value, _ := strings.Cut(pair, "=")
			all[name] = value
		}
	}
	for name, member := range members {
		text, isText := member.(string)
		ok = ok && isText
		all[name] = text
	}
	if !ok {
		r.add(o, fmt.Errorf(`%s is not an object of strings: write one such as {"team": "shop"}`, shown(o.value)))
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		r.add(o, check(name, all[name]))
	}
	return all
}

// err returns what is wrong, with the keys that no option has.
func (r *optionReader) err() error {
	for _, key := range slices.Sorted(maps.Keys(r.context)) {
		if ownKey.MatchString(key) && !slices.Contains(r.keys, key) {
			r.wrong = append(r.wrong, fmt.Errorf("context value %s: %w", key, r.unknown(key)))
		}
	}
	r.checkKeys("", r.environment)
	return errors.Join(r.wrong...)
}

// ownKey matches the form of the keys here. Those of CDK have a colon, a slash or a hyphen.
var ownKey = regexp.MustCompile(`^[a-zA-Z.]+$`)

// checkKeys looks for unknown keys in an environment, and below in its objects.
func (r *optionReader) checkKeys(before string, members map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(members)) {
		key := before + name
		if slices.Contains(r.keys, key) {
			continue
		}
		below := slices.ContainsFunc(r.keys, func(known string) bool { return strings.HasPrefix(known, key+".") })
		object, isObject := members[name].(map[string]any)
		switch {
		case below && isObject:
			r.checkKeys(key+".", object)
		case below:
			r.addError(key, fmt.Errorf("%s is not an object: its members are in infra/docs/deploy.md", shown(members[name])))
		default:
			r.addError(key, r.unknown(key))
		}
	}
}

// unknown returns the error for a key that no option has, with the most similar one.
func (r *optionReader) unknown(key string) error {
	similar := slices.MinFunc(r.keys, func(a, b string) int { return distance(a, key) - distance(b, key) })
	return fmt.Errorf("there is no such option: did you mean %s? All are in infra/docs/deploy.md", similar)
}

// distance returns how many letters must be inserted, deleted or replaced to make one text the
// other. Capitals do not matter.
func distance(one, other string) int {
	one, other = strings.ToLower(one), strings.ToLower(other)
	row := make([]int, len(other)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(one) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(other) {
			replaced := diagonal
			if one[i] != other[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(other)]
}

// shown returns a value as it is written in JSON.
func shown(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}

// matches returns a check by a pattern. The remedy says what a right value is.
func matches(pattern, remedy string) func(string) error {
	compiled := regexp.MustCompile(pattern)
	return func(value string) error {
		if !compiled.MatchString(value) {
			return fmt.Errorf("%q is not valid: %s", value, remedy)
		}
		return nil
	}
}

// oneOf returns a check that allows some texts.
func oneOf(allowed ...string) func(string) error {
	return func(value string) error {
		if !slices.Contains(allowed, value) {
			return fmt.Errorf("%q is not valid: use one of %s", value, strings.Join(allowed, ", "))
		}
		return nil
	}
}

// between returns a check that allows a range of numbers.
func between(lowest, highest int) func(int) error {
	return func(value int) error {
		if value < lowest || value > highest {
			return fmt.Errorf("%d is not valid: use a number from %d to %d", value, lowest, highest)
		}
		return nil
	}
}
