// WeChat's `wx`, as far as the adapter uses it, with WeChat's own names and shapes.

import { chooseFiles, get, readStorage, uploadFile, writeStorage } from "./network.mjs";
import { demand, recorded } from "./my.mjs";

export function createWx(device) {
  const wx = {
    chooseMedia({ success, fail }) {
      if (device.refusesPermission) return fail({ errMsg: "chooseMedia:fail auth deny" });
      return chooseFiles().then((chosen) => {
        if (chosen.length) success({ tempFiles: chosen.map(({ path, size }) => ({ tempFilePath: path, size })) });
        else fail({ errMsg: "chooseMedia:fail cancel" });
      });
    },

    uploadFile(options) {
      demand("uploadFile", options, ["url", "filePath", "name"]);
      const task = uploadFile({ url: options.url, headers: options.header, path: options.filePath, name: options.name });
      task.answered.then((answer) => {
        if (answer) options.success({ statusCode: answer.status, data: answer.body });
        else options.fail({ errMsg: "uploadFile:fail abort" });
      });
      return { onProgressUpdate: task.onProgress, abort: task.abort };
    },

    downloadFile(options) {
      demand("downloadFile", options, ["url"]);
      let tellHeaders = () => {};
      get(options.url, "file").then((answer) => {
        if (!answer) return options.fail({ errMsg: "downloadFile:fail" });
        tellHeaders({ header: answer.headers });
        return options.success({ tempFilePath: answer.path, statusCode: answer.status });
      });
      return { onHeadersReceived: (listener) => (tellHeaders = listener) };
    },

    request(options) {
      demand("request", options, ["url"]);
      get(options.url, "text").then((answer) => {
        if (answer) options.success({ statusCode: answer.status, data: answer.text, header: answer.headers });
        else options.fail({ errMsg: "request:fail" });
      });
    },

    showToast(options) {
      demand("showToast", options, ["title"]);
      device.toast(options.title);
    },

    setClipboardData(options) {
      demand("setClipboardData", options, ["data"]);
      options.success({});
    },

    previewImage(options) {
      demand("previewImage", options, ["urls"]);
      if (typeof options.current !== "string") throw new TypeError("previewImage: current is a URL");
    },

    saveImageToPhotosAlbum(options) {
      demand("saveImageToPhotosAlbum", options, ["filePath"]);
      if (device.refusesPermission) options.fail({ errMsg: "saveImageToPhotosAlbum:fail auth deny" });
      else options.success({});
    },

    getStorageSync: (key) => readStorage(key) || "",
    setStorageSync: (key, data) => writeStorage(key, data),
    getAppBaseInfo: () => ({ language: navigator.language.replace("-", "_"), fontSizeSetting: device.fontSize }),
    navigateTo: ({ url }) => device.navigate(url),
    navigateBack: () => device.back(),
  };
  return recorded("wx", wx, device.calls);
}
