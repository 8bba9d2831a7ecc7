package compare

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"commerce-segment/shared/money"
)

// Kind is a kind of difference, in words.
type Kind string

// The kinds of differences. Those of an event have no field.
const (
	OnlyTheirs Kind = "only in theirs"
	OnlyOurs   Kind = "only in ours"
	Repeated   Kind = "more than once in theirs" // with the same content
	Copy       Kind = "a copy with the same messageId in theirs"
	Unclear    Kind = "not paired: several messages match"
	NoID       Kind = "not paired: without an id"
	TooMany    Kind = "not paired: too many messages with this id"
	Named      Kind = "named differently"
	Later      Kind = "later in theirs"
	Earlier    Kind = "earlier in theirs"
	OtherSign  Kind = "with the opposite sign"
	OtherCase  Kind = "different case or spaces"
	OtherOrder Kind = "in another order"
	OtherValue Kind = "another value"
)

// larger and smaller return the kinds of a number that is off by a factor.
func larger(factor string) Kind  { return Kind(factor + " times larger in theirs") }
func smaller(factor string) Kind { return Kind(factor + " times smaller in theirs") }

// otherType returns the kind of values of different types.
func otherType(theirs, ours string) Kind { return Kind(theirs + " in theirs, " + ours + " in ours") }

// factors are how much larger an amount is in the smallest unit of its currency, by the decimals
// of the currency.
var factors = map[int]string{2: "100", 3: "1000"}

// difference is a difference between the two messages of a pair.
type difference struct {
	kind         Kind
	place        []string // the names of the members; list for the entries of a list
	theirs, ours any
}

// list is the part of a place that stands for all entries of a list.
const list = "[]"

// field returns the place in one text, such as properties.products[].price.
func (d difference) field() string {
	return strings.ReplaceAll(strings.Join(d.place, "."), "."+list, list)
}

// missing is the value of a member that is not there.
type missing struct{}

// differ collects the differences of a pair.
type differ struct{ found []difference }

// differences returns the differences between the two messages of a pair.
func differences(theirs, ours Message) []difference {
	var d differ
	if theirs.name != ours.name {
		d.add(Named, []string{"event"}, theirs.name, ours.name)
	}
	d.objects(nil, theirs.fields, ours.fields)
	return d.found
}

func (d *differ) add(kind Kind, place []string, theirs, ours any) {
	d.found = append(d.found, difference{kind, slices.Clone(place), theirs, ours})
}

// objects compares two objects. A member that only one has is compared with one that has the same
// normalized name in the other.
func (d *differ) objects(place []string, theirs, ours map[string]any) {
	alone := map[string]string{} // the keys that only theirs has, by their normalized names
	for key := range theirs {
		if _, both := ours[key]; !both {
			alone[normalized(key)] = max(alone[normalized(key)], key)
		}
	}
	matched := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(ours)) {
		there, other := theirs[key], alone[normalized(key)]
		if _, both := theirs[key]; !both && other != "" && !matched[other] {
			there, matched[other] = theirs[other], true
			d.add(Named, append(place, key), other, key)
		} else if both {
			matched[key] = true
		} else {
			there = missing{}
		}
		d.values(append(place, key), there, ours[key])
	}
	for _, key := range slices.Sorted(maps.Keys(theirs)) {
		if !matched[key] {
			d.values(append(place, key), theirs[key], missing{})
		}
	}
}

// values compares two values, of which one may be missing.
func (d *differ) values(place []string, theirs, ours any) {
	theirs, ours = withoutEmpty(theirs), withoutEmpty(ours)
	there, here := typeOf(theirs), typeOf(ours)
	switch {
	case there == "object" && here == "object":
		d.objects(place, theirs.(map[string]any), ours.(map[string]any))
	case there == "list" && here == "list":
		d.lists(append(place, list), theirs.([]any), ours.([]any))
	case there == here:
		if kind := scalars(theirs, ours); kind != "" {
			d.add(kind, place, theirs, ours)
		}
	case there == "nothing" && !isVoid(ours):
		d.add(OnlyOurs, place, nil, ours)
	case here == "nothing" && !isVoid(theirs):
		d.add(OnlyTheirs, place, theirs, nil)
	default:
		d.add(otherType(there, here), place, theirs, ours)
		if kind := scalars(theirs, ours); kind != "" && textOf(theirs) != "" && textOf(ours) != "" {
			d.add(kind, place, theirs, ours)
		}
	}
}

// withoutEmpty returns missing for an object without members, which has no information.
func withoutEmpty(value any) any {
	if object, ok := value.(map[string]any); ok && len(object) == 0 {
		return missing{}
	}
	return value
}

// isVoid reports whether a value is null or an empty text.
func isVoid(value any) bool { return value == nil || value == "" }

