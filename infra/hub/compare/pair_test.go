package compare_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/compare"
)

// updated returns an Order Updated of order 1 at a minute.
func updated(minute int, status string) object {
	return object{
		"type": "track", "event": "Order Updated", "userId": "u", "messageId": fmt.Sprint(minute, status),
		"timestamp":  start.Add(time.Duration(minute) * time.Minute).Format(time.RFC3339),
		"properties": object{"order_id": "1", "status": status},
	}
}

// with returns a message with other members of its properties; nil removes one.
func with(m object, properties object) object {
	m = clone(m)
	maps.Copy(m["properties"].(object), properties)
	maps.DeleteFunc(m["properties"].(object), func(_ string, value any) bool { return value == nil })
	return m
}

// found returns the differences, each in a line.
func found(c *compare.Comparison) string {
	var lines []string
	for _, d := range c.Differences {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%d %s %s", d.Events, d.Kind, d.Field)))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestRepeatedFactsArePairedByTheNearestTime(t *testing.T) {
	a, b, c := updated(0, "a"), updated(10, "b"), updated(20, "c")
	for name, test := range map[string]struct {
		theirs, ours []object
		want         string
	}{
		"in another order":                          {[]object{c, a, b}, []object{a, b, c}, ""},
		"one is only in ours":                       {[]object{a, c}, []object{a, b, c}, "1 only in ours"},
		"one is only in theirs":                     {[]object{a, b, c}, []object{a, c}, "1 only in theirs"},
		"the same state twice, a copy in theirs":    {[]object{a, updated(9, "a"), c}, []object{a, c}, "1 more than once in theirs"},
		"a post that Segment repeated":              {[]object{a, a, c}, []object{a, c}, "1 a copy with the same messageId in theirs"},
		"a webhook that came to us twice":           {[]object{a, c}, []object{a, a, c}, ""},
		"a little later":                            {[]object{updated(1, "a"), updated(11, "b")}, []object{a, b}, "2 later in theirs timestamp"},
		"more than a day apart":                     {[]object{a, updated(3000, "b")}, []object{a, b, c}, "1 only in theirs\n2 only in ours"},
		"two in theirs fit equally well":            {[]object{updated(9, "x"), updated(11, "b"), a}, []object{a, b}, "3 not paired: several messages match"},
		"two that fit equally well and are alike":   {[]object{updated(9, "b"), updated(11, "b"), a}, []object{a, b}, "1 earlier in theirs timestamp\n1 more than once in theirs"},
		"one of each is a pair, however far apart":  {[]object{updated(9000, "a")}, []object{a}, "1 later in theirs timestamp"},
		"a message of another order is not touched": {[]object{a, with(b, object{"order_id": "2"})}, []object{a, with(b, object{"order_id": "2"})}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			// The first and last messages set the period.
			bounds := []object{with(updated(-9999, ""), object{"order_id": "first"}), with(updated(9999, ""), object{"order_id": "last"})}
			got := compared(t, append(bounds, test.theirs...), append(bounds, test.ours...), "")
			if found(got) != test.want {
				t.Errorf("it finds\n%s\nwant\n%s", found(got), test.want)
			}
		})
	}
}

func TestADifferenceSaysHowFarTimesAreApart(t *testing.T) {
	var theirs, ours []object
	for i, minutes := range []int{5, 30, 2} {
		order := object{"order_id": fmt.Sprint(i)}
		theirs, ours = append(theirs, with(updated(i+minutes, ""), order)), append(ours, with(updated(i, ""), order))
	}
	if c := compared(t, theirs, ours, ""); len(c.Differences) != 1 || c.Differences[0].Shortest != 120 || c.Differences[0].Longest != 1800 {
		t.Errorf("it finds %+v", c.Differences)
	}
}

func TestOursFromOutsideTheirPeriodAreNotMissingInTheirs(t *testing.T) {
	a := updated(10, "a")
	early, late := with(updated(9, "a"), object{"order_id": "2"}), with(updated(11, "a"), object{"order_id": "3"})
	c := compared(t, []object{a}, []object{early, a, late}, "")
	if found(c) != "" || c.Events[0].Outside != 2 || c.Events[0].Same != 1 {
		t.Errorf("it finds %q in %+v", found(c), c.Events)
	}
}

func TestNothingIsLeftOutIfTheirsHaveNoTime(t *testing.T) {
	theirs, ours := updated(0, "a"), with(updated(1, "a"), object{"order_id": "2"})
	delete(theirs, "timestamp")
	c := compared(t, []object{theirs}, []object{ours}, "")
	if found(c) != "1 only in ours\n1 only in theirs" || c.Events[0].Outside != 0 {
		t.Errorf("it finds %q in %+v", found(c), c.Events)
	}
}

func TestAMessageWithoutAnIdIsNotPaired(t *testing.T) {
	nameless := with(updated(1, "a"), object{"order_id": nil})
	c := compared(t, []object{nameless}, []object{nameless}, "")
	if found(c) != "2 not paired: without an id" || c.Events[0].NotPaired != 2 {
		t.Errorf("it finds %q in %+v", found(c), c.Events)
	}
}

