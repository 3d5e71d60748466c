"use strict";

// What the page shows, computed from its state; the template itself only loops and compares.

const forms = require("../../lib/forms");
const plan = require("../../lib/plan");
const presets = require("../../lib/presets");
const { explain } = require("../../lib/faults");
const { fill, formatBytes, nameTerm } = require("../../lib/words");

function describeChips(operations, steps, words) {
  return presets.available(operations).map((preset) => ({
    id: preset.id,
    label: words.presets[preset.id],
    isOn: presets.isOn(steps, preset.id),
  }));
}

// `open` holds the ids of the steps whose settings are all shown.
function describeSteps(operations, steps, pictures, open, words) {
  return steps.map((step, index) => {
    const operation = plan.findOperation(operations, step.name);
    const fields = forms.fields(operation, step.values, pictures);
    const isOpen = open.includes(step.id);
    return {
      id: step.id,
      name: step.name,
      number: index + 1,
      summary: operation.summary,
      isFirst: index === 0,
      isLast: index === steps.length - 1,
      fields: fields.filter((field) => isOpen || field.isMain).map((field) => describeField(field, words)),
      hasMore: fields.some((field) => !field.isMain),
      moreLabel: isOpen ? words.less : words.more,
      upLabel: fill(words.moveUp, { name: step.name }),
      downLabel: fill(words.moveDown, { name: step.name }),
      removeLabel: fill(words.removeStep, { name: step.name }),
    };
  });
}

function describeField(field, words) {
  return Object.assign({}, field, {
    label: nameTerm(words, field.label),
    unit: nameTerm(words, field.unit || ""),
    spoken: field.value === "" ? words.notSet : (field.value + " " + nameTerm(words, field.unit || "")).trim(),
    shown: field.value === "" ? "–" : field.value,
    canReset: field.isSet && !field.required,
    inputType: field.step === 1 ? "number" : "digit",
  });
}

function describeFacts(facts, words) {
  const time = facts.milliseconds === null ? "" : fill(words.milliseconds, { ms: Math.round(facts.milliseconds * 10) / 10 });
  return [
    { name: words.size, value: formatBytes(facts.bytes) },
    { name: words.format, value: facts.format.toUpperCase() },
    { name: words.time, value: time },
  ].filter((fact) => fact.value);
}

function describeFault(fault, words) {
  return Object.assign(explain(fault, words), { isShown: true });
}

module.exports = { describeChips, describeSteps, describeFacts, describeFault };
