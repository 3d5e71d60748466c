"use strict";

// What goes to the server and what its answers mean, without a word on how they travel: the mini-program has
// my.request and my.uploadFile, the browser fetch and XMLHttpRequest.

const faults = require("./faults");
const { lowerCased } = require("./headers");

// Where to send an upload. By content, the server names the picture after its bytes, so no name is ever taken.
function uploadRequest(config, byContent) {
  return { url: config.base + "/upload/" + (byContent ? "?key=hash" : ""), headers: headersFor(config) };
}

function headersFor(config) {
  return config.token ? { Authorization: "Bearer " + config.token } : {};
}

// {file} of an answered upload, or {fault}.
function readUpload(status, body, headers) {
  if (status !== 200 && status !== 201) return { fault: faults.fromAnswer(status, body, headers) };
  return { file: (typeof body === "string" ? JSON.parse(body) : body).files[0] };
}

// What a result's headers tell: {bytes, format, milliseconds, isKept, notes}; null where a header is missing.
function readFacts(headers) {
  const told = lowerCased(headers);
  return {
    bytes: told["content-length"] ? Number(told["content-length"]) : null,
    format: formatOf(told["content-type"] || ""),
    milliseconds: readTiming(told["server-timing"] || ""),
    isKept: told["x-imgfn-result"] === "kept",
    notes: told["x-imgfn-note"] ? told["x-imgfn-note"].split(/\s*;\s*/) : [],
  };
}

const FORMATS = { jpeg: "jpg", "svg+xml": "svg", "x-icon": "ico", plain: "txt" };

// image/jpeg -> jpg
function formatOf(contentType) {
  const subtype = contentType.split(";")[0].split("/")[1] || "";
  return FORMATS[subtype] || subtype;
}

// Server-Timing (W3C): the metric `total` where there is one, else the sum of all.
function readTiming(header) {
  const milliseconds = {};
  for (const metric of header.split(",")) {
    const found = /^\s*([\w-]+)\s*;.*?dur=([\d.]+)/.exec(metric);
    if (found) milliseconds[found[1]] = Number(found[2]);
  }
  const all = Object.keys(milliseconds).map((name) => milliseconds[name]);
  if (all.length === 0) return null;
  return "total" in milliseconds ? milliseconds.total : all.reduce((sum, one) => sum + one, 0);
}

module.exports = { uploadRequest, headersFor, readUpload, readFacts };