// typeOf returns the type of a value, in words.
func typeOf(value any) string {
	switch value := value.(type) {
	case missing:
		return "nothing"
	case nil:
		return "null"
	case string:
		if value == "" {
			return "empty text"
		}
		return "text"
	case json.Number:
		return "number"
	case bool:
		return "true or false"
	case []any:
		return "list"
	}
	return "object"
}

// scalars returns how two values differ that are neither objects nor lists; empty if they are the
// same. A text with a number is compared as a number if the other value is a number.
func scalars(theirs, ours any) Kind {
	if theirs == ours {
		return ""
	}
	there, isTheirs := timeOf(theirs)
	here, isOurs := timeOf(ours)
	_, isNumber := theirs.(json.Number)
	_, areNumbers := ours.(json.Number)
	switch {
	case isTheirs && isOurs && there.Equal(here):
		return ""
	case isTheirs && isOurs && there.After(here):
		return Later
	case isTheirs && isOurs:
		return Earlier
	case isNumber || areNumbers:
		return numbers(theirs, ours)
	case strings.EqualFold(withoutSpaces(theirs), withoutSpaces(ours)) && textOf(ours) != "":
		return OtherCase
	}
	return OtherValue
}

func withoutSpaces(value any) string { return strings.Join(strings.Fields(textOf(value)), "") }

// numbers returns how two numbers differ; empty if they are the same.
func numbers(theirs, ours any) Kind {
	there, ok := amountOf(theirs)
	here, both := amountOf(ours)
	switch {
	case !ok || !both:
		return OtherValue
	case there.Equal(here):
		return ""
	case there.Equal(here.Neg()):
		return OtherSign
	}
	for decimals, factor := range factors {
		if isLarger(there, here, decimals) {
			return larger(factor)
		}
		if isLarger(here, there, decimals) {
			return smaller(factor)
		}
	}
	return OtherValue
}

// isLarger reports whether a is b times ten to the power of decimals.
func isLarger(a, b money.Amount, decimals int) bool {
	scaled, err := money.ParseMinor(a.String(), decimals)
	return err == nil && scaled.Equal(b)
}

// amountOf returns the number in a value, which may be a text.
func amountOf(value any) (money.Amount, bool) {
	text := strings.TrimSpace(textOf(value))
	if strings.ContainsAny(text, "eE") {
		number, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return money.Amount{}, false
		}
		text = strconv.FormatFloat(number, 'f', -1, 64)
	}
	amount, err := money.ParseAmount(text)
	return amount, err == nil
}

// lists compares two lists: their entries by an id if they have one, otherwise by their places.
func (d *differ) lists(place []string, theirs, ours []any) {
	there, here, ok := byID(theirs, ours)
	if !ok {
		for i := range max(len(theirs), len(ours)) {
			d.values(place, entry(theirs, i), entry(ours, i))
		}
		return
	}
	if common(there, here) != common(here, there) {
		d.add(OtherOrder, place, nil, nil)
	}
	for i, id := range there {
		d.values(place, theirs[i], entry(ours, slices.Index(here, id)))
	}
	for i, id := range here {
		if !slices.Contains(there, id) {
			d.values(place, missing{}, ours[i])
		}
	}
}

// entry returns an entry of a list, or missing.
func entry(list []any, i int) any {
	if i < 0 || i >= len(list) {
		return missing{}
	}
	return list[i]
}

// common returns the ids that are also in other, in their order.
func common(ids, other []string) string {
	var both []string
	for _, id := range ids {
		if slices.Contains(other, id) {
			both = append(both, id)
		}
	}
	return strings.Join(both, "\x00")
}

// entryIDs are the members that identify the entries of a list, in any spelling.
var entryIDs = []string{"product_id", "sku", "id"}

// byID returns the ids of the entries of two lists, by the first of entryIDs that all entries
// have and that is different for each entry of a list. Texts are their own ids.
func byID(theirs, ours []any) (there, here []string, ok bool) {
	for _, name := range append(slices.Clone(entryIDs), "") {
		there, here = idsOf(theirs, name), idsOf(ours, name)
		if there != nil && here != nil {
			return there, here, true
		}
	}
	return nil, nil, false
}

// idsOf returns the ids of entries by the name of a member, or with no name the entries themselves; nil
// if an entry has none, or two have the same.
func idsOf(entries []any, name string) []string {
	ids := make([]string, 0, len(entries))
	for _, entry := range entries {
		id := textOf(entry)
		if object, ok := entry.(map[string]any); ok && name != "" {
			id = textOf(member(object, name))
		}
		if id == "" || slices.Contains(ids, id) {
			return nil
		}
		ids = append(ids, id)
	}
	return ids
}

// byKind sorts differences and leaves out those that repeat the kind and the field of another.
func byKind(found []difference) []difference {
	slices.SortStableFunc(found, func(a, b difference) int {
		return cmp.Or(strings.Compare(a.field(), b.field()), strings.Compare(string(a.kind), string(b.kind)))
	})
	return slices.CompactFunc(found, func(a, b difference) bool { return a.field() == b.field() && a.kind == b.kind })
}
