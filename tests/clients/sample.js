"use strict";

// A few operations as /operations.json tells them: every kind of parameter, each once.
const number = (minimum, maximum, unit) => ({ type: "integer", minimum, maximum, "x-unit": unit });

exports.operations = [
  {
    name: "rotate",
    example: "10",
    one_of: [],
    reports: false,
    parameters: [
      { name: "angle", key: "angle", bare: true, required: true, default: null, schema: number(0, 360, "degrees") },
      { name: "fill", key: "color", required: false, default: "00000000", schema: { type: "string", format: "colour" } },
    ],
  },
  {
    name: "resize",
    example: "w_200",
    one_of: ["w", "h"],
    reports: false,
    parameters: [
      { name: "width", key: "w", required: false, default: null, schema: number(1, 16384, "px") },
      { name: "height", key: "h", required: false, default: null, schema: number(1, 16384, "px") },
      { name: "mode", key: "m", required: false, default: "lfit", schema: { type: "string", enum: ["lfit", "fill"] } },
      { name: "limit", key: "limit", required: false, default: 1, schema: { type: "integer", enum: [0, 1], format: "flag" } },
    ],
  },
  {
    name: "watermark",
    example: "text_aW1nZm4",
    one_of: [],
    reports: false,
    parameters: [
      { name: "text", key: "text", required: false, default: null, schema: { type: "string", format: "base64-text", maxLength: 64 } },
      { name: "image", key: "image", required: false, default: null, schema: { type: "string", format: "object-key" } },
      { name: "color", key: "color", required: false, default: "000000", schema: { type: "string", format: "colour" } },
      { name: "scale", key: "s", required: false, default: 1, schema: { type: "number", minimum: 0.1, maximum: 50, multipleOf: 0.01 } },
    ],
  },
  { name: "flip", example: "", one_of: [], reports: false, parameters: [] },
  { name: "info", example: "", one_of: [], reports: true, parameters: [] },
];
