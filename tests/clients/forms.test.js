"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const forms = require("../../miniprogram/lib/forms");
const { operations } = require("./sample");

const fieldsOf = (name, values = {}, pictures = []) =>
  Object.fromEntries(forms.fields(operations.find((one) => one.name === name), values, pictures).map((field) => [field.key, field]));

test("every kind of value gets its own field", () => {
  const kinds = (name) => Object.values(fieldsOf(name)).map((field) => field.kind).join(" ");
  assert.equal(kinds("rotate"), "number colour");
  assert.equal(kinds("resize"), "number number choice flag");
  assert.equal(kinds("watermark"), "text picture colour number");
});

test("a field without a value shows its default", () => {
  const { m, limit, w } = fieldsOf("resize");
  assert.deepEqual([m.value, m.index, limit.on, w.value, w.isSet], ["lfit", 0, true, "", false]);
});

test("fields that matter come first: required, given, or one of which at least one is needed", () => {
  const main = (values) => Object.values(fieldsOf("resize", values)).filter((field) => field.isMain).map((field) => field.key);
  assert.deepEqual(main({ limit: "0" }), ["w", "h", "limit"]);
  assert.deepEqual(main({ w: "200" }), ["w"]);
  assert.equal(fieldsOf("rotate").angle.isMain, true);
});

test("a picture is chosen among the uploaded ones, or is the one that was given", () => {
  assert.deepEqual(fieldsOf("watermark", {}, ["a.png"]).image.words, ["a.png"]);
  assert.deepEqual(fieldsOf("watermark", { image: "b.png" }, ["a.png"]).image.words, ["b.png", "a.png"]);
});

test("a small range has a stop for every value", () => {
  const { schema } = fieldsOf("rotate").angle;
  assert.equal(forms.positions(schema), 360);
  for (const angle of [0, 10, 359, 360]) assert.equal(forms.valueAt(schema, forms.position(schema, angle)), String(angle));
});

test("a wide range reaches both ends, never stands still, and gives small values room", () => {
  const { schema } = fieldsOf("resize").w;
  const values = Array.from({ length: forms.positions(schema) + 1 }, (_, at) => Number(forms.valueAt(schema, at)));
  assert.equal(values[0], 1);
  assert.equal(values[values.length - 1], 16384);
  for (let at = 1; at < values.length; at += 1) assert.ok(values[at] > values[at - 1]);
  assert.ok(forms.position(schema, 1000) > values.length / 5);
});

test("a slider over whole degrees stops at them, though the box takes hundredths", () => {
  const schema = { type: "number", minimum: 0, maximum: 360, multipleOf: 0.01 };
  assert.equal(forms.valueAt(schema, forms.position(schema, 10) + 1), "11");
});

test("decimals keep as many places as the schema has", () => {
  const { schema } = fieldsOf("watermark").s;
  assert.equal(forms.valueAt(schema, forms.positions(schema)), "50");
  assert.match(forms.valueAt(schema, 3), /^\d+(\.\d{1,2})?$/);
});
