// How requests travel from a browser; what they mean stands in miniprogram/lib/api.js.
import { require } from "./lib.js";

const api = require("./api");
const faults = require("./faults");

// Uploads with XMLHttpRequest, because fetch tells no progress. Resolves to {file}, {fault} or {cancelled: true}.
export function upload(config, file, { byContent, onProgress }) {
  const sending = new XMLHttpRequest();
  const answered = new Promise((resolve) => {
    sending.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) onProgress(Math.round((100 * event.loaded) / event.total));
    });
    sending.addEventListener("load", () => resolve(api.readUpload(sending.status, sending.responseText, readHeaders())));
    sending.addEventListener("error", () => resolve({ fault: faults.OFFLINE }));
    sending.addEventListener("abort", () => resolve({ cancelled: true }));
  });
  function readHeaders() {
    return { "x-request-id": sending.getResponseHeader("X-Request-Id") || "" };
  }
  const { url, headers } = api.uploadRequest(config, byContent);
  const body = new FormData();
  body.append("file", file, file.name);
  sending.open("POST", url);
  for (const [name, value] of Object.entries(headers)) sending.setRequestHeader(name, value);
  sending.send(body);
  return { answered, cancel: () => sending.abort() };
}

// `no-cache` asks the server whether a kept answer still holds: somebody may have put another picture there.
// One GET gives the picture and the facts in its headers. Resolves to {blob, facts}, {fault}, or undefined where
// `signal` stopped it, because a newer plan is on its way.
export async function fetchResult(url, signal) {
  try {
    const response = await fetch(url, { signal, cache: "no-cache" });
    const headers = Object.fromEntries(response.headers);
    if (!response.ok) return { fault: faults.fromAnswer(response.status, await response.text(), headers) };
    const facts = api.readFacts(headers);
    const blob = await response.blob();
    return { blob, facts: { ...facts, bytes: blob.size } };
  } catch (error) {
    if (signal.aborted) return undefined;
    return { fault: faults.OFFLINE };
  }
}

export async function fetchOperations(base) {
  const response = await fetch(`${base}/operations.json`);
  if (!response.ok) throw new Error(`operations.json: ${response.status}`);
  return (await response.json()).operations;
}
