"use strict";

// What this person uploaded, newest first, as plain data that any local storage keeps.

const MOST = 60;

function add(pictures, file) {
  const entry = { key: file.key, width: file.width, height: file.height, size: file.size, format: file.format };
  return [entry].concat(remove(pictures, file.key)).slice(0, MOST);
}

function remove(pictures, key) {
  return pictures.filter((picture) => picture.key !== key);
}

// A small square of a stored picture. `-` ends the plan, whatever the key's first folder is called.
function thumbnailUrl(base, key) {
  return base + "/proc/resize/w_208,h_208,m_fill/-/" + key.split("/").map(encodeURIComponent).join("/");
}

module.exports = { add, remove, thumbnailUrl };
