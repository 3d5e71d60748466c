"use strict";

const config = require("../../config");
const gallery = require("../../lib/gallery");
const { fill } = require("../../lib/words");
const { readPictures, readPreferences, writePictures } = require("../../phone/device");

// What this person uploaded from this phone.
Page({
  data: { words: {}, fontSize: 16, pictures: [] },

  onLoad() {
    this.setData(readPreferences());
    this.redraw();
  },

  redraw() {
    const words = this.data.words;
    const pictures = readPictures().map(({ key, width, height }) => ({
      key,
      thumbnail: gallery.thumbnailUrl(config.base, key),
      caption: `${width} × ${height}`,
      useLabel: fill(words.use, { name: key }),
      forgetLabel: fill(words.forget, { name: key }),
    }));
    this.setData({ pictures });
  },

  use(event) {
    getApp().globalData.key = event.currentTarget.dataset.key;
    my.navigateBack();
  },

  forget(event) {
    writePictures(gallery.remove(readPictures(), event.currentTarget.dataset.key));
    this.redraw();
  },
});
