// JSONata for CodeMirror's StreamLanguage: the colours and the indentation. It tokenizes a
// template as the package shared/jsonata/syntax does.

// A name ends at white space or at an operator.
const name = /^[^\s.[\]{}(),@#;:?+\-*/%|=<>^&!~"'`]+/;
const number = /^\d+(\.\d+)?([eE][+-]?\d+)?/;
const operator = /^(\.\.|:=|!=|>=|<=|\*\*|~>|\?:|\?\?|[.@#;:?+\-*/%|=<>^&!~,])/;
const words = { and: "operatorKeyword", or: "operatorKeyword", in: "operatorKeyword", function: "keyword", "λ": "keyword", true: "bool", false: "bool", null: "null" };

// Tokens that may span several lines: their colour, and a function that reads to their end.
const comment = { colour: "comment", read: (stream) => stream.skipTo("*/") && stream.match("*/") };
const text = (quote) => ({ colour: "string", quote, read: (stream) => readText(stream, quote) });
const quotedName = { colour: "propertyName", read: (stream) => stream.skipTo("`") && stream.next() };
const regex = () => ({ colour: "regexp", depth: 0, read: readRegex });

function readText(stream, quote) {
  while (!stream.eol()) {
    const c = stream.next();
    if (c === "\\") stream.next();
    else if (c === quote) return true;
  }
}

// A slash ends a regular expression unless it is escaped or within brackets.
function readRegex(stream, open) {
  while (!stream.eol()) {
    const c = stream.next();
    if (c === "\\") stream.next();
    else if ("([{".includes(c)) open.depth++;
    else if (")]}".includes(c)) open.depth--;
    else if (c === "/" && open.depth === 0) return stream.match(/^[im]*/);
  }
}

// level is a nesting level. The outermost one stays, even if there is one closing bracket too many.
const level = (bracket) => ({ bracket, questions: 0 });

export const jsonata = {
  name: "jsonata",
  languageData: { commentTokens: { block: { open: "/*", close: "*/" } }, indentOnInput: /^\s*[)\]}]$/ },

  startState: () => ({ levels: [level("")], open: null, afterOperand: false }),
  copyState: (state) => ({ ...state, levels: state.levels.map((one) => ({ ...one })), open: state.open && { ...state.open } }),

  token(stream, state) {
    if (state.open) return goOn(stream, state);
    if (stream.eatSpace()) return null;
    if (stream.match("/*")) return begin(stream, state, comment);
    const c = stream.peek();
    if (c === '"' || c === "'") return begin(stream, state, text(stream.next()));
    if (c === "`") return stream.next() && begin(stream, state, { ...quotedName });
    if (c === "/" && !state.afterOperand) return stream.next() && begin(stream, state, regex());
    if ("([{".includes(c)) return opened(stream, state);
    if (")]}".includes(c)) return closed(stream, state);
    if (stream.match(number)) return operand(state, "number");
    const symbol = stream.match(operator);
    if (symbol) return applied(state, symbol[0]);
    return named(stream, state);
  },

  indent(state, textAfter, context) {
    if (state.open) return null; // a token over several lines keeps its indentation
    const depth = state.levels.length - 1 - (/^\s*[)\]}]/.test(textAfter) ? 1 : 0);
    return Math.max(0, depth) * context.unit;
  },
};

function begin(stream, state, open) {
  state.open = open;
  return goOn(stream, state);
}

function goOn(stream, state) {
  const { colour, quote, read } = state.open;
  if (!read(stream, state.open)) {
    stream.skipToEnd();
    return colour;
  }
  state.open = null;
  if (colour === "comment") return colour;
  state.afterOperand = true;
  return quote && isKey(stream, state) ? "propertyName" : colour;
}

// isKey reports whether a string is the name of a field: it stands before a colon that does not belong to a condition.
function isKey(stream, state) {
  const within = state.levels.at(-1);
  return within.bracket === "{" && within.questions === 0 && stream.match(/^\s*:(?!=)/, false);
}

function opened(stream, state) {
  state.levels.push(level(stream.next()));
  state.afterOperand = false;
  return "bracket";
}

function closed(stream, state) {
  stream.next();
  if (state.levels.length > 1) state.levels.pop();
  state.afterOperand = true;
  return "bracket";
}

function operand(state, colour) {
  state.afterOperand = true;
  return colour;
}

function applied(state, symbol) {
  const within = state.levels.at(-1);
  if (symbol === "?") within.questions++;
  if (symbol === ":" && within.questions > 0) within.questions--;
  if (symbol === "," || symbol === ";") within.questions = 0;
  // * and % can also be operands. A slash after such an operand is a division.
  state.afterOperand = (symbol === "*" || symbol === "%") && !state.afterOperand;
  return ".,;:".includes(symbol) ? "punctuation" : "operator";
}

function named(stream, state) {
  const found = stream.match(name);
  if (!found) {
    stream.next();
    return "invalid";
  }
  const word = found[0];
  const colour = words[word];
  state.afterOperand = colour !== "operatorKeyword";
  if (colour) return colour;
  if (!word.startsWith("$")) return "propertyName";
  return stream.match(/^\s*\(/, false) ? "variableName.function" : "variableName";
}
