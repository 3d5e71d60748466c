"use strict";

// How requests travel from a mini-program; what they mean stands in lib/api.js. Same verbs and answers as the
// playground's send.js.
//
// The platform reports an HTTP error in `success` with a status on some versions and in `fail` on others: both are read.

const api = require("../lib/api");
const faults = require("../lib/faults");

function statusOf(result) {
  return result.statusCode || result.status || 0;
}

function headersOf(result) {
  return result.headers || result.header || {};
}

function faultOf(result) {
  if (result.error === 2001) return faults.REFUSED;
  const status = statusOf(result);
  return status >= 400 ? faults.fromAnswer(status, result.data, headersOf(result)) : faults.OFFLINE;
}

// Uploads a chosen file, named by its content: a phone's temporary file names mean nothing. Gives {answered, cancel};
// `answered` resolves to {file}, {fault} or {cancelled: true}.
function upload(config, path, onProgress) {
  const { url, headers } = api.uploadRequest(config, true);
  let task;
  let isCancelled = false;
  const answered = new Promise((resolve) => {
    task = my.uploadFile({
      url,
      header: headers,
      filePath: path,
      name: "file",
      fileName: "file", // older versions read this one
      fileType: "image",
      hideLoading: true,
      success: (result) => resolve(api.readUpload(statusOf(result), result.data, headersOf(result))),
      fail: (result) => resolve(isCancelled ? { cancelled: true } : { fault: faultOf(result) }),
    });
    if (task && task.onProgressUpdate) task.onProgressUpdate((told) => onProgress(Math.min(100, Math.round(told.progress))));
  });
  function cancel() {
    isCancelled = true;
    if (task && task.abort) task.abort();
  }
  return { answered, cancel };
}

// Downloads a result: one file for the screen and for the album. Resolves to {path, facts} or {fault}.
function download(url) {
  return new Promise((resolve) => {
    my.downloadFile({
      url,
      success: (result) => {
        if (statusOf(result) >= 400) resolve(askWhy(url));
        else resolve({ path: result.tempFilePath || result.apFilePath, facts: api.readFacts(headersOf(result)) });
      },
      fail: () => resolve(askWhy(url)),
    });
  });
}

// A failed download brings no body, and the body says why: the same URL again, as text.
function askWhy(url) {
  return fetchText(url).then((answer) => (answer.fault ? answer : { fault: faults.OFFLINE }));
}

// Resolves to {text, facts} or {fault}.
function fetchText(url) {
  return new Promise((resolve) => {
    my.request({
      url,
      method: "GET",
      dataType: "text",
      success: (result) => {
        if (statusOf(result) >= 400) resolve({ fault: faultOf(result) });
        else resolve({ text: result.data, facts: api.readFacts(headersOf(result)) });
      },
      fail: (result) => resolve({ fault: faultOf(result) }),
    });
  });
}

// Resolves to {operations} or {fault}.
function fetchOperations(base) {
  return fetchText(base + "/operations.json").then((answer) =>
    answer.fault ? answer : { operations: JSON.parse(answer.text).operations }
  );
}

module.exports = { upload, download, fetchText, fetchOperations };
