package template

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"commerce-segment/shared/jsonata/value"
)

// orderCompleted is a template of typical size.
const orderCompleted = `
/* Order Completed, as Segment's e-commerce spec has it. */
(
  $order := payload.data;
  $price := $order.meta.display_price;
  $lines := payload.included.items[];
  $products := $lines[type = "order_item" or type = "custom_item"];
  $promotions := $lines[type = "promotion_item"];
  $shopper := $order.relationships.customer.data.id ?? $order.id;

  $name := function($who) {
    $trim($who.first_name & " " & $who.last_name)
  };

  $address := function($a) {
    $exists($a) ? {
      "name": $name($a),
      "street": $join([$a.line_1, $a.line_2][$ != ""], ", "),
      "city": $a.city,
      "state": $a.region,
      "postalCode": $a.postcode,
      "country": $a.country
    }
  };

  $product := function($line, $i) {{
    "product_id": $line.product_id,
    "sku": $line.sku,
    "name": $line.name,
    "price": $money($line.unit_price),
    "quantity": $line.quantity,
    "position": $i + 1,
    "coupon": $line.discounts[0].code
  }};

  {
    "type": "track",
    "event": "Order Completed",
    "userId": $shopper,
    "timestamp": $order.meta.timestamps.updated_at,
    "context": {
      "traits": {
        "email": $order.customer.email ?? $order.contact.email,
        "name": $order.customer.name ?? $order.contact.name
      }
    },
    "properties": {
      "order_id": $order.id,
      "number": $order.order_number,
      "total": $money($price.with_tax),
      "revenue": $money($price.without_tax.amount - ($price.shipping.amount ?? 0), $price.without_tax.currency),
      "tax": $money($price.tax),
      "shipping": $money($price.shipping),
      "discount": $money($abs($price.discount.amount), $price.discount.currency),
      "currency": $price.with_tax.currency,
      "coupon": $count($promotions) > 0 ? $join($promotions.sku, ","),
      "quantity": $sum($products.quantity),
      "billing": $address($order.billing_address),
      "shipping_address": $address($order.shipping_address),
      "products": [$map($products, $product)]
    }
  }
)
`

// orderWebhook returns the body of a webhook for an order with this number of lines.
func orderWebhook(lines int) []byte {
	price := func(amount int) map[string]any {
		return map[string]any{"amount": amount, "currency": "USD", "formatted": fmt.Sprintf("$%d.%02d", amount/100, amount%100)}
	}
	var items []any
	for i := range lines {
		items = append(items, map[string]any{
			"type": "order_item", "id": fmt.Sprintf("line-%d", i), "product_id": fmt.Sprintf("product-%d", i),
			"name": fmt.Sprintf("Product %d", i), "sku": fmt.Sprintf("SKU-%d", i), "quantity": 1 + i%3,
			"unit_price": price(1999 + i), "value": price(3998 + i), "discounts": []any{},
			"meta": map[string]any{"display_price": map[string]any{
				"with_tax":    map[string]any{"unit": price(2399), "value": price(4798)},
				"without_tax": map[string]any{"unit": price(1999), "value": price(3998)},
				"tax":         map[string]any{"unit": price(400), "value": price(800)},
			}},
		})
	}
	items = append(items, map[string]any{"type": "promotion_item", "sku": "SPRING", "quantity": 1, "unit_price": price(-500)})
	address := map[string]any{"first_name": "Ada", "last_name": "Lovelace", "line_1": "12 St James's Square", "line_2": "",
		"city": "London", "postcode": "SW1Y 4JH", "region": "", "country": "GB"}
	body, err := json.Marshal(map[string]any{
		"id": "webhook-1", "triggered_by": "order.paid", "attempt": 1,
		"payload": map[string]any{
			"data": map[string]any{
				"type": "order", "id": "order-1", "status": "complete", "payment": "paid", "order_number": 9007199254740993,
				"customer":         map[string]any{"name": "Ada Lovelace", "email": "ada@example.com"},
				"shipping_address": address, "billing_address": address,
				"relationships": map[string]any{"customer": map[string]any{"data": map[string]any{"type": "customer", "id": "customer-1"}}},
				"meta": map[string]any{
					"timestamps": map[string]any{"created_at": "2026-11-24T10:15:00Z", "updated_at": "2026-11-24T10:16:00Z"},
					"display_price": map[string]any{"with_tax": price(4798), "without_tax": price(3998), "tax": price(800),
						"discount": price(-500), "shipping": price(0)},
				},
			},
			"included": map[string]any{"items": items},
		},
	})
	if err != nil {
		panic(err)
	}
	return body
}

// inputOf returns the input of a template for JSON.
func inputOf(tb testing.TB, text []byte) any {
	tb.Helper()
	input, err := value.FromJSON(text)
	if err != nil {
		tb.Fatal(err)
	}
	return input
}

func BenchmarkApply(b *testing.B) {
	tmpl, err := Compile("order-completed", orderCompleted)
	if err != nil {
		b.Fatal(err)
	}
	for _, lines := range []int{1, 50, 500} {
		b.Run(fmt.Sprintf("lines=%d", lines), func(b *testing.B) {
			input := inputOf(b, orderWebhook(lines))
			for b.Loop() {
				messages, err := tmpl.Apply(context.Background(), input)
				if err != nil || len(messages) != 1 {
					b.Fatal(messages, err)
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	b.SetBytes(int64(len(orderCompleted)))
	for b.Loop() {
		if _, err := Compile("order-completed", orderCompleted); err != nil {
			b.Fatal(err)
		}
	}
}
