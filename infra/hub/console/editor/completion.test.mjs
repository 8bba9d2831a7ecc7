// Run by editor_test.go: node --test.

import assert from "node:assert/strict";
import { test } from "node:test";

import { complete, describe } from "./completion.mjs";

const functions = [
  { name: "$money", usage: "$money(price)", gives: "the amount" },
  { name: "$money", usage: "$money(amount, currency)", gives: "the same" },
  { name: "$sum", usage: "$sum(numbers)", gives: "the sum of a list" },
];
const input = {
  triggered_by: "order.paid",
  payload: {
    data: { id: "o-1", meta: { display_price: { with_tax: { amount: 5, currency: "EUR" } } } },
    included: { items: [{ sku: "A" }, { sku: "B", "odd name": 1, discounts: [{ code: "X" }] }] },
  },
};

// labels returns the names that are offered at the end of a text.
const labels = (text, asked = false) => complete(text, { functions, input, asked })?.options.map(({ label }) => label) ?? null;

for (const [name, text, want] of [
  ["the fields of the payload", "payload.", ["data", "included"]],
  ["of an object in it", "payload.data.meta.display_price.with_tax.", ["amount", "currency"]],
  ["of all elements of a list", "payload.included.items.", ["sku", "odd name", "discounts"]],
  ["after a predicate", `payload.included.items[sku = "A"].`, ["sku", "odd name", "discounts"]],
  ["of a list in a list", "payload.included.items.discounts.", ["code"]],
  ["of a variable", "$order := payload.data;\n$order.", ["id", "meta"]],
  ["of a variable of a variable", "$o := payload.data; $p := $o.meta.display_price; $p.", ["with_tax"]],
  ["of the whole input", "$$.", ["triggered_by", "payload"]],
  ["with a path over two lines", "payload\n  .data.", ["id", "meta"]],
  ["functions and variables", "$x := 1; $", ["$money", "$money", "$sum", "$x"]],
  ["the parameters of a function", "function($line) { $", ["$money", "$money", "$sum", "$line"]],
  ["nothing without a word", "payload ", null],
]) {
  test(name, () => assert.deepEqual(labels(text), want));
}

test("a path that begins elsewhere has all names", () => {
  assert.ok(["sku", "amount", "triggered_by"].every((name) => labels("$line.").includes(name)));
});

test("a word has the names of the input", () => {
  assert.deepEqual(labels("pa").slice(0, 2), ["triggered_by", "payload"]);
  assert.ok(labels("s").includes("sku"));
});

test("the user can ask for everything", () => {
  assert.ok(["$sum", "payload", "sku"].every((name) => labels("", true).includes(name)));
});

test("a name that is no plain name is written in backticks", () => {
  const { options } = complete("payload.included.items.", { functions, input });
  assert.equal(options.find(({ label }) => label === "odd name").apply, "`odd name`");
});

test("the word is replaced", () => assert.equal(complete("payload.da", { functions, input }).from, 8));

test("an input that is not shown has no names", () => assert.equal(complete("payload.", { functions, input: "too large" }), null));

test("the help of a function has all its usages", () => {
  const help = describe("1 + $money(x)", 6, functions);
  assert.deepEqual([help.from, help.to, help.found.length], [4, 10, 2]);
  assert.equal(describe("1 + $own(x)", 6, functions), null);
  assert.equal(describe("1 + $sum(x)", 0, functions), null);
});
