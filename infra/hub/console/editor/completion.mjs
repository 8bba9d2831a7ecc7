// What the code editor offers at a position of a template: the functions of the language, the
// template's variables, and the names in the input of the preview.

const step = String.raw`(?:[$\w]+|${"`[^`\\n]*`"})(?:\[[^\][\n]*\])*`;
const path = String.raw`${step}(?:\s*\.\s*${step})*`;
const beforeCursor = new RegExp(String.raw`((?:${step}\s*\.\s*)*)(\$?\w*)$`);
const longestPath = 1000; // characters
const plainName = /^[A-Za-z_]\w*$/;

// complete returns the completions at the end of a text, and where the word begins that they
// replace. It returns null if there are none. Unless the user asks for them, an empty word
// that is no step of a path has none.
export function complete(text, { functions, input, asked }) {
  const [, steps, word] = beforeCursor.exec(text.slice(-longestPath));
  if (!steps && !word && !asked) return null;
  const from = text.length - word.length;
  const names = steps ? namesAfter(steps, text.slice(0, from - steps.length), input) : [...topNames(input), ...allNames(input)];
  const dollars = word.startsWith("$") || (!steps && !word) ? [...functionsOf(functions), ...variablesIn(text.slice(0, from))] : [];
  const options = unique([...dollars, ...(word.startsWith("$") ? [] : names)]);
  return options.length > 0 ? { from, options, validFor: /^\$?\w*$/ } : null;
}

function functionsOf(functions) {
  return functions.map(({ name, usage, gives }) => ({ label: name, detail: usage.slice(name.length), info: gives, type: "function" }));
}

function variablesIn(text) {
  const assigned = [...text.matchAll(/(\$\w+)\s*:=/g)].map((match) => match[1]);
  const parameters = [...text.matchAll(/function\s*\(([^)]*)\)/g)].flatMap((match) => match[1].match(/\$\w+/g) ?? []);
  return [...assigned, ...parameters].map((label) => ({ label, type: "variable", boost: 1 }));
}

// namesAfter returns the names of the fields at a path. If the path does not begin at the
// input, for example within a function, it returns all names.
function namesAfter(steps, before, input) {
  const values = valuesAt(steps, before, input);
  return values.length > 0 ? values.flatMap(fieldsOf) : allNames(input);
}

// valuesAt returns the values at a path, whose first step may be a variable.
function valuesAt(steps, before, input) {
  const [first, ...others] = steps.match(/[$\w]+(?=\s*[.[]|\s*$)|`[^`\n]*`/g)?.map((name) => name.replaceAll("`", "")) ?? [];
  let values = first?.startsWith("$") && first !== "$$" ? valuesOf(first, before, input) : within([input], first === "$$" ? [] : [first]);
  return within(values, others);
}

// valuesOf returns the values of a variable to which a path was assigned.
function valuesOf(variable, before, input) {
  const assignments = [...before.matchAll(new RegExp(String.raw`(\$\w+)\s*:=\s*(${path})\s*;`, "g"))].filter((match) => match[1] === variable);
  const last = assignments.at(-1);
  return last ? valuesAt(last[2], before.slice(0, last.index), input) : [];
}

function within(values, names) {
  return names.reduce((found, name) => found.flatMap(elements).map((value) => value[name]).filter((value) => value !== undefined && value !== null), values).flatMap(elements);
}

// elements returns the objects in a value: itself, or those of a list.
function elements(value) {
  if (Array.isArray(value)) return value.flatMap(elements);
  return value && typeof value === "object" ? [value] : [];
}

function fieldsOf(object) {
  return Object.entries(object).map(([name, value]) => ({
    label: name, apply: plainName.test(name) ? name : "`" + name + "`", type: "property", detail: described(value),
  }));
}

function topNames(input) {
  return elements(input).flatMap(fieldsOf).map((option) => ({ ...option, boost: 2 }));
}

function allNames(input) {
  return elements(input).flatMap((object) => [...fieldsOf(object), ...Object.values(object).flatMap(allNames)]);
}

function described(value) {
  if (Array.isArray(value)) return "list";
  if (value && typeof value === "object") return "object";
  const text = JSON.stringify(value);
  return text.length > 30 ? text.slice(0, 29) + "…" : text;
}

// unique keeps the first option of each label, and every usage of a function.
function unique(options) {
  const seen = new Set();
  return options.filter(({ label, type, detail }) => {
    const key = type === "function" ? label + detail : label;
    return !seen.has(key) && seen.add(key);
  });
}

// describe returns the descriptions of the function whose name is at a position of a line,
// and where the name is; null if there is none.
export function describe(line, at, functions) {
  for (const match of line.matchAll(/\$\w+/g)) {
    const to = match.index + match[0].length;
    const found = functions.filter(({ name }) => name === match[0]);
    if (match.index <= at && at <= to && found.length > 0) return { from: match.index, to, found };
  }
  return null;
}
