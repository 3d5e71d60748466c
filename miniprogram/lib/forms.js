"use strict";

// What to draw for a step: one field for each parameter, told by its JSON schema alone. Nothing here knows an operation.

const LINEAR_POSITIONS = 1000; // a slider with more stops than this moves by squares

// Phones have no colour chooser: these, and a box for every other colour. The last is transparent.
const PALETTE = ["ffffff", "000000", "808080", "d93025", "f9ab00", "1e8e3e", "2456c7", "00000000"];

const KIND_OF_FORMAT = { colour: "colour", flag: "flag", "base64-text": "text", "object-key": "picture" };

function kindOf(schema) {
  if (KIND_OF_FORMAT[schema.format]) return KIND_OF_FORMAT[schema.format];
  if (schema.enum) return "choice";
  return schema.type === "integer" || schema.type === "number" ? "number" : "text";
}

// The fields of a step. `pictures` are the keys that a picture parameter may choose from.
function fields(operation, values, pictures) {
  const isAnyGiven = operation.one_of.some((key) => values[key]);
  return operation.parameters.map((parameter) => {
    const given = values[parameter.key];
    const fallback = parameter.default === null ? "" : String(parameter.default);
    const value = given === undefined ? fallback : given;
    const kind = kindOf(parameter.schema);
    const field = {
      key: parameter.key,
      label: parameter.name.replace(/_/g, " "),
      kind,
      value,
      fallback,
      isSet: value !== fallback,
      required: parameter.required,
      isMain: parameter.required || value !== fallback || (!isAnyGiven && operation.one_of.includes(parameter.key)),
    };
    return Object.assign(field, DETAILS[kind](parameter.schema, value, pictures));
  });
}

const DETAILS = {
  number: (schema, value) => ({
    min: schema.minimum,
    max: schema.maximum,
    step: schema.multipleOf || 1,
    unit: schema["x-unit"] || "",
    positions: positions(schema),
    position: position(schema, value === "" ? schema.minimum : Number(value)),
    schema,
  }),
  choice: (schema, value) => ({ words: schema.enum, index: schema.enum.indexOf(value) }),
  picture: (schema, value, pictures) => {
    const words = value === "" || pictures.includes(value) ? pictures : [value].concat(pictures);
    return { words, index: words.indexOf(value) };
  },
  flag: (schema, value) => ({ on: value === "1" }),
  colour: (schema, value) => ({ swatch: "#" + (value || "000000").slice(0, 6), alpha: value.slice(6) }),
  text: (schema) => ({ longest: schema.maxLength || 140 }),
};

function spanOf(schema) {
  return schema.maximum - schema.minimum;
}

// What a slider's stops differ by: the schema's own step, coarser (but never beyond 1) where there would be too many.
function stopOf(schema) {
  let stop = schema.multipleOf || 1;
  while (stop < 1 && spanOf(schema) / stop > LINEAR_POSITIONS) stop *= 10;
  return stop;
}

// A slider over 1 to 16384 pixels would put every useful width into its first millimetre. Where a range has more than
// LINEAR_POSITIONS stops, the slider has as many as the range's root, and its value grows with the square.
function isWide(schema) {
  return spanOf(schema) / stopOf(schema) > LINEAR_POSITIONS;
}

function positions(schema) {
  return isWide(schema) ? Math.floor(Math.sqrt(spanOf(schema))) : Math.round(spanOf(schema) / stopOf(schema));
}

function position(schema, value) {
  const share = (Math.min(Math.max(value, schema.minimum), schema.maximum) - schema.minimum) / spanOf(schema);
  return Math.round(positions(schema) * (isWide(schema) ? Math.sqrt(share) : share));
}

// The value, as text, at a slider's position.
function valueAt(schema, at) {
  const share = at / positions(schema);
  const value = schema.minimum + spanOf(schema) * (isWide(schema) ? share * share : share);
  const stop = stopOf(schema);
  return String(Number((Math.round(value / stop) * stop).toFixed(6))); // 0.1 + 0.2 is 0.3 again
}

module.exports = { PALETTE, fields, kindOf, positions, position, valueAt };
