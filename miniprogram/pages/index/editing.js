"use strict";

// What a person does to the plan: these handlers are part of the page, which keeps `steps` and `operations`.

const { fields, valueAt } = require("../../lib/forms");
const plan = require("../../lib/plan");
const presets = require("../../lib/presets");
const { readPictures } = require("../../phone/device");

module.exports = {
  togglePreset(event) {
    this.setSteps(presets.toggle(this.operations, this.steps, event.currentTarget.dataset.id));
  },

  addStep(event) {
    const step = plan.begin(this.operations[event.detail.value], this.key);
    this.setSteps(plan.append(this.operations, this.steps, step));
  },

  moveUp(event) {
    this.setSteps(plan.move(this.steps, event.currentTarget.dataset.id, -1));
  },

  moveDown(event) {
    this.setSteps(plan.move(this.steps, event.currentTarget.dataset.id, 1));
  },

  removeStep(event) {
    this.setSteps(plan.remove(this.steps, event.currentTarget.dataset.id));
  },

  toggleMore(event) {
    const id = event.currentTarget.dataset.id;
    this.open = this.open.includes(id) ? this.open.filter((one) => one !== id) : this.open.concat([id]);
    this.redraw();
  },

  // The fields

  change(event, value) {
    const { id, key } = event.currentTarget.dataset;
    this.setSteps(plan.change(this.steps, id, key, value));
  },

  fieldOf(event) {
    const { id, key } = event.currentTarget.dataset;
    const step = this.steps.find((one) => one.id === id);
    const operation = plan.findOperation(this.operations, step.name);
    return fields(operation, step.values, readPictures().map((picture) => picture.key)).find((field) => field.key === key);
  },

  // Shows a value in its box, and does no more.
  showValue(event, value) {
    const { id, key } = event.currentTarget.dataset;
    const step = this.data.steps.findIndex((one) => one.id === id);
    const field = this.data.steps[step].fields.findIndex((one) => one.key === key);
    this.setData({ [`steps[${step}].fields[${field}].value`]: value });
  },

  // While the slider moves only its number follows; the picture is made when it is released.
  followSlider(event) {
    this.showValue(event, valueAt(this.fieldOf(event).schema, event.detail.value));
  },

  changeSlider(event) {
    this.change(event, valueAt(this.fieldOf(event).schema, event.detail.value));
  },

  changeNumber(event) {
    const field = this.fieldOf(event);
    const typed = event.detail.value;
    const number = Number(typed);
    const isNumber = typed !== "" && !Number.isNaN(number);
    const value = isNumber ? String(Math.min(Math.max(number, field.min), field.max)) : field.fallback;
    // A box takes a value only where the data changed; so the data first learns what was typed.
    this.showValue(event, typed);
    if (value === field.value) this.showValue(event, value);
    else this.change(event, value);
  },

  changeText(event) {
    const text = event.detail.value;
    if (text !== this.fieldOf(event).value) this.change(event, text); // a box that is only left changes nothing
  },

  changeChoice(event) {
    this.change(event, this.fieldOf(event).words[event.detail.value]);
  },

  changeFlag(event) {
    this.change(event, event.detail.value ? "1" : "0");
  },

  changeColour(event) {
    this.change(event, event.currentTarget.dataset.value);
  },

  resetField(event) {
    this.change(event, this.fieldOf(event).fallback);
  },
};
