// Before, after, or both side by side.
import { byId, element, words } from "./page.js";

const VIEWS = ["before", "after", "both"];

// `onUnseen` is called when the chosen file turns out to be one that this browser cannot show.
export function drawViews(onUnseen) {
  const draw = (view) =>
    element("button", { type: "button", "data-view": view, "aria-pressed": "false", onclick: () => setView(view) }, words[view]);
  byId("views").replaceChildren(...VIEWS.map(draw));
  // A TIFF, a HEIC picture: this browser cannot show it as it was chosen. Once uploaded, the server shows it as JPEG.
  byId("before").addEventListener("error", () => {
    const isChosenFile = byId("before").src.startsWith("blob:");
    byId("before").removeAttribute("src");
    if (isChosenFile) onUnseen();
  });
}

export function setView(view) {
  byId("frames").dataset.view = view;
  for (const button of byId("views").children) button.setAttribute("aria-pressed", String(button.dataset.view === view));
}

export function showBefore(url) {
  byId("before").src = url;
  byId("before").alt = words.original;
}
