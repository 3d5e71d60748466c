"use strict";

// Alipay's `my` on top of WeChat's `wx`: only what the mini-program calls, in the shapes that it reads.

const CANCELLED = 11;
const REFUSED = 2001;

// WeChat tells everything in one line of text, Alipay in numbers.
function toError(result) {
  if (/cancel/.test(result.errMsg)) return { error: CANCELLED, errorMessage: result.errMsg };
  if (/auth|deny|permission/.test(result.errMsg)) return { error: REFUSED, errorMessage: result.errMsg };
  return { error: 12, errorMessage: result.errMsg };
}

function withErrors(options, changes) {
  const fail = options.fail ? (result) => options.fail(toError(result)) : undefined;
  return Object.assign({}, options, { fail }, changes);
}

module.exports = {
  chooseImage(options) {
    wx.chooseMedia(
      withErrors(options, {
        mediaType: ["image"],
        success: (chosen) => options.success({ tempFilePaths: chosen.tempFiles.map((file) => file.tempFilePath) }),
      })
    );
  },

  uploadFile: (options) => wx.uploadFile(withErrors(options)),

  // WeChat tells a download's headers to a listener, and only there.
  downloadFile(options) {
    let headers = {};
    const task = wx.downloadFile(
      withErrors(options, { success: (result) => options.success(Object.assign({ header: headers }, result)) })
    );
    if (task && task.onHeadersReceived) task.onHeadersReceived((told) => (headers = told.header));
    return task;
  },

  // Any dataType but json leaves the text alone.
  request: (options) => wx.request(withErrors(options, { dataType: "text", responseType: "text", header: options.headers })),

  showToast: ({ type, content }) => wx.showToast({ icon: type === "success" ? "success" : "none", title: content }),
  setClipboard: ({ text, success }) => wx.setClipboardData({ data: text, success }),
  previewImage: ({ current, urls }) => wx.previewImage({ current: urls[current], urls }),
  saveImageToPhotosAlbum: (options) => wx.saveImageToPhotosAlbum(withErrors(options)),
  getStorageSync: ({ key }) => ({ data: wx.getStorageSync(key) || null }),
  setStorageSync: ({ key, data }) => wx.setStorageSync(key, data),
  getSystemInfoSync: () => (wx.getAppBaseInfo ? wx.getAppBaseInfo() : wx.getSystemInfoSync()),
  navigateTo: ({ url }) => wx.navigateTo({ url }),
  navigateBack: () => wx.navigateBack(),
};
