// Asks without leaving the page, and shows the answer while it is written. Its pieces are only ever text; the server
// renders the finished answer, so nothing retrieved is ever built into HTML here.
"use strict";

const form = document.getElementById("ask");
const question = document.getElementById("question");
const button = form.querySelector("button");
const result = document.getElementById("result");
let current = null;

async function* lines(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    const found = (rest + (value ?? "")).split("\n");
    rest = found.pop();
    yield* found;
    if (done) {
      if (rest) yield rest;
      return;
    }
  }
}

function made(tag, kind, ...content) {
  const element = document.createElement(tag);
  element.className = kind;
  element.append(...content);
  return element;
}

function finish(html) {
  result.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
}

async function show(query) {
  current?.abort();
  const mine = (current = new AbortController());
  let said = null;
  let finished = false;
  button.disabled = true;
  result.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(`/answer?${query}`, { signal: mine.signal });
    for await (const line of lines(response)) {
      const { piece, html, error } = JSON.parse(line);
      if (error) throw new Error(error.message);
      finished = html !== undefined;
      if (finished) {
        finish(html);
      } else if (said) {
        said.append(piece);
      } else {
        said = made("p", "reply", piece);
        result.replaceChildren(made("section", "writing", made("h2", "", "Answer"), said));
      }
    }
    if (!finished) throw new Error("cut");
  } catch {
    if (mine !== current) return;
    const words = said ? "The answer was cut here. Ask again." : "The server cannot be reached. Is it still running?";
    const note = made("p", "note", words);
    said ? said.parentElement.append(note) : result.replaceChildren(note);
  } finally {
    if (mine === current) {
      result.removeAttribute("aria-busy");
      button.disabled = false;
    }
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const query = new URLSearchParams(new FormData(form));
  history.pushState(null, "", `/?${query}`);
  document.title = `${question.value.trim()} · Ask · Groundtune`;
  show(query);
});

question.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    form.requestSubmit();
  }
});

window.addEventListener("popstate", () => location.reload());
