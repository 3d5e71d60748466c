// Draws the fields that miniprogram/lib/forms.js describes; knows kinds of values, never an operation.
import { require } from "./lib.js";
import { element, fill, words } from "./page.js";

const forms = require("./forms");
const { nameTerm } = require("./words");

let lastId = 0;

// One field. `commit(value)` is called with plain text when the person is done: a slider is released, a box is left.
export function drawField(described, commit) {
  const field = { ...described, label: nameTerm(words, described.label), unit: nameTerm(words, described.unit) };
  lastId += 1;
  const id = `field-${lastId}`;
  const reset = element("button", { type: "button", "aria-label": `${words.reset}: ${field.label}`, onclick: goBack }, words.reset);
  const control = CONTROLS[field.kind](field, id, take);
  reset.hidden = !field.isSet || field.required;
  return element(
    "div",
    { class: "field", "data-key": field.key },
    element(
      "div",
      { class: "name" },
      element("label", { for: id }, field.label),
      field.key === field.label ? null : element("code", {}, field.key),
      reset
    ),
    control.element
  );

  function take(value) {
    reset.hidden = value === field.fallback || field.required;
    commit(value);
  }
  function goBack() {
    control.write(field.fallback);
    take(field.fallback);
    control.focus();
  }
}

const CONTROLS = { number: drawNumber, choice: drawChoice, picture: drawChoice, flag: drawFlag, colour: drawColour, text: drawText };

function drawNumber(field, id, take) {
  const box = element("input", {
    id,
    type: "number",
    min: field.min,
    max: field.max,
    step: field.step,
    value: field.value,
    placeholder: "–",
    inputmode: field.step === 1 ? "numeric" : "decimal",
    onchange: () => {
      if (box.value !== "") box.value = Math.min(Math.max(Number(box.value), field.min), field.max);
      slider.value = forms.position(field.schema, box.value === "" ? field.min : Number(box.value));
      describe();
      take(box.value);
    },
  });
  const slider = element("input", {
    type: "range",
    min: 0,
    max: field.positions,
    value: field.position,
    "aria-label": field.label,
    oninput: () => {
      box.value = forms.valueAt(field.schema, Number(slider.value));
      describe();
    },
    onchange: () => take(box.value),
  });
  function describe() {
    slider.setAttribute("aria-valuetext", box.value === "" ? words.notSet : `${box.value} ${field.unit}`.trim());
  }
  describe();
  return {
    element: element("div", { class: "row" }, slider, box, element("span", { class: "unit" }, field.unit)),
    focus: () => box.focus(),
    write: (value) => {
      box.value = value;
      slider.value = forms.position(field.schema, value === "" ? field.min : Number(value));
      describe();
    },
  };
}

function drawChoice(field, id, take) {
  const nothing = field.required ? [] : [element("option", { value: "", selected: field.value === "" }, "–")];
  const choices = field.words.map((word) => element("option", { value: word, selected: word === field.value }, word));
  const select = element("select", { id, onchange: () => take(select.value) }, ...(field.fallback ? [] : nothing), ...choices);
  return simple(select);
}

function drawFlag(field, id, take) {
  const box = element("input", { id, type: "checkbox", role: "switch", checked: field.on, onchange: () => take(box.checked ? "1" : "0") });
  return { element: box, focus: () => box.focus(), write: (value) => (box.checked = value === "1") };
}

function drawColour(field, id, take) {
  const swatch = element("input", {
    type: "color",
    value: field.swatch,
    "aria-label": fill(words.colourOf, { name: field.label }),
    onchange: () => {
      box.value = swatch.value.slice(1);
      take(box.value);
    },
  });
  const box = element("input", {
    id,
    type: "text",
    value: field.value,
    maxlength: 8,
    placeholder: "–",
    pattern: "[0-9a-fA-F]{6}([0-9a-fA-F]{2})?",
    spellcheck: "false",
    onchange: () => {
      if (box.validity.valid && box.value) swatch.value = `#${box.value.slice(0, 6)}`;
      take(box.value.toLowerCase());
    },
  });
  return {
    element: element("div", { class: "row" }, swatch, box),
    focus: () => box.focus(),
    write: (value) => {
      box.value = value;
      swatch.value = `#${(value || "000000").slice(0, 6)}`;
    },
  };
}

function drawText(field, id, take) {
  const box = element("input", { id, type: "text", value: field.value, maxlength: field.longest, onchange: () => take(box.value) });
  return simple(box);
}

function simple(control) {
  return { element: control, focus: () => control.focus(), write: (value) => (control.value = value) };
}
