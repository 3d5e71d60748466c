"use strict";

// What this phone keeps and prefers: the list of pictures, the language, the size of text.

const { wordsFor } = require("../lib/words");

const PICTURES = "imgfn.pictures";

function readPictures() {
  return my.getStorageSync({ key: PICTURES }).data || [];
}

function writePictures(pictures) {
  my.setStorageSync({ key: PICTURES, data: pictures });
}

// {words, fontSize}: what every page takes into its data when it loads.
function readPreferences() {
  const system = my.getSystemInfoSync();
  return { words: wordsFor(system.language), fontSize: system.fontSizeSetting || 16 };
}

module.exports = { readPictures, writePictures, readPreferences };
