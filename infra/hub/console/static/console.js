// The pages work without this. It shows results while one types and what arrives
// meanwhile, by fetching parts of a page that the server has made.

// A form with data-live="URL" data-into="ID" is sent there while one types, and the
// answer shown in the element of that id. What of it says data-heard is told to who does
// not see it, by the status of the id in data-status.
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
      else into.textContent = text; // an error in words, which may quote what was sent
      into.removeAttribute("aria-busy");
      const heard = [...into.querySelectorAll("[data-heard]")].map((element) => element.innerText).join(" ");
      if (status.textContent !== heard) status.textContent = heard;
      into.dispatchEvent(new Event("refreshed", { bubbles: true }));
    } catch (error) {
      if (error.name !== "AbortError") into.textContent = "The hub does not answer: is it still running?";
    }
  };
  form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(refresh, 300); });
  refresh();
}

// What says data-go-to="LINE" leads to that line of the text that its link names: of the
// editor, which then answers for it, or of the text area.
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

// Who leaves a template that is not saved is asked first.
for (const form of document.querySelectorAll("form[data-live]")) {
  let sent = false;
  form.addEventListener("submit", () => { sent = true; });
  addEventListener("pageshow", () => { sent = false; });
  addEventListener("beforeunload", (event) => {
    const area = form.querySelector("[data-editor]");
    if (!sent && area && ("unsaved" in form.dataset || area.value !== area.defaultValue)) event.preventDefault();
  });
}

// An element with data-poll="URL" is filled anew every few seconds while it is seen. The
// answer 205 says that the whole page is another one by now.
for (const element of document.querySelectorAll("[data-poll]")) {
  const seconds = Number(element.dataset.every || 3);
  setInterval(async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(element.dataset.poll);
      if (answer.status === 205) location.reload();
      else if (answer.ok) element.innerHTML = await answer.text();
    } catch {
      // The hub is gone for a moment; the next round tells.
    }
  }, seconds * 1000);
}

// A form is sent once, however often its button is pressed.
document.addEventListener("submit", (event) => {
  for (const button of event.target.querySelectorAll("button:not([formaction])")) setTimeout(() => { button.disabled = true; });
});
// And back again from the browser's memory of the page.
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button[disabled]:not([data-off])")) button.disabled = false;
});

// A button with data-copy="ID" copies the text of the element of that id.
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const element = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(element.textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    } catch {
      getSelection().selectAllChildren(element); // for the keyboard
    }
  });
}
