// The code editor replaces the text area of a template and keeps its value up to date, so
// that the form and its preview work as they do without the editor.

import { autocompletion, ifNotIn } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { search, searchKeymap } from "@codemirror/search";
import { EditorState } from "@codemirror/state";
import { EditorView, highlightActiveLine, highlightActiveLineGutter, hoverTooltip, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";

import { complete, describe } from "./completion.mjs";
import { jsonata } from "./jsonata.mjs";

// The colours are those of the page, for light and dark themes: see console.css.
const colours = HighlightStyle.define([
  { tag: tags.comment, color: "var(--code-comment)", fontStyle: "italic" },
  { tag: tags.string, color: "var(--code-string)" },
  { tag: tags.regexp, color: "var(--code-string)" },
  { tag: tags.propertyName, color: "var(--code-name)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--code-value)" },
  { tag: tags.function(tags.variableName), color: "var(--code-function)" },
  { tag: tags.variableName, color: "var(--code-variable)" },
  { tag: [tags.keyword, tags.operatorKeyword], color: "var(--code-keyword)" },
  { tag: [tags.operator, tags.punctuation, tags.bracket], color: "var(--soft)" },
  { tag: tags.invalid, color: "var(--bad)" },
]);

const look = EditorView.theme({
  "&": { color: "var(--ink)", backgroundColor: "var(--card)", fontSize: ".8125rem", height: "100%" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55", overflow: "auto" },
  ".cm-content": { caretColor: "var(--ink)", padding: ".5rem 0" },
  ".cm-gutters": { backgroundColor: "var(--card)", color: "var(--soft)", border: "none" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "color-mix(in srgb, var(--accent) 8%, transparent)" },
  ".cm-content ::selection, .cm-line::selection": { backgroundColor: "color-mix(in srgb, var(--accent) 30%, transparent)" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--wash)", outline: "1px solid var(--accent)" },
  "&.cm-focused .cm-nonmatchingBracket": { backgroundColor: "var(--bad-wash)" },
  ".cm-searchMatch": { backgroundColor: "var(--warn-wash)", outline: "1px solid var(--warn)" },
  ".cm-searchMatch-selected": { backgroundColor: "color-mix(in srgb, var(--warn) 40%, transparent)" },
  ".cm-panels": { backgroundColor: "var(--paper)", color: "var(--ink)", borderColor: "var(--line)" },
  ".cm-panel.cm-search": { padding: ".5rem", font: "inherit" },
  ".cm-panel.cm-search .cm-textfield": { width: "12rem", fontSize: ".8125rem", padding: ".25rem .5rem", border: "1px solid #98a3b0", background: "var(--card)", color: "inherit", borderRadius: "6px" },
  ".cm-panel.cm-search .cm-button": { backgroundImage: "none", background: "transparent", color: "inherit", border: "1px solid var(--line)", borderRadius: "6px", padding: ".2rem .6rem", fontSize: ".8125rem" },
  ".cm-panel.cm-search [name=close]": { color: "inherit", border: "0", background: "none", padding: "0 .5rem" },
  ".cm-panel.cm-search label": { display: "inline-flex", gap: ".3rem", alignItems: "center", fontWeight: "400", margin: "0 .3rem 0 0" },
  ".cm-tooltip": { backgroundColor: "var(--card)", color: "var(--ink)", border: "1px solid var(--line)", borderRadius: "8px", overflow: "hidden", maxWidth: "30rem" },
  ".cm-tooltip.cm-tooltip-autocomplete": { overflow: "visible" }, // the description is outside of the list
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", maxHeight: "14rem" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: ".15rem .5rem" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--wash)", color: "var(--ink)" },
  ".cm-completionDetail": { color: "var(--soft)", fontStyle: "normal" },
  ".cm-completionMatchedText": { textDecoration: "none", color: "var(--accent)" },
  ".cm-tooltip.cm-completionInfo, .cm-tooltip.cm-tooltip-hover .help": { padding: ".5rem .7rem", fontFamily: "system-ui, sans-serif", whiteSpace: "normal" },
  ".help p": { margin: "0 0 .3rem" },
});

// The functions of the language, with their descriptions.
let functions = [];
fetch("./editor/functions").then(async (answer) => {
  if (answer.ok) functions = await answer.json();
});

// The input of the last preview that had one. A template that does not compile has no preview,
// and while a path is typed it often does not.
let input = null;
function keepInput() {
  const shown = document.querySelector("[data-input]");
  if (shown) input = JSON.parse(shown.textContent);
}

for (const area of document.querySelectorAll("textarea[data-editor]")) replace(area);

function replace(area) {
  const form = area.form;
  const host = document.createElement("div");
  host.className = "editor";
  const hint = document.getElementById(area.getAttribute("aria-describedby"));
  hint.hidden = false;
  const view = new EditorView({
    parent: host,
    state: EditorState.create({
      doc: area.value,
      extensions: [
        EditorView.cspNonce.of(document.getElementById("editor-bundle").nonce),
        lineNumbers(), highlightActiveLine(), highlightActiveLineGutter(), lintGutter(), EditorView.lineWrapping,
        history(), bracketMatching(), indentOnInput(), indentUnit.of("  "), EditorState.tabSize.of(2), search({ top: true }),
        autocompletion({ override: [ifNotIn(["comment", "string", "regexp"], offer)], icons: false }), hoverTooltip(help),
        StreamLanguage.define(jsonata), syntaxHighlighting(colours), look,
        EditorView.contentAttributes.of({ "aria-label": "Template", "aria-describedby": hint.id, autocapitalize: "off", spellcheck: "false" }),
        keymap.of([{ key: "Mod-s", run: () => review(form) }, indentWithTab, ...searchKeymap, ...lintKeymap, ...historyKeymap, ...defaultKeymap]),
        EditorView.domEventHandlers({ beforeinput: typeOver }),
        EditorView.updateListener.of((update) => update.docChanged && keep(area, update.state)),
      ],
    }),
  });
  area.hidden = true;
  area.after(host);
  area.addEventListener("go-to-line", (event) => {
    event.preventDefault(); // so that the text area does not handle it
    select(view, event.detail);
  });
  addEventListener("refreshed", () => {
    keepInput();
    markErrors(view);
  });
  keepInput();
  markErrors(view);
}

function offer({ state, pos, explicit }) {
  return complete(state.sliceDoc(0, pos), { functions, input, asked: explicit });
}

// help shows the descriptions of the function under the pointer.
function help(view, position) {
  const line = view.state.doc.lineAt(position);
  const described = describe(line.text, position - line.from, functions);
  return described && { pos: line.from + described.from, end: line.from + described.to, above: true, create: () => ({ dom: helpText(described.found) }) };
}

function helpText(found) {
  const dom = document.createElement("div");
  dom.className = "help";
  for (const { usage, gives } of found) {
    const call = document.createElement("code");
    call.textContent = usage;
    const row = document.createElement("p");
    row.append(call, " " + gives);
    dom.append(row);
  }
  return dom;
}

// typeOver inserts text that replaces a selection. Chromium would insert it with the colours
// of the replaced text, as an inline style, which the page's policy forbids. Text from an
// input method can only be inserted by Chromium.
function typeOver(event, view) {
  if (event.inputType !== "insertText" || !event.data || event.isComposing || view.state.selection.main.empty) return false;
  event.preventDefault();
  view.dispatch(view.state.replaceSelection(event.data), { userEvent: "input.type", scrollIntoView: true });
  return true;
}

// keep copies the editor's text into the form.
function keep(area, state) {
  area.value = state.doc.toString();
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

function review(form) {
  form.requestSubmit(form.querySelector("button[value=review]"));
  return true;
}

// markErrors marks the line of an error, which the server writes into data-line.
function markErrors(view) {
  const found = [...document.querySelectorAll("[data-line][data-message]")].flatMap((element) => {
    const number = Number(element.dataset.line);
    if (number > view.state.doc.lines) return [];
    const line = view.state.doc.line(number);
    const indent = line.text.length - line.text.trimStart().length;
    return [{ from: line.from + indent, to: line.to, severity: "error", message: element.dataset.message }];
  });
  view.dispatch(setDiagnostics(view.state, found));
}

function select(view, number) {
  const line = view.state.doc.line(Math.min(number, view.state.doc.lines));
  view.dispatch({ selection: { anchor: line.from, head: line.to }, effects: EditorView.scrollIntoView(line.from, { y: "center" }) });
  view.focus();
}
