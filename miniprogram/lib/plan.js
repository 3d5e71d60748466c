"use strict";

// The plan that a person edits, and the URL that it stands for.
//
// A plan is an array of steps {id, name, values}; `values` maps a parameter's key in the URL to plain text ("10",
// "ffffff", "你好"), and a parameter without a value takes its default. `operations` is the list in /operations.json.
// Every function returns a new plan and leaves the old one alone.

const base64url = require("./base64url");

const DEFAULTS = "_";
const END = "-";

let lastId = 0;

function newStep(name, values) {
  lastId += 1;
  return { id: "step-" + lastId, name, values };
}

function findOperation(operations, name) {
  return operations.find((operation) => operation.name === name);
}

function isEncoded(parameter) {
  return parameter.schema.format === "base64-text" || parameter.schema.format === "object-key";
}

// "w_200,h_100" or bare "200,100" -> {w: "200", h: "100"}: the client's half of the server's argument parser.
function readArguments(operation, text) {
  const values = {};
  if (!text || text === DEFAULTS) return values;
  const bare = operation.parameters.slice();
  for (const argument of text.split(",")) {
    const underscore = argument.indexOf("_");
    const key = argument.slice(0, Math.max(underscore, 0));
    const named = operation.parameters.find((parameter) => parameter.key === key);
    const parameter = named || bare.find((candidate) => !(candidate.key in values));
    const value = named ? argument.slice(underscore + 1) : argument;
    values[parameter.key] = isEncoded(parameter) ? base64url.decode(value) : value;
  }
  return values;
}

// The canonical text of a step's arguments: all that differ from their defaults, with their keys where they have one.
function writeArguments(operation, values) {
  const told = [];
  operation.parameters.forEach((parameter) => {
    const value = values[parameter.key];
    if (value === undefined || value === "" || value === String(parameter.default)) return;
    const text = isEncoded(parameter) ? base64url.encode(value) : value;
    told.push(parameter.bare ? text : parameter.key + "_" + text);
  });
  return told.join(",") || DEFAULTS;
}

// "rotate/10/resize/w_200" -> a plan. Undefined where the server lacks one of the operations.
function parse(operations, text) {
  const steps = [];
  const segments = text.split("/");
  while (segments.length > 0) {
    const operation = findOperation(operations, segments.shift());
    if (!operation) return undefined;
    steps.push(newStep(operation.name, operation.parameters.length ? readArguments(operation, segments.shift()) : {}));
  }
  return steps;
}

// A plan -> "rotate/10/resize/w_200".
function write(operations, steps) {
  return steps
    .map((step) => {
      const operation = findOperation(operations, step.name);
      return operation.parameters.length ? step.name + "/" + writeArguments(operation, step.values) : step.name;
    })
    .join("/");
}

// The whole URL of the result. A key whose first folder is named like an operation is told apart by `-`.
function address(base, operations, steps, key) {
  const plan = write(operations, steps);
  const first = key.split("/")[0];
  const end = first === END || findOperation(operations, first) ? END : "";
  const path = key.split("/").map(encodeURIComponent).join("/");
  return [base + "/proc", plan, end, path].filter(Boolean).join("/");
}

// A step to begin with: the server's own example, which works on any picture. Where it names a picture (a watermark),
// `key` takes that place, because the example's picture is not in this store.
function begin(operation, key) {
  const values = readArguments(operation, operation.parameters.length ? operation.example : "");
  for (const parameter of operation.parameters) {
    if (parameter.schema.format === "object-key" && parameter.key in values) values[parameter.key] = key;
  }
  return newStep(operation.name, values);
}

// Adds a step at the end; but a step that answers in words has to stay the last one, and there can be only one.
function append(operations, steps, step) {
  if (!reports(operations, steps)) return steps.concat([step]);
  const pictureSteps = steps.slice(0, -1);
  return findOperation(operations, step.name).reports
    ? pictureSteps.concat([step])
    : pictureSteps.concat([step, steps[steps.length - 1]]);
}

function change(steps, id, key, value) {
  return steps.map((step) =>
    step.id === id ? Object.assign({}, step, { values: Object.assign({}, step.values, { [key]: value }) }) : step
  );
}

function remove(steps, id) {
  return steps.filter((step) => step.id !== id);
}

// Moves a step by `places` (-1 up, 1 down); a step at the edge stays there.
function move(steps, id, places) {
  const from = steps.findIndex((step) => step.id === id);
  const to = Math.min(Math.max(from + places, 0), steps.length - 1);
  const moved = steps.slice();
  moved.splice(to, 0, moved.splice(from, 1)[0]);
  return moved;
}

// Whether the plan ends in words (info, average-hue), not in a picture.
function reports(operations, steps) {
  return steps.length > 0 && findOperation(operations, steps[steps.length - 1].name).reports;
}

module.exports = {
  findOperation,
  readArguments,
  writeArguments,
  parse,
  write,
  address,
  begin,
  append,
  change,
  remove,
  move,
  reports,
};
