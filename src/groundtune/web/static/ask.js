// Asks without leaving the page. The server renders the answer either way, so nothing retrieved is ever built into HTML here.
"use strict";

const form = document.getElementById("ask");
const question = document.getElementById("question");
const button = form.querySelector("button");

async function show(address) {
  const result = document.getElementById("result");
  button.disabled = true;
  result.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(address, { headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    result.replaceChildren(...page.getElementById("result").childNodes);
    document.title = page.title;
  } catch {
    const note = document.createElement("p");
    note.className = "note";
    note.textContent = "The server cannot be reached. Is it still running?";
    result.replaceChildren(note);
  } finally {
    result.removeAttribute("aria-busy");
    button.disabled = false;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const address = `/?${new URLSearchParams(new FormData(form))}`;
  history.pushState(null, "", address);
  show(address);
});

question.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    form.requestSubmit();
  }
});

window.addEventListener("popstate", () => location.reload());
