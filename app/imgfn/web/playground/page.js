// The page's words in the reader's language, and the few verbs that build and find its elements.
import { require } from "./lib.js";

const { wordsFor, fill } = require("./words");

export const words = wordsFor(navigator.language);
export { fill };

export function byId(id) {
  return document.getElementById(id);
}

// element("button", { class: "primary", onclick: save }, "Save")
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined && value !== null) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

export function show(...elements) {
  for (const one of elements) one.hidden = false;
}

export function hide(...elements) {
  for (const one of elements) one.hidden = true;
}

// The page is written in English, so that it reads before any script ran.
export function translatePage() {
  document.documentElement.lang = words.isChinese ? "zh" : "en";
  for (const translated of document.querySelectorAll("[data-word]")) translated.textContent = words[translated.dataset.word];
}

let silence;

// Says one line, for eyes and for screen readers.
export function say(text) {
  clearTimeout(silence);
  byId("said").textContent = text;
  silence = setTimeout(() => (byId("said").textContent = ""), 3000);
}
