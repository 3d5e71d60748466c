// Draws the chips, the list of steps and the menu of operations. The plan itself is kept by main.js.
import { drawField } from "./fields.js";
import { require } from "./lib.js";
import { byId, element, fill, words } from "./page.js";

const forms = require("./forms");
const plan = require("./plan");
const presets = require("./presets");

export function drawChips(operations, steps, onToggle) {
  byId("chips").replaceChildren(
    ...presets.available(operations).map((preset) =>
      element(
        "button",
        { type: "button", "data-preset": preset.id, "aria-pressed": String(presets.isOn(steps, preset.id)), onclick: () => onToggle(preset.id) },
        words.presets[preset.id]
      )
    )
  );
}

// The menu, in groups by the operations' categories.
export function drawMenu(operations) {
  const categories = [...new Set(operations.map((operation) => operation.category))];
  byId("operations").replaceChildren(
    ...categories.map((category) =>
      element(
        "optgroup",
        { label: words.categories[category] || category },
        ...operations
          .filter((operation) => operation.category === category)
          .map((operation) => element("option", { value: operation.name, title: operation.summary }, operation.name))
      )
    )
  );
}

// `on` has change(id, key, value), move(id, places) and remove(id).
export function drawSteps(operations, steps, pictures, on) {
  byId("no-steps").hidden = steps.length > 0;
  byId("steps").replaceChildren(...steps.map((step, index) => drawStep(step, index)));

  function drawStep(step, index) {
    const operation = plan.findOperation(operations, step.name);
    const fields = forms.fields(operation, step.values, pictures);
    const draw = (field) => drawField(field, (value) => on.change(step.id, field.key, value));
    const rest = fields.filter((field) => !field.isMain);
    return element(
      "li",
      { class: "step", id: step.id },
      element(
        "header",
        {},
        element("h3", {}, element("span", {}, `${index + 1} `), step.name),
        button("↑", words.moveUp, index === 0, () => on.move(step.id, -1)),
        button("↓", words.moveDown, index === steps.length - 1, () => on.move(step.id, 1)),
        button("×", words.removeStep, false, () => on.remove(step.id))
      ),
      element("p", { class: "summary", lang: "en" }, operation.summary),
      ...fields.filter((field) => field.isMain).map(draw),
      rest.length ? element("details", {}, element("summary", {}, words.more), ...rest.map(draw)) : null
    );

    function button(sign, label, disabled, onclick) {
      return element("button", { type: "button", "aria-label": fill(label, { name: step.name }), disabled, onclick }, sign);
    }
  }
}

// After a redraw the focus returns to where the person was: the same button of the same step, or its nearest.
export function focusStep(id, buttonIndex) {
  const buttons = [...document.querySelectorAll(`#${id} header button`)];
  (buttons[buttonIndex].disabled ? buttons.find((one) => !one.disabled) : buttons[buttonIndex]).focus();
}
