// The pages work without this script. It shows previews while the user types, and new
// data when it arrives, by fetching parts of a page that the server renders.

// A form with data-live="URL" data-into="ID" is sent to URL while the user types. The
// answer is shown in the element ID. Screen readers announce the parts of the answer that
// have data-announce, through the status element whose ID is in data-status.
for (const form of document.querySelectorAll("form[data-live]")) {
  const into = document.getElementById(form.dataset.into);
  const status = document.getElementById(form.dataset.status);
  let timer, underway;
  const refresh = async () => {
    underway?.abort();
    underway = new AbortController();
    into.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(form.dataset.live, { method: "POST", body: new URLSearchParams(new FormData(form)), signal: underway.signal });
      const text = await answer.text();
      if (answer.ok) into.innerHTML = text;
      else into.textContent = text; // an error text, which may quote the input
      into.removeAttribute("aria-busy");
      const announced = [...into.querySelectorAll("[data-announce]")].map((element) => element.innerText).join(" ");
      if (status.textContent !== announced) status.textContent = announced;
      into.dispatchEvent(new Event("refreshed", { bubbles: true }));
    } catch (error) {
      if (error.name !== "AbortError") into.textContent = "The hub does not respond. Is it still running?";
    }
  };
  form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(refresh, 300); });
  refresh();
}

// A link with data-go-to="LINE" goes to that line of the text area that it links to. If the
// code editor replaces the text area, the editor handles the event.
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-go-to]");
  const area = link && document.getElementById(link.hash.slice(1));
  if (!area) return;
  event.preventDefault();
  const number = Number(link.dataset.goTo);
  if (!area.dispatchEvent(new CustomEvent("go-to-line", { detail: number, cancelable: true }))) return;
  const lines = area.value.split("\n");
  const start = lines.slice(0, number - 1).reduce((sum, line) => sum + line.length + 1, 0);
  area.focus();
  area.setSelectionRange(start, start + (lines[number - 1] ?? "").length);
  area.scrollTop = (area.scrollHeight / lines.length) * Math.max(0, number - 5);
});

// Leaving a template with unsaved changes asks for confirmation.
for (const form of document.querySelectorAll("form[data-live]")) {
  let sent = false;
  form.addEventListener("submit", () => { sent = true; });
  addEventListener("pageshow", () => { sent = false; });
  addEventListener("beforeunload", (event) => {
    const area = form.querySelector("[data-editor]");
    if (!sent && area && ("unsaved" in form.dataset || area.value !== area.defaultValue)) event.preventDefault();
  });
}

// An element with data-poll="URL" is refreshed every few seconds while the page is
// visible. The status 205 means that the whole page must be reloaded. While the hub does not
// answer, the element with data-unreachable is shown.
for (const element of document.querySelectorAll("[data-poll]")) {
  const seconds = Number(element.dataset.every || 3);
  const unreachable = document.querySelector("[data-unreachable]");
  let last;
  const refresh = async () => {
    if (document.hidden) return;
    let reached = false;
    try {
      const answer = await fetch(element.dataset.poll);
      reached = true;
      if (answer.status === 205) location.reload();
      else if (answer.ok) {
        const text = await answer.text();
        if (text !== last) replaceContent(element, text);
        last = text;
      }
    } catch {
      // The hub is not reachable; the next round tries again.
    }
    if (unreachable) unreachable.hidden = reached;
  };
  setInterval(refresh, seconds * 1000);
  document.addEventListener("visibilitychange", refresh);
}

// replaceContent replaces the content of an element. The same link or control has the focus
// afterwards as before.
function replaceContent(element, html) {
  const selector = "a, button, summary, [tabindex]";
  const focused = element.contains(document.activeElement) ? [...element.querySelectorAll(selector)].indexOf(document.activeElement) : -1;
  const href = focused < 0 ? null : document.activeElement.getAttribute("href");
  element.innerHTML = html;
  if (focused < 0) return;
  const now = [...element.querySelectorAll(selector)];
  const same = href === null ? now[focused] : now.find((link) => link.getAttribute("href") === href);
  same?.focus({ preventScroll: true });
}

// A form is sent once, even if its button is pressed several times. A button with
// data-busy="TEXT" shows that text meanwhile.
document.addEventListener("submit", (event) => {
  for (const button of event.target.querySelectorAll("button:not([formaction])")) {
    setTimeout(() => {
      button.disabled = true;
      if (button.dataset.busy) [button.textContent, button.dataset.busy] = [button.dataset.busy, button.textContent];
    });
  }
});
// The buttons work again if the browser restores the page from its cache.
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button[disabled]:not([data-off])")) {
    button.disabled = false;
    if (button.dataset.busy) [button.textContent, button.dataset.busy] = [button.dataset.busy, button.textContent];
  }
});

// A button with data-copy="ID" copies the text of the element ID.
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const element = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(element.textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    } catch {
      getSelection().selectAllChildren(element); // so that the user can copy it with the keyboard
    }
  });
}
