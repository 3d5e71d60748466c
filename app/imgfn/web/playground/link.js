// The result's address: read, copied, opened, saved, and as a QR code.
import { byId, element, say, show, words } from "./page.js";

// The address with its steps set off, because the address is what this page is about.
export function showAddress(url, base, key) {
  const path = url.slice(base.length);
  const name = `/${key.split("/").map(encodeURIComponent).join("/")}`;
  const steps = path.slice("/proc".length, path.length - name.length);
  byId("url").replaceChildren(`${base}/proc`, element("b", {}, steps), element("i", {}, name));
  byId("open").href = url;
  if (!byId("qr").hidden) showQrCode(url);
  show(byId("link"));
}

function showQrCode(url) {
  byId("qr-image").src = `/qr.svg?url=${encodeURIComponent(url)}`;
  byId("qr-image").alt = url;
  const isLocal = /^(127\.|localhost$|\[::1\]$)/.test(location.hostname);
  byId("qr-hint").textContent = isLocal ? words.qrLocal : words.qrHint;
}

export function toggleQrCode() {
  const isOpen = byId("qr").hidden;
  byId("qr").hidden = !isOpen;
  byId("qr-toggle").setAttribute("aria-expanded", String(isOpen));
  if (isOpen) showQrCode(byId("url").textContent);
}

export async function copyUrl() {
  try {
    await navigator.clipboard.writeText(byId("url").textContent);
  } catch {
    getSelection().selectAllChildren(byId("url")); // plain http on another host has no clipboard API
    document.execCommand("copy");
  }
  say(words.copied);
}

// The file that was fetched already is the one that is saved, under the picture's name and the result's format.
export function offerToSave(blob, key, format) {
  const save = byId("save");
  if (save.href.startsWith("blob:")) URL.revokeObjectURL(save.href);
  save.href = URL.createObjectURL(blob);
  save.download = `${key.split("/").pop().replace(/\.[^.]*$/, "")}.${format}`;
}
