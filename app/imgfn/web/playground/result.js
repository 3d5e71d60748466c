// Shows what is known of the result: the pictures, the facts, the address, and what went wrong.
import { require } from "./lib.js";
import { byId, element, fill, hide, show, words } from "./page.js";

const { explain } = require("./faults");
const { formatBytes, formatReport } = require("./words");

let shownUrl;

// Resolves to the picture's {width, height} in pixels; to null where this browser cannot show its format.
export function showPicture(blob, format) {
  if (shownUrl) URL.revokeObjectURL(shownUrl);
  shownUrl = URL.createObjectURL(blob);
  const after = byId("after");
  hide(byId("report"));
  show(after);
  after.src = shownUrl;
  after.alt = words.result;
  return after.decode().then(
    () => ({ width: after.naturalWidth, height: after.naturalHeight }),
    () => {
      after.removeAttribute("src");
      showWords(fill(words.cannotShow, { format: format.toUpperCase() }));
      return null;
    }
  );
}

// Resolves to null: words have no pixels.
export async function showReport(blob) {
  showWords(formatReport(await blob.text()));
  return null;
}

function showWords(text) {
  byId("report").textContent = text;
  hide(byId("after"));
  show(byId("report"));
}

export function showFacts(facts, dimensions) {
  const rows = [
    [words.size, formatBytes(facts.bytes)],
    [words.format, facts.format.toUpperCase()],
    [words.dimensions, dimensions ? `${dimensions.width} × ${dimensions.height}` : ""],
    [words.time, facts.milliseconds === null ? "" : fill(words.milliseconds, { ms: facts.milliseconds.toFixed(facts.milliseconds < 10 ? 1 : 0) })],
  ].filter(([, value]) => value);
  const list = byId("facts");
  list.replaceChildren(...rows.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
  if (facts.milliseconds !== null) list.lastChild.lastChild.append(" ", element("small", {}, facts.isKept ? words.kept : words.made));
  show(list);
  byId("notes").replaceChildren(...facts.notes.map((note) => element("p", {}, note)));
}

// `actions` are {label, act} for the buttons below the words; `extra` is one more element, such as a field for a token.
export function showFault(fault, actions = [], extra = null) {
  const { title, detail, requestId } = explain(fault, words);
  byId("fault").classList.remove("calm");
  byId("fault").replaceChildren(
    element("strong", {}, title),
    ...(detail ? [element("p", { lang: "en" }, detail)] : []),
    ...(extra ? [extra] : []),
    ...(requestId ? [element("p", { class: "request" }, `${words.requestId} `, element("code", {}, requestId))] : []),
    ...(actions.length ? [element("div", { class: "actions" }, ...actions.map(drawAction))] : [])
  );
  markField(fault.parameter);
}

function drawAction({ label, act }, index) {
  return element("button", { type: "button", class: index === 0 ? "primary" : "button", onclick: act }, label);
}

// What is no fault but wants an answer, at the same place.
export function offer(words, actions) {
  byId("fault").classList.add("calm");
  byId("fault").replaceChildren(
    element("p", {}, words),
    element("div", { class: "actions" }, ...actions.map(drawAction))
  );
  byId("fault").querySelector("button").focus();
}

export function clearFault() {
  byId("fault").replaceChildren();
  markField("");
}

function markField(key) {
  for (const control of document.querySelectorAll(".field input, .field select")) {
    control.toggleAttribute("aria-invalid", false);
    if (key && control.closest(".field").dataset.key === key) control.setAttribute("aria-invalid", "true");
  }
}
