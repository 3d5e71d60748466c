// Shows what is known of the result: the pictures, the facts, the address, and what went wrong.
import { require } from "./lib.js";
import { byId, element, fill, hide, show, words } from "./page.js";

const { explain } = require("./faults");
const { formatBytes } = require("./words");

let shownUrl;

export function showPicture(blob) {
  if (shownUrl) URL.revokeObjectURL(shownUrl);
  shownUrl = URL.createObjectURL(blob);
  const after = byId("after");
  hide(byId("report"));
  show(after);
  after.src = shownUrl;
  after.alt = words.result;
  return after.decode().then(
    () => ({ width: after.naturalWidth, height: after.naturalHeight }),
    () => null // a format that this browser cannot show, TIFF or HEIC: the facts and the address are still right
  );
}

export function showReport(text) {
  hide(byId("after"));
  show(byId("report"));
  byId("report").textContent = /^[[{]/.test(text) ? JSON.stringify(JSON.parse(text), null, 2) : text;
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

// The address with its steps set off, because the address is what this page is about.
export function showAddress(url, base, key) {
  const path = url.slice(base.length);
  const name = `/${key.split("/").map(encodeURIComponent).join("/")}`;
  const steps = path.slice("/proc".length, path.length - name.length);
  byId("url").replaceChildren(`${base}/proc`, element("b", {}, steps), element("i", {}, name));
  byId("open").href = url;
  show(byId("link"));
}

export function showQrCode(url) {
  byId("qr-image").src = `/qr.svg?url=${encodeURIComponent(url)}`;
  byId("qr-image").alt = url;
  const isLocal = /^(127\.|localhost$|\[::1\]$)/.test(location.hostname);
  byId("qr-hint").textContent = isLocal ? words.qrLocal : words.qrHint;
}

// `actions` are {label, act} for the buttons below the words; `extra` is one more element, such as a field for a token.
export function showFault(fault, actions = [], extra = null) {
  const { title, detail, requestId } = explain(fault, words);
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
