// Run by editor_test.go: node --test.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import { StringStream } from "@codemirror/language";

import { jsonata } from "./jsonata.mjs";

// colours returns the tokens of a template with their colours.
function colours(source) {
  const state = jsonata.startState();
  const parts = [];
  for (const line of source.split("\n")) {
    const stream = new StringStream(line, 2, 2);
    while (!stream.eol()) {
      const colour = jsonata.token(stream, state);
      assert.ok(stream.pos > stream.start, `no token at ${line.slice(stream.pos)}`);
      if (colour) parts.push([stream.current(), colour]);
      stream.start = stream.pos;
    }
  }
  return { parts, state };
}

for (const [name, source, want] of [
  ["a comment over two lines", "/* a\nb */ c", [["/* a", "comment"], ["b */", "comment"], ["c", "propertyName"]]],
  ["a string over two lines", "'a\nb' & c", [["'a", "string"], ["b'", "string"], ["&", "operator"], ["c", "propertyName"]]],
  ["an escaped quote", String.raw`"a\"b"`, [[String.raw`"a\"b"`, "string"]]],
  ["the name of a field", `{"a": "b"}`, [["{", "bracket"], [`"a"`, "propertyName"], [":", "punctuation"], [`"b"`, "string"], ["}", "bracket"]]],
  ["a string in a condition is not the name of a field", `{"a": b ? "c" : "d", "e": 1}`, [["{", "bracket"], [`"a"`, "propertyName"], [":", "punctuation"], ["b", "propertyName"], ["?", "operator"], [`"c"`, "string"], [":", "punctuation"], [`"d"`, "string"], [",", "punctuation"], [`"e"`, "propertyName"], [":", "punctuation"], ["1", "number"], ["}", "bracket"]]],
  ["a division", "a / b", [["a", "propertyName"], ["/", "operator"], ["b", "propertyName"]]],
  ["a division after a bracket", "(1) / 2", [["(", "bracket"], ["1", "number"], [")", "bracket"], ["/", "operator"], ["2", "number"]]],
  ["a regular expression", String.raw`$match(a, /[/]\/x/i)`, [["$match", "variableName.function"], ["(", "bracket"], ["a", "propertyName"], [",", "punctuation"], [String.raw`/[/]\/x/i`, "regexp"], [")", "bracket"]]],
  ["a division after a wildcard", "*/2", [["*", "operator"], ["/", "operator"], ["2", "number"]]],
  ["keywords", "a and true or null in b", [["a", "propertyName"], ["and", "operatorKeyword"], ["true", "bool"], ["or", "operatorKeyword"], ["null", "null"], ["in", "operatorKeyword"], ["b", "propertyName"]]],
  ["a name in backticks", "`a b`.c", [["`a b`", "propertyName"], [".", "punctuation"], ["c", "propertyName"]]],
  ["a variable", "$x := 1.5e3", [["$x", "variableName"], [":=", "operator"], ["1.5e3", "number"]]],
  ["a range", "[1..2]", [["[", "bracket"], ["1", "number"], ["..", "operator"], ["2", "number"], ["]", "bracket"]]],
  ["one bracket too many", "a))", [["a", "propertyName"], [")", "bracket"], [")", "bracket"]]],
]) {
  test(name, () => assert.deepEqual(colours(source).parts, want));
}

const folder = new URL("../../../../templates/", import.meta.url);
for (const file of readdirSync(folder).filter((name) => name.endsWith(".jsonata"))) {
  test(`${file} is tokenized to its end`, () => {
    const { parts, state } = colours(readFileSync(new URL(file, folder), "utf8"));
    assert.equal(state.open, null);
    assert.equal(state.levels.length, 1);
    assert.ok(!parts.some(([, colour]) => colour === "invalid"));
  });
}

test("lines are indented by the brackets around them", () => {
  const { state } = colours(`(\n  $a := {`);
  assert.equal(jsonata.indent(state, `"b": 1`, { unit: 2 }), 4);
  assert.equal(jsonata.indent(state, "}", { unit: 2 }), 2);
});
