"use strict";

// Everything that can go wrong, as {code, status, detail, requestId, parameter, expected}, and what to tell a person.

const { lowerCased } = require("./headers");
const { fill } = require("./words");

// The two faults that no answer tells of.
const OFFLINE = { code: "Offline", status: 0 };
const REFUSED = { code: "PermissionRefused", status: 0 };

// Another try with the same file cannot help these.
const CHOOSE_ANOTHER = ["EntityTooLarge", "UnsupportedMediaType", "BadImage", "ImageTooLarge"];
const CHANGE_THE_PLAN = ["InvalidArgument", "MissingArgument"];

// The fault in an answer: its problem document (RFC 9457), or, where a proxy in between answered, its status alone.
function fromAnswer(status, body, headers) {
  const problem = readProblem(body);
  return {
    status,
    code: problem.code || CODE_OF_STATUS[status] || "Unknown",
    detail: problem.detail || "",
    requestId: problem.request_id || lowerCased(headers)["x-request-id"] || "",
    parameter: problem.parameter || "",
    expected: problem.expected || "",
  };
}

const CODE_OF_STATUS = {
  403: "AccessDenied",
  404: "NoSuchKey",
  413: "EntityTooLarge",
  502: "StoreUnavailable",
  503: "SlowDown",
  504: "RenderTimeout",
};

function readProblem(body) {
  if (body && typeof body === "object") return body;
  try {
    return JSON.parse(body) || {};
  } catch (error) {
    return {}; // a proxy's HTML page
  }
}

// What to show: {title, detail, requestId, canRetry, canRename, parameter}, in the words of `words` (see words.js).
function explain(fault, words) {
  const isOurArgument = CHANGE_THE_PLAN.includes(fault.code);
  return {
    title: fill(words.faults[fault.code] || words.faults.Unknown, { status: fault.status }),
    detail: isOurArgument && fault.expected ? `${fault.parameter}: ${fault.expected}` : fault.detail || "",
    requestId: fault.requestId || "",
    parameter: fault.parameter || "",
    canRetry: !CHOOSE_ANOTHER.includes(fault.code) && !isOurArgument && fault.code !== "ObjectAlreadyExists",
    canRename: fault.code === "ObjectAlreadyExists",
  };
}

module.exports = { OFFLINE, REFUSED, fromAnswer, explain };
