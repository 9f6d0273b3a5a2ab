// The page works without this file. Here is only what HTML, CSS and htmx cannot do.
"use strict";

const box = () => document.getElementById("id_semantic");

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

function ready() {
  shortcutsSwitch();
  narrowing();
}
document.addEventListener("DOMContentLoaded", ready);
document.addEventListener("htmx:historyRestore", ready);

// On a phone the filters lie over the results: "Apply" folds them.
document.addEventListener("submit", (event) => {
  if (!event.submitter?.classList.contains("apply")) return;
  document.getElementById("filters").open = false;
  document.getElementById("main").scrollIntoView();
});

// A control that was used and is gone after a swap (the pager's link) hands the focus to the results.
document.addEventListener("htmx:afterSettle", () => {
  if (document.activeElement === document.body) document.querySelector("#results h2")?.focus({ preventScroll: true });
});

// No answer, or none that can be shown: say so where screen readers hear it too.
for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.addEventListener(failure, () => {
    const results = document.getElementById("results");
    const status = document.getElementById("status");
    status.textContent = results.dataset.silent;
    status.classList.remove("unseen");
  });
}
document.addEventListener("htmx:afterSwap", () => document.getElementById("status")?.classList.add("unseen"));
