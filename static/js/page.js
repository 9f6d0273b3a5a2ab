// The page works without this file. Here is only what HTML, CSS and htmx cannot do.
"use strict";

const box = () => document.getElementById("id_q");

// "/" goes to the search box, unless it was switched off in the footer (WCAG 2.1.4) or somebody is typing.
const OFF = "shortcuts-off";

function shortcutsSwitch() {
  const label = document.getElementById("shortcuts");
  label.hidden = false;
  const input = label.querySelector("input");
  input.checked = !localStorage.getItem(OFF);
  input.onchange = () => (input.checked ? localStorage.removeItem(OFF) : localStorage.setItem(OFF, "1"));
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || typing || localStorage.getItem(OFF)) return;
  event.preventDefault();
  box().focus();
  box().select();
});

// Long lists of tags are narrowed down by typing.
function narrowing() {
  for (const input of document.querySelectorAll(".narrow-down")) {
    input.hidden = false;
    input.oninput = () => {
      for (const item of input.parentElement.querySelectorAll("li")) {
        const kept = item.textContent.toLowerCase().includes(input.value.trim().toLowerCase());
        item.hidden = !kept && !item.querySelector(":checked");
      }
    };
    input.onkeydown = (event) => event.key === "Enter" && event.preventDefault();
    input.onchange = (event) => event.stopPropagation(); // it filters the list, not the library
  }
}

// The box shows a search as it was understood, unless somebody has typed on meanwhile.
let sent = null;
document.addEventListener("htmx:configRequest", (event) => {
  if (event.target.id === "search") sent = box().value;
});
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id !== "results") return;
  document.getElementById("status").classList.add("unseen");
  if (sent !== null && box().value === sent) box().value = document.querySelector("#results h2").dataset.text;
  sent = null;
});

// A picture is searched with as soon as it is chosen, dropped or pasted, together with what stands in the box.
function searchWith(file) {
  const form = document.getElementById("picture");
  if (file) {
    const files = new DataTransfer();
    files.items.add(file);
    form.elements.picture.files = files.files;
  }
  form.elements.q.value = box().value;
  form.requestSubmit();
}

function pictures() {
  const input = document.getElementById("id_picture");
  input.value = ""; // a browser that goes back would offer the last one again
  input.onchange = () => input.files.length && searchWith();
}

let ours = false; // a picture of this page is dragged, to somewhere else
const dropping = (event) => !ours && event.dataTransfer?.types.includes("Files");
const invite = (shown) => (document.getElementById("drop").hidden = !shown);
document.addEventListener("dragstart", () => (ours = true));
document.addEventListener("dragend", () => (ours = false));
document.addEventListener("dragover", (event) => {
  if (!dropping(event)) return;
  event.preventDefault();
  invite(true);
});
document.addEventListener("dragleave", (event) => event.relatedTarget || invite(false));
document.addEventListener("drop", (event) => {
  if (!dropping(event)) return;
  event.preventDefault();
  invite(false);
  if (event.dataTransfer.files.length) searchWith(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => {
  const file = [...event.clipboardData.files].find((one) => one.type.startsWith("image/"));
  if (!file || event.clipboardData.types.includes("text/plain")) return;
  event.preventDefault();
  searchWith(file);
});

function ready() {
  shortcutsSwitch();
  narrowing();
  pictures();
}
document.addEventListener("DOMContentLoaded", ready);
document.addEventListener("htmx:historyRestore", ready);

// On a phone the filters lie over the results: "Apply" folds them.
document.addEventListener("submit", (event) => {
  if (!event.submitter?.classList.contains("apply")) return;
  document.getElementById("filters").open = false;
  document.getElementById("main").scrollIntoView();
});

// New results are counted anew. A control that was used and is gone (the pager's link) hands the focus to them.
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id === "results") document.getElementById("facets").dispatchEvent(new Event("recount"));
  if (document.activeElement === document.body) document.querySelector("#results h2")?.focus({ preventScroll: true });
});

// No answer, or none that can be shown: say so where screen readers hear it too.
for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.addEventListener(failure, (event) => {
    if (event.detail.target.id !== "results") return; // counts that do not come are not missed
    const status = document.getElementById("status");
    status.textContent = event.detail.target.dataset.silent;
    status.classList.remove("unseen");
  });
}
