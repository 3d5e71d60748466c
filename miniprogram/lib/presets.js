"use strict";

// The chips: common plans at one tap. A chip whose operations the server lacks is not shown.

const base64url = require("./base64url");
const plan = require("./plan");

const PRESETS = [
  { id: "rotate", text: "rotate/10" },
  { id: "thumbnail", text: "resize/w_200,h_200,m_fill" },
  { id: "circle", text: "resize/w_400,h_400,m_fill/circle/r_200" },
  { id: "webp", text: "format/webp" },
  { id: "watermark", text: "watermark/text_" + base64url.encode("imgfn") + ",color_ffffff" },
];

function available(operations) {
  return PRESETS.filter((preset) => plan.parse(operations, preset.text) !== undefined);
}

// Steps that a chip added remember it; so the chip shows as pressed, and a second tap takes them away again.
function toggle(operations, steps, id) {
  if (isOn(steps, id)) return steps.filter((step) => step.preset !== id);
  const preset = PRESETS.find((candidate) => candidate.id === id);
  return plan
    .parse(operations, preset.text)
    .reduce((all, step) => plan.append(operations, all, Object.assign(step, { preset: id })), steps);
}

function isOn(steps, id) {
  return steps.some((step) => step.preset === id);
}

module.exports = { available, toggle, isOn };
