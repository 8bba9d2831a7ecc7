// Functions for the tests. The browser runs them before the page's own scripts; the hub does
// not serve them.
window.probe = (() => {
  const tidy = (text) => text.replace(/\s+/g, " ").trim();

  const isShown = (element) => element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length > 0;

  const allShown = (selector) => [...document.querySelectorAll(selector)].filter(isShown);

  // The name of a control.
  const nameOf = (element) => tidy(element.ariaLabel || element.innerText || "");

  // The control with that name, or with that name in bold.
  const controlCalled = (name) => {
    const controls = allShown("a[href], button, summary").filter((e) => !e.disabled);
    return controls.find((e) => nameOf(e) === name) ?? controls.find((e) => tidy(e.querySelector("b")?.innerText ?? "") === name);
  };

  const fieldCalled = (label) => [...document.querySelectorAll("label")]
    .filter((l) => tidy(l.innerText).startsWith(label)).map((l) => l.control).find((c) => c && isShown(c));

  // The point where a mouse clicks an element: its centre, or null if something covers it.
  const pointOf = (element) => {
    if (!element) return null;
    element.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
    const box = element.getClientRects()[0];
    const point = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    const there = document.elementFromPoint(point.x, point.y);
    return there && (element.contains(there) || there.contains(element)) ? point : null;
  };

  const describe = (element) => {
    const words = nameOf(element) || tidy(element.labels?.[0]?.innerText ?? "");
    return `${element.localName}${element.type ? `[${element.type}]` : ""} “${words.slice(0, 50)}”`;
  };

  // The controls that the Tab key must reach. In a group of radio buttons it is one.
  const stops = () => allShown("a[href], button, input, select, textarea, summary, [tabindex], [contenteditable=true]")
    .filter((e) => !e.disabled && e.tabIndex >= 0)
    .filter((e, _, all) => e.type !== "radio" || e === (all.find((o) => o.name === e.name && o.form === e.form && o.checked) ??
      all.find((o) => o.name === e.name && o.form === e.form)));

  const hasOutline = (element) => {
    const style = getComputedStyle(element);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  };

  // The element with the focus: its index in stops, and whether its focus is visible.
  const focused = () => {
    const element = document.activeElement;
    if (!element || element === document.body || element === document.documentElement) return { place: -1, name: "", seen: true, inEditor: false };
    const box = element.getBoundingClientRect();
    return {
      place: stops().indexOf(element), name: describe(element), inEditor: !!element.closest(".cm-content"),
      seen: (hasOutline(element) || !!element.closest(".editor:focus-within") && hasOutline(element.closest(".editor"))) &&
        box.bottom > 0 && box.top < innerHeight,
    };
  };

  // A CSS colour as red, green, blue and opacity.
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const seen = new Map();
  const parse = (colour) => {
    if (!seen.has(colour)) {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
      seen.set(colour, [r, g, b, a / 255]);
    }
    return seen.get(colour);
  };
  const over = ([r, g, b, a], below) => [r, g, b].map((c, i) => c * a + below[i] * (1 - a));
  const backgroundOf = (element) => element
    ? over(parse(getComputedStyle(element).backgroundColor), backgroundOf(element.parentElement))
    : over(parse("Canvas"), [255, 255, 255]);
  const luminance = (colour) => {
    const [r, g, b] = colour.map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const opacityOf = (element) => (element ? Number(getComputedStyle(element).opacity) * opacityOf(element.parentElement) : 1);

  // Text with too little contrast, by WCAG 2.2, 1.4.3: 4.5 to 1, or 3 to 1 for large text.
  const faint = () => {
    const found = new Set();
    const look = (text, element, style) => {
      const size = parseFloat(style.fontSize);
      const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      const background = backgroundOf(element);
      const [r, g, b, a] = parse(style.color);
      const got = ratio(over([r, g, b, a * Number(style.opacity) * opacityOf(element.parentElement)], background), background);
      if (got < (isLarge ? 3 : 4.5)) found.add(`“${tidy(text).slice(0, 40)}” has a contrast of ${got.toFixed(2)} to 1`);
    };
    for (const field of allShown("[placeholder]")) look(field.placeholder, field, getComputedStyle(field, "::placeholder"));
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const element = texts.currentNode.parentElement;
      if (!texts.currentNode.data.trim() || !isShown(element) || element.closest("[disabled], .skip:not(:focus), option, svg")) continue;
      look(texts.currentNode.data, element, getComputedStyle(element));
    }
    return [...found];
  };

  // Problems for a user who cannot see the page, or who has no mouse.
  const faults = () => {
    const found = [];
    const must = (holds, fault) => { if (!holds) found.push(fault); };
    must(document.documentElement.lang, "the page names no language");
    must(document.title.trim(), "the page has no title");
    must(document.querySelectorAll("main").length === 1, "the page does not have exactly one main element");
    let level = 0;
    for (const heading of allShown("h1, h2, h3, h4, h5, h6")) {
      const next = Number(heading.localName[1]);
      must(level === 0 ? next === 1 : next > 1 && next <= level + 1, `${describe(heading)} follows a heading of level ${level}`);
      level = next;
    }
    for (const field of allShown("input, select, textarea")) must(field.labels.length || field.ariaLabel, `${field.outerHTML.slice(0, 80)} has no label`);
    for (const fault of allShown(".wrong")) must(fault.id && document.querySelector(`[aria-invalid=true][aria-describedby~="${fault.id}"]`), `“${tidy(fault.innerText).slice(0, 40)}” is not connected with a field`);
    for (const control of allShown("a[href], button, summary")) must(nameOf(control), `${control.outerHTML.slice(0, 80)} has no name`);
    for (const image of document.querySelectorAll("img")) must(image.hasAttribute("alt"), `${image.src} has no alt`);
    for (const group of allShown("fieldset")) must(group.querySelector("legend") || group.querySelector("label"), "a fieldset has neither legend nor label");
    for (const table of allShown("table")) must(table.querySelector("th"), "a table has no header");
    for (const part of allShown("[role=table] *")) must(part.role || part.closest("[role=cell], [role=columnheader]"), `${part.localName} in a table has no role`);
    for (const name of ["aria-labelledby", "aria-describedby"]) {
      for (const element of document.querySelectorAll(`[${name}]`)) {
        for (const id of element.getAttribute(name).split(" ")) must(document.getElementById(id), `${describe(element)} refers to ${id}, which does not exist`);
      }
    }
    const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
    for (const id of ids.filter((id, i) => ids.indexOf(id) !== i)) found.push(`the id ${id} is used twice`);
    const here = document.querySelector("nav [aria-current]")?.getBoundingClientRect();
    must(!here || (here.left >= 0 && here.right <= innerWidth), "the navigation does not show the current page");
    must(document.scrollingElement.scrollWidth <= innerWidth, `the page is ${document.scrollingElement.scrollWidth} wide, and the window ${innerWidth}`);
    return found;
  };

  // What axe-core finds. The test has loaded it.
  const violations = async () => {
    // The part of the code editor that scrolls is scrolled by moving the editor's cursor.
    const result = await axe.run({ exclude: [".cm-scroller"] }, { resultTypes: ["violations"] });
    return result.violations.flatMap((v) => v.nodes.map((n) => `axe ${v.id}: ${v.help}: ${n.html.slice(0, 120)}`));
  };

  return { tidy, controlCalled, fieldCalled, pointOf, stops, describe, focused, violations, faults: () => [...faults(), ...faint()] };
})();
