// What the platforms do for a mini-program beyond drawing, free of either platform's way to say it.

const files = new Map(); // temporary path -> File or Blob
let lastFile = 0;

function keep(blob, name) {
  lastFile += 1;
  // An <img> of the harness has to show it, so the path is one that browsers understand.
  const path = URL.createObjectURL(blob);
  files.set(path, { blob, name: name || `tmp_${lastFile}.image` });
  return path;
}

// Resolves to paths; to an empty list where the person closed the dialog.
export function chooseFiles() {
  const input = document.createElement("input");
  input.type = "file";
  input.accept = "image/*";
  return new Promise((resolve) => {
    input.addEventListener("change", () => resolve([...input.files].map((file) => ({ path: keep(file), size: file.size }))));
    input.addEventListener("cancel", () => resolve([]));
    input.click();
  });
}

// Returns {answered, onProgress, abort}; `answered` resolves to {status, body, headers}, or to null where none came.
export function uploadFile({ url, headers, path, name }) {
  const { blob, name: fileName } = files.get(path);
  const sending = new XMLHttpRequest();
  const listeners = [];
  const body = new FormData();
  body.append(name, blob, fileName);
  sending.upload.addEventListener("progress", (event) => {
    const told = { progress: Math.round((100 * event.loaded) / event.total), totalBytesExpectedToSend: event.total };
    for (const listener of listeners) listener(told);
  });
  const answered = new Promise((resolve) => {
    sending.addEventListener("load", () => resolve({ status: sending.status, body: sending.responseText, headers: {} }));
    sending.addEventListener("error", () => resolve(null));
    sending.addEventListener("abort", () => resolve(null));
  });
  sending.open("POST", url);
  for (const [header, value] of Object.entries(headers || {})) sending.setRequestHeader(header, value);
  sending.send(body);
  return { answered, onProgress: (listener) => listeners.push(listener), abort: () => sending.abort() };
}

// Resolves to {status, headers, text | path}, or to null where no answer came.
export async function get(url, as) {
  try {
    const response = await fetch(url);
    const headers = Object.fromEntries(response.headers);
    if (as === "text") return { status: response.status, headers, text: await response.text() };
    return { status: response.status, headers, path: keep(await response.blob()) };
  } catch {
    return null;
  }
}

export function readStorage(key) {
  return JSON.parse(localStorage.getItem(key));
}

export function writeStorage(key, value) {
  localStorage.setItem(key, JSON.stringify(value));
}
