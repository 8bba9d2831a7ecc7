package jsonata

import "testing"

// TestTheFirstStepFromAVariableIsEvaluatedOnce checks that the first step of such a path has
// the whole context, with anything that can follow the variable. If it were evaluated for
// each element of a list, amounts would be added once for each line, without an error.
func TestTheFirstStepFromAVariableIsEvaluatedOnce(t *testing.T) {
	const input = `{"rows": [{"by": "A", "at": 3, "n": 2}, {"by": "A", "at": 1, "n": 1}, {"by": "B", "at": 2, "n": 4}],
		"rates": [{"of": "EUR", "is": 1}, {"of": "USD", "is": 1.5}], "none": []}`
	cases := map[string]struct{ source, want string }{
		"the first and the last of a group":      {`rows{by: [$[0].at, $[-1].at]}`, `{"A":[3,1],"B":[2,2]}`},
		"a predicate on a variable in a group":   {`($r := rates; rows{by: $sum($r[of = "USD"].is)})`, `{"A":1.5,"B":1.5}`},
		"a predicate on $$ in a group":           {`rows{by: $$[$exists(rates)].rates[1].is}`, `{"A":1.5,"B":1.5}`},
		"an index variable in a group":           {`rows{by: $#$i.($i & ":" & at)}`, `{"A":["0:3","1:1"],"B":"0:2"}`},
		"a variable for each element in a group": {`rows{by: $@$v.($v.at)}`, `{"A":[3,1],"B":2}`},
		"a sort in a group":                      {`rows{by: $^(at).at}`, `{"A":[1,3],"B":2}`},
		"a group in a group":                     {`rows{by: ${$string(at): n}}`, `{"A":{"1":1,"3":2},"B":{"2":4}}`},
		"a variable over a list of lists":        {`($l := [[1, 2], [3]]; $l[0].$)`, `[1,2]`},
		"an empty list":                          {`($r := rates; none{"x": $r[0].is})`, `{"x":1}`},
		"in a step":                              {`rows.($[0].at)`, `[3,1,2]`},
		"in a function":                          {`($f := function($l){$l[-1].at}; $f(rows))`, `2`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := eval(t, c.source, input)
			if err != nil || got != c.want {
				t.Errorf("%s\n gives %s, %v\n want  %s", c.source, got, err, c.want)
			}
		})
	}
}
