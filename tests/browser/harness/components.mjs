// The platforms' components as ordinary elements of a browser.

import { WECHAT } from "./dialects.mjs";
import { toCss } from "./style.mjs";

const TAGS = { view: "div", "scroll-view": "div", picker: "div", text: "span", image: "img", progress: "progress", slider: "input", switch: "input", input: "input" };
const FITS = { aspectFit: "contain", aspectFill: "cover", scaleToFill: "fill" };

export function componentsFor(dialect) {
  return {
    create(tag, fire) {
      const element = document.createElement(TAGS[tag]);
      element.addEventListener("click", (event) => fire("tap", {}, event));
      if (tag in SPECIAL) SPECIAL[tag](element, fire, dialect);
      return element;
    },

    isOwn(tag, name) {
      return ["type", "max", "role", "style"].includes(name) && tag in SPECIAL;
    },

    set(element, tag, name, value) {
      if (tag === "image" && name === "mode") element.style.objectFit = FITS[value];
      else if (tag === "progress" && name === "percent") element.value = value;
      else if (tag === "switch" && name === "checked") element.checked = Boolean(value);
      else if (tag === "picker" && name === "range") fillSelect(element.firstChild, value);
      else if (tag === "picker" && name === "value") element.firstChild.selectedIndex = value;
      else if (tag === "picker" && name === "aria-label") element.firstChild.setAttribute(name, value);
      else if (tag === "input" && name === "type") element.inputMode = value === "digit" ? "decimal" : "numeric";
      else if (name === "value" && "value" in element) setValue(element, value);
      else if (name === "style") element.style.cssText = toCss(value);
      else if (name === "src") setSource(element, value);
      else setAttribute(element, name, String(value));
    },
  };

  function fillSelect(select, words) {
    const isSame = words.length === select.length && words.every((word, index) => select[index].text === word);
    if (!isSame) select.replaceChildren(...words.map((word) => new Option(word)));
  }
}

const SPECIAL = {
  image(element, fire) {
    element.alt = "";
    for (const name of ["load", "error"]) element.addEventListener(name, (event) => fire(name, {}, event));
  },
  progress(element) {
    element.max = 100;
  },
  slider(element, fire) {
    element.type = "range";
    element.addEventListener("input", (event) => fire("changing", { value: Number(element.value) }, event));
    element.addEventListener("change", (event) => fire("change", { value: Number(element.value) }, event));
  },
  switch(element, fire) {
    element.type = "checkbox";
    element.setAttribute("role", "switch");
    element.addEventListener("change", (event) => fire("change", { value: element.checked }, event));
  },
  input(element, fire) {
    for (const name of ["input", "blur", "focus"]) element.addEventListener(name, (event) => fire(name, { value: element.value }, event));
    element.addEventListener("keydown", (event) => event.key === "Enter" && fire("confirm", { value: element.value }, event));
  },
  // What lies inside a picker is what a person taps; a menu lies over it, as the phone's own would rise.
  picker(element, fire, dialect) {
    const select = document.createElement("select");
    select.isPartOfComponent = true;
    select.className = "harness-menu";
    select.addEventListener("change", (event) => {
      const index = select.selectedIndex;
      fire("change", { value: dialect === WECHAT ? String(index) : index }, event); // WeChat tells it as text
    });
    element.style.position = "relative";
    element.append(select);
  },
};

function setValue(element, value) {
  if (element !== document.activeElement || element.type === "range") {
    if (element.value !== String(value)) element.value = value;
  }
}

function setSource(element, value) {
  if (!value) element.removeAttribute("src");
  else if (element.getAttribute("src") !== value) element.src = value;
}

function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}
