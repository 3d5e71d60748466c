"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const api = require("../../miniprogram/lib/api");
const faults = require("../../miniprogram/lib/faults");
const gallery = require("../../miniprogram/lib/gallery");
const { EN, ZH, fill, formatBytes, nameTerm, wordsFor } = require("../../miniprogram/lib/words");

test("an upload goes to the server with its token, named by content where asked", () => {
  const { url, headers } = api.uploadRequest({ base: "http://h", token: "t" }, true);
  assert.equal(url, "http://h/upload/?key=hash");
  assert.deepEqual(headers, { Authorization: "Bearer t" });
  assert.deepEqual(api.uploadRequest({ base: "http://h", token: "" }, false).headers, {});
});

test("a stored file is read from a new answer, a repeated one, and one already parsed", () => {
  const body = { files: [{ key: "a.png" }] };
  assert.equal(api.readUpload(201, JSON.stringify(body), {}).file.key, "a.png");
  assert.equal(api.readUpload(200, body, {}).file.key, "a.png");
});

test("a problem document tells its code, its words and its request", () => {
  const body = JSON.stringify({ code: "EntityTooLarge", detail: "over 20 MB", request_id: "r1" });
  const { fault } = api.readUpload(413, body, {});
  const told = faults.explain(fault, EN);
  assert.deepEqual([told.title, told.detail, told.requestId, told.canRetry], [EN.faults.EntityTooLarge, "over 20 MB", "r1", false]);
});

test("a proxy's page in place of a problem document is told by its status", () => {
  const fault = faults.fromAnswer(503, "<html>busy</html>", { "X-Request-Id": "r2" });
  const told = faults.explain(fault, EN);
  assert.deepEqual([told.title, told.requestId, told.canRetry], [EN.faults.SlowDown, "r2", true]);
  assert.match(faults.explain(faults.fromAnswer(418, "", {}), EN).title, /418/);
});

test("a wrong setting tells what would be right", () => {
  const fault = faults.fromAnswer(400, { code: "InvalidArgument", parameter: "w", expected: "a whole number from 1 to 16384" }, {});
  const told = faults.explain(fault, ZH);
  assert.equal(told.detail, "w: a whole number from 1 to 16384");
  assert.equal(told.canRetry, false);
});

test("a taken name can be changed", () => {
  assert.equal(faults.explain({ code: "ObjectAlreadyExists", status: 409 }, EN).canRename, true);
});

test("the headers tell size, format, time and notes, in any case of letters", () => {
  const facts = api.readFacts({
    "Content-Length": "1234",
    "content-type": "image/jpeg",
    "Server-Timing": "fetch;dur=1.5, decode;dur=2, steps;desc=x;dur=3",
    "X-Imgfn-Result": "made",
    "X-IMGFN-NOTE": "frames dropped",
  });
  assert.deepEqual(facts, { bytes: 1234, format: "jpg", milliseconds: 6.5, isKept: false, notes: ["frames dropped"] });
  assert.equal(api.readFacts({ "server-timing": "decode;dur=2, total;dur=9" }).milliseconds, 9);
  assert.equal(api.readFacts({}).milliseconds, null);
});

test("the gallery has every picture once, the newest first", () => {
  const file = (key) => ({ key, width: 1, height: 1, size: 1, format: "png" });
  let pictures = ["a", "b", "a"].reduce((all, key) => gallery.add(all, file(key)), []);
  assert.deepEqual(pictures.map((picture) => picture.key), ["a", "b"]);
  for (let more = 0; more < 100; more += 1) pictures = gallery.add(pictures, file(String(more)));
  assert.equal(pictures.length, 60);
  assert.equal(gallery.thumbnailUrl("http://h", "rotate/水.png"), "http://h/proc/resize/w_208,h_208,m_fill/-/rotate/%E6%B0%B4.png");
});

test("Chinese has every word that English has, with the same gaps", () => {
  const gaps = (text) => (text.match(/\{\w+\}/g) || []).sort().join();
  const compare = (english, chinese, path) => {
    assert.deepEqual(Object.keys(chinese).sort(), Object.keys(english).sort(), path);
    for (const [name, word] of Object.entries(english)) {
      if (typeof word === "object") compare(word, chinese[name], `${path}.${name}`);
      else if (typeof word === "string") assert.equal(gaps(chinese[name]), gaps(word), `${path}.${name}`);
    }
  };
  compare(EN, ZH, "words");
});

test("the system's language decides, however it is spelled", () => {
  for (const language of ["zh-CN", "zh_TW", "zh-Hans", "zh"]) assert.equal(wordsFor(language), ZH);
  for (const language of ["en", "de-DE", "", undefined]) assert.equal(wordsFor(language), EN);
  assert.deepEqual([nameTerm(ZH, "width"), nameTerm(ZH, "brand new"), nameTerm(EN, "width")], ["宽", "brand new", "width"]);
  assert.equal(fill("{a} and {b}", { a: 1 }), "1 and {b}");
  assert.deepEqual([999, 1500, 250000, 3400000, null].map(formatBytes), ["999 B", "1.5 KB", "250 KB", "3.4 MB", ""]);
});

test("every word that a page or a template asks for exists", () => {
  const fs = require("node:fs");
  const path = require("node:path");
  const root = path.join(__dirname, "..", "..");
  const files = [
    "app/imgfn/web/playground/index.html",
    ...fs.readdirSync(path.join(root, "app/imgfn/web/playground")).filter((name) => name.endsWith(".js")).map((name) => `app/imgfn/web/playground/${name}`),
    "miniprogram/pages/index/index.axml",
    "miniprogram/pages/index/index.js",
    "miniprogram/pages/index/view.js",
    "miniprogram/pages/gallery/gallery.axml",
    "miniprogram/pages/gallery/gallery.js",
  ];
  for (const file of files) {
    const text = fs.readFileSync(path.join(root, file), "utf-8");
    for (const [, dotted, marked] of text.matchAll(/(?<![.\w])words\.(?!js\b)(\w+)|data-word="(\w+)"/g)) {
      assert.ok((dotted || marked) in EN, `${file} asks for ${dotted || marked}`);
    }
  }
});
