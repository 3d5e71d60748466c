// The pictures that this person uploaded, kept in this browser.
import { byId, element, fill, words } from "./page.js";
import { require } from "./lib.js";

const { thumbnailUrl } = require("./gallery");

const PLACE = "imgfn.pictures";

export function readPictures() {
  return JSON.parse(localStorage.getItem(PLACE) || "[]");
}

export function writePictures(pictures) {
  localStorage.setItem(PLACE, JSON.stringify(pictures));
}

export function drawGallery(base, pictures, current, on) {
  byId("gallery-empty").hidden = pictures.length > 0;
  byId("gallery").replaceChildren(
    ...pictures.map(({ key }) =>
      element(
        "li",
        {},
        element(
          "button",
          { type: "button", "aria-label": fill(words.use, { name: key }), "aria-current": key === current ? "true" : false, onclick: () => on.use(key) },
          element("img", { src: thumbnailUrl(base, key), alt: "", loading: "lazy" })
        ),
        element("p", { title: key }, key),
        element("button", { type: "button", "aria-label": fill(words.forget, { name: key }), onclick: () => on.forget(key) }, "×")
      )
    )
  );
}
