package main

import "fmt"

// expression is one that the languages are measured on, by what it does most.
type expression struct{ name, source string }

// expressions are evaluated on the value of catalogue.
var expressions = []expression{
	{"name path", `orders.lines.sku`},
	{"wildcard", `orders.lines.*`},
	{"descendants", `**.sku`},
	{"filter", `items[price > 50].sku`},
	{"filter by text", `items[sku = "sku-77"].name`},
	{"constant index", `orders.lines[0].sku`},
	{"constant last index", `orders.lines[-1].sku`},
	{"constant range", `items[[0..99]].sku`},
	{"join with @", `orders@$o.items@$i[$i.order = $o.id].{"order": $o.id, "sku": $i.sku}`},
	{"position with #", `items#$i.{"sku": sku, "position": $i}`},
	{"parent", `orders.lines.{"order": %.id, "sku": sku}`},
	{"sort", `items^(>price).sku`},
	{"group", `items{category: $sum(price)}`},
	{"objects", `items.{"sku": sku, "total": price * quantity}`},
	{"&", `items.(sku & ": " & name & ", " & category)`},
	{"split and join", `$join($split(text, " "), "-")`},
	{"regex filter", `items[name ~> /fritters [0-9]*7$/i].sku`},
	{"regex match", `$match(text, /word-(\d+)/).groups`},
	{"regex replace", `$replace(text, /[aeiou]/, "_")`},
	{"map", `$map(items, function($item, $i) { $item.price * $i })`},
	{"reduce", `$reduce(items.price, function($sum, $price) { $sum + $price })`},
	{"$fromMillis", `items.$fromMillis(at)`},
	{"$fromMillis with a picture", `items.$fromMillis(at, "[D01] [MNn] [Y0001], [H01]:[m01]")`},
	{"$toMillis", `items.$toMillis(created)`},
	{"$toMillis with a picture", `items.$toMillis(day, "[D01]/[M01]/[Y0001]")`},
	{"$formatNumber", `items.$formatNumber(price, "#,##0.00")`},
	{"factorial", `($f := function($n) { $n <= 1 ? 1 : $n * $f($n - 1) }; $f(60))`},
	{"fibonacci", `($f := function($n) { $n < 2 ? $n : $f($n - 1) + $f($n - 2) }; $f(15))`},
	{"tail loop", `($f := function($n, $sum) { $n = 0 ? $sum : $f($n - 1, $sum + $n) }; $f(1000, 0))`},
}

// catalogue is the input of expressions: 10 orders of 10 lines each in "orders", 200
// "items", and a "text" of 500 words.
func catalogue() []byte {
	line := func(i int) string {
		return fmt.Sprintf(`{"sku":"sku-%d","name":"Spam Fritters %[1]d","category":"category-%d","price":%d.5,"quantity":%d,"order":"order-%d",`+
			`"at":%d,"created":"2026-11-%02d","day":"%02[7]d/11/2026"}`, i, i%7, i%100, 1+i%3, i%10, 1_795_000_000_000+i*1_000_003, 1+i%28)
	}
	list := func(n int, element func(i int) string) string {
		text := ""
		for i := range n {
			text += "," + element(i)
		}
		return "[" + text[1:] + "]"
	}
	orders := list(10, func(order int) string {
		return fmt.Sprintf(`{"id":"order-%d","lines":%s}`, order, list(10, func(i int) string { return line(10*order + i) }))
	})
	text := ""
	for i := range 500 {
		text += fmt.Sprintf("word-%d ", i)
	}
	return fmt.Appendf(nil, `{"orders":%s,"items":%s,"text":%q}`, orders, list(200, line), text)
}
