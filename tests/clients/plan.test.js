"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const base64url = require("../../miniprogram/lib/base64url");
const plan = require("../../miniprogram/lib/plan");
const presets = require("../../miniprogram/lib/presets");
const { operations } = require("./sample");

const find = (name) => plan.findOperation(operations, name);
const begin = (...names) => names.map((name) => plan.begin(find(name), "lena.png"));
const write = (steps) => plan.write(operations, steps);

test("text of any script survives base64url", () => {
  for (const text of ["a", "ab", "abc", "水印 © 2026", "🐈‍⬛", "?>~"]) {
    assert.equal(base64url.encode(text), Buffer.from(text).toString("base64url"));
    assert.equal(base64url.decode(base64url.encode(text)), text);
  }
});

test("a step begins with the server's example", () => {
  assert.equal(write(begin("rotate", "resize", "watermark", "flip")), "rotate/10/resize/w_200/watermark/text_aW1nZm4/flip");
});

test("values that equal their defaults are left out", () => {
  const [step] = begin("resize");
  const changed = plan.change(plan.change([step], step.id, "m", "lfit"), step.id, "limit", "1");
  assert.equal(write(changed), "resize/w_200");
});

test("a step without any value still takes its segment", () => {
  const [step] = begin("resize");
  assert.equal(write(plan.change([step], step.id, "w", "")), "resize/_");
});

test("a bare argument has no key and the rest have", () => {
  const [step] = begin("rotate");
  assert.equal(write(plan.change([step], step.id, "color", "ff0000")), "rotate/10,color_ff0000");
});

test("texts and keys travel as base64url", () => {
  const [step] = begin("watermark");
  const changed = plan.change(plan.change([step], step.id, "text", "水印"), step.id, "image", "a/b.png");
  assert.equal(write(changed), `watermark/text_${base64url.encode("水印")},image_${base64url.encode("a/b.png")}`);
});

test("bare and named arguments are both read", () => {
  assert.deepEqual(plan.readArguments(find("resize"), "200,100,m_fill"), { w: "200", h: "100", m: "fill" });
  assert.deepEqual(plan.readArguments(find("resize"), "_"), {});
  assert.deepEqual(plan.readArguments(find("watermark"), "text_5rC0"), { text: "水" });
});

test("the address escapes the key and keeps its slashes", () => {
  assert.equal(plan.address("http://h", operations, begin("flip"), "照片/a b?.png"), "http://h/proc/flip/%E7%85%A7%E7%89%87/a%20b%3F.png");
});

test("without steps the address is the picture's own", () => {
  assert.equal(plan.address("http://h", operations, [], "a.png"), "http://h/proc/a.png");
});

test("a folder that is named like an operation is told apart", () => {
  assert.equal(plan.address("http://h", operations, [], "rotate/x.png"), "http://h/proc/-/rotate/x.png");
  assert.equal(plan.address("http://h", operations, begin("flip"), "-/x.png"), "http://h/proc/flip/-/-/x.png");
});

test("steps move up and down and stop at the edges", () => {
  const steps = begin("rotate", "resize", "flip");
  const names = (moved) => moved.map((step) => step.name).join(" ");
  assert.equal(names(plan.move(steps, steps[2].id, -1)), "rotate flip resize");
  assert.equal(names(plan.move(steps, steps[0].id, 1)), "resize rotate flip");
  assert.equal(names(plan.move(steps, steps[0].id, -1)), "rotate resize flip");
  assert.equal(names(plan.remove(steps, steps[1].id)), "rotate flip");
  assert.equal(names(steps), "rotate resize flip");
});

test("what answers in words stays the last step, and there is one", () => {
  const [info, flip, again] = begin("info", "flip", "info");
  const names = (steps) => steps.map((step) => step.name).join(" ");
  assert.equal(names(plan.append(operations, [info], flip)), "flip info");
  assert.equal(names(plan.append(operations, [flip, info], again)), "flip info");
});

test("chips whose operations the server lacks are not offered", () => {
  assert.deepEqual(presets.available(operations).map((preset) => preset.id), ["rotate", "thumbnail", "watermark"]);
});

test("a second tap on a chip takes its steps away and no others", () => {
  const own = begin("flip");
  const on = presets.toggle(operations, own, "rotate");
  assert.equal(write(on), "flip/rotate/10");
  assert.equal(write(presets.toggle(operations, on, "rotate")), "flip");
});
