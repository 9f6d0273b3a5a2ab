// Shows an answer while it comes. Without this file the same form is answered by a page.
"use strict";

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("[data-ask]")) return;
  event.preventDefault();
  const button = form.querySelector("button");
  if (button.disabled) return;
  const said = form.parentElement.querySelector(".said");
  button.disabled = true;
  say(said, said.dataset.wait, "quiet waiting");
  try {
    const headers = { Accept: "application/x-ndjson" };
    const response = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), headers });
    if (response.redirected) location.reload(); // the sign-in has run out
    else if (response.ok) await read(response, said);
    else fail(said, (await response.json()).detail);
  } catch {
    fail(said, said.dataset.silent);
  }
  said.querySelector(".waiting")?.remove();
  button.disabled = false;
});

async function read(response, said) {
  let rest = "";
  let ended = false;
  for (const reader = response.body.pipeThrough(new TextDecoderStream()).getReader(); ; ) {
    const { value, done } = await reader.read();
    if (done) break;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) ended = show(JSON.parse(line), said) || ended;
  }
  if (!ended) fail(said, said.dataset.silent);
}

// Everything is text, and the links are those of our own server.
function show(event, said) {
  if (event.event === "pictures") {
    say(said, event.pictures.length ? said.dataset.wait : said.dataset.nothing, event.pictures.length ? "quiet waiting" : "");
  } else if (event.event === "statement") {
    const line = document.createElement("p");
    line.append(event.text, ...event.citations.flatMap((one) => [" ", cited(one)]));
    said.querySelector(".waiting") ? said.querySelector(".waiting").before(line) : said.append(line);
  } else if (event.event === "error") {
    fail(said, event.detail);
  } else if (!event.complete) {
    line(said, said.dataset.cut, "quiet");
  }
  return event.event === "done" || event.event === "error";
}

function cited(one) {
  const link = document.createElement("a");
  const picture = document.createElement("img");
  const title = document.createElement("span");
  Object.assign(link, { href: one.url, className: "cited" });
  Object.assign(picture, { src: one.thumbnail, alt: "", width: 32, height: 32 });
  Object.assign(title, { textContent: ` ${one.title}`, className: "unseen" });
  link.append(picture, ` ${one.number}`, title);
  return link;
}

function line(said, text, kind) {
  const made = document.createElement("p");
  made.textContent = text;
  made.className = kind;
  said.append(made);
}

function say(said, text, kind) {
  said.replaceChildren();
  line(said, text, kind);
}

function fail(said, text) {
  said.querySelector(".waiting")?.remove();
  line(said, text, "error");
}