func TestTooManyMessagesOfOneOrderAreNotPaired(t *testing.T) {
	var many []object
	for i := range 1025 {
		many = append(many, updated(i, fmt.Sprint(i)))
	}
	if c := compared(t, many, many, ""); found(c) != "2050 not paired: several messages match" {
		t.Errorf("it finds %q", found(c))
	}
}

func TestTheFieldsOfAPairAreCompared(t *testing.T) {
	product := func(id string, price any) object { return object{"product_id": id, "price": price} }
	for name, c := range map[string]struct {
		theirs, ours object // properties
		want         string
	}{
		"the same number in another form":  {object{"total": 10.0}, object{"total": 10}, ""},
		"zero in any unit":                 {object{"total": 0}, object{"total": 0.0}, ""},
		"minor units":                      {object{"total": 1999}, object{"total": 19.99}, "1 100 times larger in theirs properties.total"},
		"minor units of a dinar, as text":  {object{"total": "12345"}, object{"total": 12.345}, "1 1000 times larger in theirs properties.total\n1 text in theirs, number in ours properties.total"},
		"major units where ours are minor": {object{"total": 1}, object{"total": 100}, "1 100 times smaller in theirs properties.total"},
		"an exponent of any size":          {object{"total": 1e300}, object{"total": 100}, "1 another value properties.total"},
		"another sign":                     {object{"discount": -5}, object{"discount": 5}, "1 with the opposite sign properties.discount"},
		"text for a number":                {object{"total": "10.00"}, object{"total": 10}, "1 text in theirs, number in ours properties.total"},
		"an empty text for nothing":        {object{"coupon": ""}, object{}, "1 empty text in theirs, nothing in ours properties.coupon"},
		"an empty object for nothing":      {object{"more": object{}}, object{}, ""},
		"a field of theirs alone":          {object{"gift": true}, object{}, "1 only in theirs properties.gift"},
		"case":                             {object{"currency": "eur "}, object{"currency": "EUR"}, "1 different case or spaces properties.currency"},
		"another text":                     {object{"currency": "1.0"}, object{"currency": "10"}, "1 another value properties.currency"},
		"the same instant":                 {object{"at": "2026-11-01T09:00:00+01:00"}, object{"at": "2026-11-01T08:00:00.000Z"}, ""},
		"another spelling and value":       {object{"itemCount": 1}, object{"item_count": 2}, "1 another value properties.item_count\n1 named differently properties.item_count"},
		"products in another order": {
			object{"products": []any{product("b", 2), product("a", 1)}}, object{"products": []any{product("a", 1), product("b", 2)}},
			"1 in another order properties.products[]",
		},
		"all prices of a message count once": {
			object{"products": []any{product("a", 100), product("b", 200)}}, object{"products": []any{product("a", 1), product("b", 2)}},
			"1 100 times larger in theirs properties.products[].price",
		},
		"a product of ours alone": {
			object{"products": []any{product("b", 2)}}, object{"products": []any{product("a", 1), product("b", 2)}},
			"1 only in ours properties.products[]",
		},
		"a product for a list": {object{"products": product("a", 1)}, object{"products": []any{product("a", 1)}}, "1 object in theirs, list in ours properties.products"},
		"products without ids": {object{"products": []any{object{"n": 1}}}, object{"products": []any{object{"n": 2}}}, "1 another value properties.products[].n"},
		"two with the same id": {
			object{"products": []any{product("a", 1), product("a", 2)}}, object{"products": []any{product("a", 1), product("a", 3)}},
			"1 another value properties.products[].price",
		},
		"texts in another order": {object{"codes": []any{"x", "y"}}, object{"codes": []any{"y", "x"}}, "1 in another order properties.codes[]"},
	} {
		t.Run(name, func(t *testing.T) {
			got := compared(t, []object{with(updated(1, ""), c.theirs)}, []object{with(updated(1, ""), c.ours)}, "")
			if found(got) != c.want {
				t.Errorf("it finds\n%s\nwant\n%s", found(got), c.want)
			}
		})
	}
}

func TestUsersThatASwitchSplitsOrMergesAreCounted(t *testing.T) {
	order := func(id, user string) object {
		m := with(updated(1, ""), object{"order_id": id})
		m["userId"] = user
		return m
	}
	theirs := []object{order("1", "guest"), order("2", "guest"), order("3", "a"), order("4", "a2"), order("5", "same"), order("6", "b")}
	ours := []object{order("1", "1"), order("2", "2"), order("3", "a"), order("4", "a"), order("5", "same"), order("6", "c")}
	if c := compared(t, theirs, ours, ""); c.Users != (compare.Users{Changed: 4, Split: 1, Merged: 1}) {
		t.Errorf("it finds %+v", c.Users)
	}
}

