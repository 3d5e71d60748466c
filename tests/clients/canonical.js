"use strict";

// node canonical.js FOLDER: the canonical text of every plan in FOLDER/texts.json, as JSON.
const fs = require("node:fs");
const path = require("node:path");
const plan = require("../../miniprogram/lib/plan");

const read = (name) => JSON.parse(fs.readFileSync(path.join(process.argv[2], name), "utf-8"));
const { operations } = read("operations.json");
console.log(JSON.stringify(read("texts.json").map((text) => plan.write(operations, plan.parse(operations, text)))));
