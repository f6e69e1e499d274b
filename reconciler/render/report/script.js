"use strict";
const changes = [...document.querySelectorAll("details.change")];
const search = document.getElementById("search");
const count = document.getElementById("count");
const buttons = [...document.querySelectorAll("button[data-action]")];
const texts = changes.map((item) => item.textContent.toLowerCase());

function show() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = buttons.filter((item) => item.getAttribute("aria-pressed") === "true").map((item) => item.dataset.action);
  let seen = 0;
  changes.forEach((item, index) => {
    const fits = (!wanted.length || wanted.includes(item.dataset.action)) && words.every((word) => texts[index].includes(word));
    item.hidden = !fits;
    seen += fits;
  });
  count.textContent = `${seen} of ${changes.length} changes shown`;
}

function unfold(open) {
  changes.filter((item) => !item.hidden).forEach((item) => { item.open = open; });
}

function follow() {
  const found = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!(found instanceof HTMLDetailsElement)) return;
  if (found.hidden) {
    search.value = "";
    buttons.forEach((item) => item.setAttribute("aria-pressed", "false"));
    show();
  }
  found.open = true;
  found.querySelector("summary").focus();
}

search.addEventListener("input", show);
buttons.forEach((item) => item.addEventListener("click", () => {
  item.setAttribute("aria-pressed", String(item.getAttribute("aria-pressed") !== "true"));
  show();
}));
document.getElementById("open").addEventListener("click", () => unfold(true));
document.getElementById("close").addEventListener("click", () => unfold(false));
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/" && document.activeElement !== search) { event.preventDefault(); search.focus(); return; }
  if (event.key === "Escape" && document.activeElement === search) { search.value = ""; show(); return; }
  if (event.target instanceof HTMLInputElement || (event.key !== "j" && event.key !== "k")) return;
  const seen = changes.filter((item) => !item.hidden).map((item) => item.querySelector("summary"));
  const here = seen.indexOf(document.activeElement);
  const next = seen[event.key === "j" ? here + 1 : Math.max(here - 1, 0)];
  if (next) next.focus();
});
window.addEventListener("hashchange", follow);
show();
follow();