func TestRevenueIsExplained(t *testing.T) {
	order := func(id string, properties object) object {
		m := with(updated(1, ""), object{"order_id": id, "currency": "EUR"})
		return with(m, properties)
	}
	ours := func(id string) object {
		return order(id, object{"revenue": 100, "tax": 20, "shipping": 5, "discount": 8, "total": 125})
	}
	for name, c := range map[string]struct {
		theirs object
		want   string
	}{
		"the same":              {object{"revenue": "100.00"}, "EUR 100.00 100.00 0.00"},
		"tax":                   {object{"revenue": 120}, "EUR 120.00 100.00 20.00: tax included in theirs 20.00"},
		"no shipping":           {object{"revenue": 95}, "EUR 95.00 100.00 -5.00: shipping not included in theirs -5.00"},
		"the total":             {object{"revenue": 125}, "EUR 125.00 100.00 25.00: tax and shipping included in theirs 25.00"},
		"before the discount":   {object{"revenue": 108}, "EUR 108.00 100.00 8.00: the discount included in theirs 8.00"},
		"minor units":           {object{"revenue": 10000}, "EUR 10000.00 100.00 9900.00: 100 times larger in theirs 9900.00"},
		"the total in cents":    {object{"revenue": 12500}, "EUR 12500.00 100.00 12400.00: 100 times larger in theirs and tax and shipping included in theirs 12400.00"},
		"another sign":          {object{"revenue": -100}, "EUR -100.00 100.00 -200.00: with the opposite sign -200.00"},
		"another amount":        {object{"revenue": 99}, "EUR 99.00 100.00 -1.00: another amount -1.00"},
		"no revenue":            {object{"revenue": nil, "total": 125}, "EUR 0.00 100.00 -100.00: no amount in theirs -100.00"},
		"another currency":      {object{"revenue": 100, "currency": "USD"}, "EUR 0.00 100.00 -100.00: another currency in theirs -100.00 | USD 100.00 0.00 100.00: another currency in theirs 100.00"},
		"no currency in theirs": {object{"revenue": 100, "currency": nil}, " 100.00 0.00 100.00: no currency in theirs, which Segment reads as USD 100.00 | EUR 0.00 100.00 -100.00: no currency in theirs, which Segment reads as USD -100.00"},
	} {
		t.Run(name, func(t *testing.T) {
			got := compared(t, []object{order("1", c.theirs)}, []object{ours("1")}, "")
			checkSums(t, got)
			var rows []string
			for _, r := range got.Revenue {
				row := fmt.Sprintf("%s %s %s %s", r.Currency, r.Theirs, r.Ours, r.Difference)
				for _, reason := range r.Reasons {
					row += fmt.Sprintf(": %s %s", reason.Why, reason.Amount)
				}
				rows = append(rows, row)
			}
			if text := strings.Join(rows, " | "); text != c.want {
				t.Errorf("it says\n%s\nwant\n%s", text, c.want)
			}
		})
	}
}

func TestPersonalValuesAreHidden(t *testing.T) {
	person := func(mail, name string) object {
		return object{
			"type": "identify", "userId": mail, "timestamp": start.Format(time.RFC3339),
			"traits": object{"email": mail, "name": name, "note": "call " + name, "list": []any{object{"x@example.com": "7"}}},
		}
	}
	c := compared(t, []object{person("ada@example.com", "Ada Byron")}, []object{person("ada@example.com", "Ada Lovelace")}, "ada@example.com")
	open := fmt.Sprintf("%+v %s", c, c.Pairs[0].Theirs)
	hidden := c.Redacted()
	text := fmt.Sprintf("%+v %s %s", hidden, hidden.Pairs[0].Theirs, hidden.Pairs[0].Ours)
	for _, d := range hidden.Pairs[0].Differences {
		text += fmt.Sprintf(" %s %s", d.Theirs, d.Ours)
	}
	if !strings.Contains(open, "ada@example.com") || len(hidden.Pairs[0].Differences) != 2 {
		t.Errorf("the comparison is\n%s", open)
	}
	for _, personal := range []string{"ada", "Ada", "Byron", "Lovelace", "@example.com"} {
		if strings.Contains(text, personal) {
			t.Errorf("it shows %s:\n%s", personal, text)
		}
	}
}

func TestNothingIsLeftOnTheDisk(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	compared(t, []object{updated(1, "a")}, nil, "")
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("there is still %v, %v", left, err)
	}
}

func TestAComparisonCanBeStopped(t *testing.T) {
	s, err := compare.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.AddTheirs(t.Context(), sequence([]object{updated(1, "a")})); err != nil {
		t.Fatal(err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := s.AddOurs(stopped, sequence([]object{updated(1, "a")})); !errors.Is(err, context.Canceled) {
		t.Errorf("while it reads it returns %v", err)
	}
	if _, err := s.Compare(stopped, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("while it compares it returns %v", err)
	}
}

func TestWithoutAMessageOfTheirsNothingIsCompared(t *testing.T) {
	s, err := compare.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Compare(t.Context(), ""); err != compare.ErrEmpty {
		t.Errorf("it returns %v", err)
	}
}
